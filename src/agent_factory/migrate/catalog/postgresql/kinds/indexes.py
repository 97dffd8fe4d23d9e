"""Indexes but those that keep a constraint."""

import re

from agent_factory.migrate.catalog.follows import comes_with_parent
from agent_factory.migrate.catalog.kind import RECREATE, Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject, is_attached
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED, PRINTED, relation

_INDEX = Query(
    name="r.schema || '.' || quote_ident(c.relname)",
    table="r.name",
    parent=(
        "CASE WHEN inh.inhparent IS NULL THEN r.kind ELSE 'index' END",
        f"CASE WHEN inh.inhparent IS NULL THEN r.name ELSE {relation('inh.inhparent')} END",
    ),
    address="'INDEX ' || r.schema || '.' || quote_ident(c.relname)",
    fields=(
        Field("definition", "pg_get_indexdef(c.oid)", PRINTED, is_printed=True),
        Field(
            "validity",
            "CASE WHEN NOT (i.indisvalid AND i.indisready AND i.indislive) THEN 'INVALID' END",
            "what a failed build leaves; pg_dump leaves such an index out, but not a partitioned one",
        ),
        Field(
            "parent",
            f"CASE WHEN inh.inhparent IS NOT NULL THEN 'PARTITION OF ' || {relation('inh.inhparent')} END",
            "the name of the partitioned index",
        ),
        Field(
            "statistics targets",
            "CASE WHEN i.indexprs IS NOT NULL THEN (SELECT string_agg("
            "'ALTER COLUMN ' || a.attnum || ' SET STATISTICS ' || a.attstattarget, ', '"
            " ORDER BY a.attnum)"
            " FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attstattarget >= 0) END",
            f"of expressions, by their place in the index, which nothing changes; {DUMPED}",
            is_setting=True,
        ),
    ),
    source="""relations r
    JOIN pg_index i ON i.indrelid = r.oid
    JOIN pg_class c ON c.oid = i.indexrelid
    LEFT JOIN pg_inherits inh ON inh.inhrelid = c.oid""",
    where="""NOT EXISTS (
        SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.contype IN ('p', 'u', 'x'))""",
    comment_of=("pg_class", "c.oid", "0"),
)

_BUILD = re.compile(r"CREATE (UNIQUE )?INDEX ")


def _is_of_partitions(one: CatalogObject) -> bool:
    return f" ON ONLY {one.table} " in one.clauses[0]


def _make(one: CatalogObject) -> str | None:
    """The index's own statement, CONCURRENTLY where PostgreSQL can do that."""
    if len(one.clauses) > 1:
        return None
    if _is_of_partitions(one):
        return one.definition.replace(f" ON ONLY {one.table} ", f" ON {one.table} ", 1)
    return _BUILD.sub(lambda match: f"{match[0]}CONCURRENTLY ", one.definition, count=1)


def _drop(one: CatalogObject) -> str | None:
    if is_attached(one):
        return None
    return f"DROP INDEX {'' if _is_of_partitions(one) else 'CONCURRENTLY '}{one.name}"


def _change(wanted: CatalogObject, there: CatalogObject) -> str | None:
    if there.clauses == (*wanted.clauses, "INVALID"):
        return None if _is_of_partitions(there) else f"REINDEX INDEX CONCURRENTLY {wanted.name}"
    return RECREATE


KINDS = (
    Kind(name="index", queries=(_INDEX,), make=_make, drop=_drop, change=_change, follows=comes_with_parent),
)
