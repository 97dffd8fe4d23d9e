"""Triggers, those that constraints bring left out."""

from agent_factory.migrate.catalog.follows import comes_with_parent
from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.postgresql.expressions import PRINTED, not_of_extension
from agent_factory.migrate.catalog.postgresql.firing import (
    change_firing,
    drop_from_table,
    enabled,
    make_firing,
)

_TRIGGER = Query(
    name="r.name || '.' || quote_ident(t.tgname)",
    table="r.name",
    parent=(
        "CASE WHEN t.tgparentid = 0 THEN r.kind ELSE 'trigger' END",
        "coalesce((SELECT r2.name || '.' || quote_ident(p.tgname) FROM pg_trigger p"
        " JOIN relations r2 ON r2.oid = p.tgrelid WHERE p.oid = t.tgparentid), r.name)",
    ),
    address="'TRIGGER ' || quote_ident(t.tgname) || ' ON ' || r.name",
    fields=(
        Field("definition", "pg_get_triggerdef(t.oid)", PRINTED, is_printed=True),
        enabled("t.tgenabled"),
    ),
    source="relations r JOIN pg_trigger t ON t.tgrelid = r.oid",
    where=f"NOT t.tgisinternal AND {not_of_extension('pg_trigger', 't.oid')}",
    comment_of=("pg_trigger", "t.oid", "0"),
)

KINDS = (
    Kind(
        name="trigger",
        queries=(_TRIGGER,),
        make=make_firing,
        drop=drop_from_table,
        change=change_firing,
        follows=comes_with_parent,
    ),
)
