"""Sequences with their parameters, those of identity columns included; a current value is no schema."""

from agent_factory.migrate.catalog.kind import Field, Kind, Pair, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, NAMES, not_of_extension
from agent_factory.migrate.catalog.postgresql.kinds.columns import IDENTITY
from agent_factory.migrate.catalog.statements import only_in

_IS_OWNED = "dep.refobjid IS NOT NULL"
_IS_OF_IDENTITY = "dep.deptype = 'i'"
_TABLE = "quote_ident(tn.nspname) || '.' || quote_ident(t.relname)"
_COLUMN = f"{_TABLE} || '.' || quote_ident(a.attname)"

_PERSISTENCE = Field("persistence", "CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' END", DUMPED)
_OWNER_COLUMN = Field("owner column", f"CASE WHEN {_IS_OWNED} THEN 'OWNED BY ' || {_COLUMN} END", NAMES)

_SEQUENCE = Query(
    name="s.name || '.' || quote_ident(c.relname)",
    table=_TABLE,
    parent=(
        f"CASE WHEN {_IS_OWNED} THEN 'column' ELSE 'schema' END",
        f"CASE WHEN {_IS_OWNED} THEN {_COLUMN} ELSE s.name END",
    ),
    address="'SEQUENCE ' || s.name || '.' || quote_ident(c.relname)",
    fields=(
        _PERSISTENCE,
        Field(
            "type",
            f"'AS ' || format_type(CASE WHEN {_IS_OF_IDENTITY} THEN a.atttypid ELSE q.seqtypid END, NULL)",
            f"{NAMES}; of an identity it is the column's, as in a dump",
        ),
        Field("increment", "'INCREMENT BY ' || q.seqincrement", DUMPED),
        Field("minimum", "'MINVALUE ' || q.seqmin", DUMPED),
        Field("maximum", "'MAXVALUE ' || q.seqmax", DUMPED),
        Field("start", "'START WITH ' || q.seqstart", f"{DUMPED}; where the sequence is now is not read"),
        Field("cache", "'CACHE ' || q.seqcache", DUMPED),
        Field("cycle", "CASE WHEN q.seqcycle THEN 'CYCLE' ELSE 'NO CYCLE' END", DUMPED),
        _OWNER_COLUMN,
    ),
    source="""schemas s
    JOIN pg_class c ON c.relnamespace = s.oid AND c.relkind = 'S' AND c.relpersistence <> 't'
    JOIN pg_sequence q ON q.seqrelid = c.oid
    LEFT JOIN pg_depend dep ON dep.classid = 'pg_class'::regclass AND dep.objid = c.oid
      AND dep.refclassid = 'pg_class'::regclass AND dep.refobjsubid > 0 AND dep.deptype IN ('a', 'i')
    LEFT JOIN pg_attribute a ON a.attrelid = dep.refobjid AND a.attnum = dep.refobjsubid
    LEFT JOIN pg_class t ON t.oid = dep.refobjid
    LEFT JOIN pg_namespace tn ON tn.oid = t.relnamespace""",
    where=not_of_extension("pg_class", "c.oid"),
    owner="c.relowner",
    owner_if=f"NOT ({_IS_OWNED})",  # what a column owns always has the owner of its table
    acl=("c.relacl", "s"),
    comment_of=("pg_class", "c.oid", "0"),
)


def _make(one: CatalogObject) -> str:
    unlogged = "UNLOGGED " if _PERSISTENCE.of(one) else ""
    return f"CREATE {unlogged}SEQUENCE {one.name} {one.definition.removeprefix(unlogged)}"


def _change(wanted: CatalogObject, there: CatalogObject) -> str | None:
    if _PERSISTENCE.of(wanted) or _PERSISTENCE.of(there):
        return None
    changed = only_in(wanted, there)
    if _OWNER_COLUMN.of(wanted) is None and _OWNER_COLUMN.of(there) is not None:
        changed.append("OWNED BY NONE")
    return f"ALTER SEQUENCE {wanted.name} {' '.join(changed)}"


def _comes_with_identity(pair: Pair, columns: tuple[CatalogObject, CatalogObject]) -> bool:
    return None in pair and IDENTITY.of(columns[0]) != IDENTITY.of(columns[1])


KINDS = (
    Kind(
        name="sequence",
        queries=(_SEQUENCE,),
        make=_make,
        change=_change,
        follows=_comes_with_identity,
        comes_by_itself=True,
    ),
)
