"""Rules, those that views are made of left out."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import PRINTED
from agent_factory.migrate.catalog.postgresql.firing import (
    change_firing,
    drop_from_table,
    enabled,
    make_firing,
)

_RULE = Query(
    name="r.name || '.' || quote_ident(w.rulename)",
    table="r.name",
    parent=("r.kind", "r.name"),
    address="'RULE ' || quote_ident(w.rulename) || ' ON ' || r.name",
    fields=(
        Field("definition", "rtrim(pg_get_ruledef(w.oid), ';')", PRINTED, is_printed=True),
        enabled("w.ev_enabled"),
    ),
    source="relations r JOIN pg_rewrite w ON w.ev_class = r.oid",
    where="w.rulename <> '_RETURN'",
    comment_of=("pg_rewrite", "w.oid", "0"),
)

KINDS = (Kind(name="rule", queries=(_RULE,), make=make_firing, drop=drop_from_table, change=change_firing),)
