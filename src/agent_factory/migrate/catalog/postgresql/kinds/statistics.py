"""Extended statistics."""

from agent_factory.migrate.catalog.kind import RECREATE, Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, PRINTED
from agent_factory.migrate.catalog.statements import drop, statements

_DEFINITION = Field("definition", "pg_get_statisticsobjdef(x.oid)", PRINTED, is_printed=True)
_TARGET = Field(
    "statistics target",
    "CASE WHEN x.stxstattarget >= 0 THEN 'SET STATISTICS ' || x.stxstattarget END",
    f"where somebody set one; {DUMPED}",
    is_setting=True,
)

_STATISTICS = Query(
    name="s.name || '.' || quote_ident(x.stxname)",
    table="r.name",
    parent=("r.kind", "r.name"),
    address="'STATISTICS ' || s.name || '.' || quote_ident(x.stxname)",
    fields=(_DEFINITION, _TARGET),
    source="""schemas s
    JOIN pg_statistic_ext x ON x.stxnamespace = s.oid
    JOIN relations r ON r.oid = x.stxrelid""",
    owner="x.stxowner",
    comment_of=("pg_statistic_ext", "x.oid", "0"),
)


def _make(one: CatalogObject) -> str | None:
    target = _TARGET.of(one)
    return statements(_DEFINITION.of(one), *([f"ALTER STATISTICS {one.name} {target}"] if target else []))


def _change(wanted: CatalogObject, there: CatalogObject) -> str:
    if _DEFINITION.of(wanted) != _DEFINITION.of(there):
        return RECREATE
    return f"ALTER STATISTICS {wanted.name} {_TARGET.of(wanted) or 'SET STATISTICS -1'}"


KINDS = (
    Kind(name="statistics", queries=(_STATISTICS,), make=_make, drop=drop("STATISTICS"), change=_change),
)
