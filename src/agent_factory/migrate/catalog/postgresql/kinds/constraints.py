"""Constraints of tables and of domains. Those that an index keeps have the clauses of that index as well.

NOT NULL is read with its column, a constraint trigger with the triggers. The rows that PostgreSQL adds for a
foreign key to a partitioned table, one for each partition, follow from the first.
"""

import re

from agent_factory.migrate.catalog.follows import changes_with_parent
from agent_factory.migrate.catalog.kind import RECREATE, Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject, is_attached
from agent_factory.migrate.catalog.postgresql.expressions import (
    DUMPED,
    FIRST_PARENT,
    PRINTED,
    not_of_extension,
    relation,
)
from agent_factory.migrate.catalog.statements import own_name

_DEFINITION = Field(
    "definition",
    "pg_get_constraintdef(k.oid)",
    PRINTED,
    is_printed=True,
)

_OF_TABLE = Query(
    name="r.name || '.' || quote_ident(k.conname)",
    table="r.name",
    parent=(
        "CASE WHEN k.conparentid <> 0 OR NOT k.conislocal THEN 'constraint' ELSE r.kind END",
        "CASE WHEN k.conparentid <> 0 THEN"
        f" {relation('parent.conrelid')} || '.' || quote_ident(parent.conname)"
        f" WHEN NOT k.conislocal THEN {FIRST_PARENT.format('r.oid')} || '.' || quote_ident(k.conname)"
        " ELSE r.name END",
    ),
    address="'CONSTRAINT ' || quote_ident(k.conname) || ' ON ' || r.name",
    fields=(
        _DEFINITION,
        Field(
            "storage options",
            "'WITH (' || (SELECT string_agg(o, ', ' ORDER BY o COLLATE \"C\")"
            " FROM unnest(x.reloptions) AS o) || ')'",
            f"sorted; {DUMPED}",
            is_setting=True,
        ),
        Field(
            "validity of the index",
            "CASE WHEN NOT (i.indisvalid AND i.indisready) THEN 'INVALID' END",
            "what a failed build leaves, or ADD CONSTRAINT on a partitioned table ONLY, which pg_dump writes",
        ),
        Field(
            "disabled triggers",
            "CASE WHEN off.tgconstraint IS NOT NULL THEN 'TRIGGERS DISABLED' END",
            "it is not, in a copy: pg_dump does not write DISABLE TRIGGER for it; the copy is reported",
        ),
    ),
    source="""relations r
    JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x')
    LEFT JOIN pg_constraint parent ON parent.oid = k.conparentid
    LEFT JOIN pg_index i ON i.indexrelid = k.conindid AND k.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_class x ON x.oid = i.indexrelid
    LEFT JOIN (SELECT DISTINCT tgconstraint FROM pg_trigger WHERE tgisinternal AND tgenabled = 'D') off
      ON off.tgconstraint = k.oid""",
    where="k.contype <> 'f' OR k.conparentid = 0 OR k.confrelid = parent.confrelid",
    comment_of=("pg_constraint", "k.oid", "0"),
)

_DOMAIN = "s.name || '.' || quote_ident(t.typname)"
_OF_DOMAIN = Query(
    name=f"{_DOMAIN} || '.' || quote_ident(k.conname)",
    parent=("'domain'", _DOMAIN),
    address=f"'CONSTRAINT ' || quote_ident(k.conname) || ' ON DOMAIN ' || {_DOMAIN}",
    fields=(_DEFINITION,),
    source="""schemas s
    JOIN pg_type t ON t.typnamespace = s.oid
    JOIN pg_constraint k ON k.contypid = t.oid AND k.contype = 'c'""",
    where=not_of_extension("pg_type", "t.oid"),
    comment_of=("pg_constraint", "k.oid", "0"),
)

_DEFERRABLE = re.compile(r" DEFERRABLE(?: INITIALLY DEFERRED)?")


def _alter(one: CatalogObject) -> str:
    of = "TABLE" if one.table is not None else "DOMAIN"
    return f"ALTER {of} {one.name.removesuffix(f'.{own_name(one)}')}"


def _make(one: CatalogObject) -> str | None:
    if is_attached(one) or len(one.clauses) > 1:
        return None
    return f"{_alter(one)} ADD CONSTRAINT {own_name(one)} {one.definition}"


def _drop(one: CatalogObject) -> str | None:
    return None if is_attached(one) else f"{_alter(one)} DROP CONSTRAINT {own_name(one)}"


def _change(wanted: CatalogObject, there: CatalogObject) -> str | None:
    if is_attached(wanted) or len(wanted.clauses) > 1 or len(there.clauses) > 1:
        return None
    alter, name = _alter(wanted), own_name(wanted)
    if there.definition == f"{wanted.definition} NOT VALID":
        return f"{alter} VALIDATE CONSTRAINT {name}"
    without = [_DEFERRABLE.sub("", one.definition) for one in (wanted, there)]
    if wanted.definition.startswith("FOREIGN KEY ") and without[0] == without[1]:
        deferrable = _DEFERRABLE.search(wanted.definition)
        return f"{alter} ALTER CONSTRAINT {name}{deferrable[0] if deferrable else ' NOT DEFERRABLE'}"
    return RECREATE


KINDS = (
    Kind(
        name="constraint",
        queries=(_OF_TABLE, _OF_DOMAIN),
        make=_make,
        drop=_drop,
        change=_change,
        follows=changes_with_parent,
    ),
)
