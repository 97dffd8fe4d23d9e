"""Schemas."""

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.statements import drop

_SCHEMA = Query(
    name="s.name",
    address="'SCHEMA ' || s.name",
    fields=(Field("kind", "'SCHEMA'", "a constant"),),
    source="schemas s JOIN pg_namespace n USING (oid)",
    owner="n.nspowner",
    acl=("n.nspacl", "n"),
    comment_of=("pg_namespace", "n.oid", "0"),
)

KINDS = (
    Kind(
        name="schema",
        queries=(_SCHEMA,),
        make=lambda one: f"CREATE SCHEMA {one.name}",
        drop=drop("SCHEMA"),
        dropped_empty=True,
    ),
)
