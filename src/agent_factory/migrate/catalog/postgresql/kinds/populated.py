"""Whether a materialized view holds rows."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query

_POPULATED = Query(
    name="r.name",
    table="r.name",
    parent=("r.kind", "r.name"),
    fields=(
        Field("rows", "'WITH DATA'", "it is not, in a copy without rows: left out of a comparison with one"),
    ),
    source="relations r JOIN pg_class c ON c.oid = r.oid",
    where="c.relkind = 'm' AND c.relispopulated",
)

POPULATED = Kind(
    name="populated",
    queries=(_POPULATED,),
    make=lambda one: f"REFRESH MATERIALIZED VIEW {one.name}",
    comes_by_itself=True,
)

KINDS = (POPULATED,)
