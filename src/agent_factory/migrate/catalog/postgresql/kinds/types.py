"""Enums, domains, composite, range, base and shell types; not the arrays and row types of others."""

import re
from collections.abc import Iterator, Sequence

from agent_factory.migrate.catalog.kind import Field, Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import (
    DUMPED,
    NAMES,
    PRINTED,
    not_of_extension,
    qualified,
)
from agent_factory.migrate.catalog.statements import changed_fields, create, drop, statements

_NAME = "s.name || '.' || quote_ident(t.typname)"
_ATTRIBUTES = """(SELECT string_agg(quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod)
        || CASE WHEN a.attcollation <> e.typcollation THEN ' COLLATE ' || a.attcollation::regcollation
           ELSE '' END, ', ' ORDER BY a.attnum)
    FROM pg_attribute a JOIN pg_type e ON e.oid = a.atttypid
    WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)"""
_RANGE = f"""(SELECT 'SUBTYPE = ' || format_type(g.rngsubtype, NULL)
        || ', SUBTYPE_OPCLASS = ' || (SELECT {qualified("opcnamespace", "opcname")} FROM pg_opclass
                                      WHERE pg_opclass.oid = g.rngsubopc)
        || CASE WHEN g.rngcollation <> 0 THEN ', COLLATION = ' || g.rngcollation::regcollation ELSE '' END
        || CASE WHEN g.rngcanonical <> 0 THEN ', CANONICAL = ' || g.rngcanonical ELSE '' END
        || CASE WHEN g.rngsubdiff <> 0 THEN ', SUBTYPE_DIFF = ' || g.rngsubdiff ELSE '' END
        || ', MULTIRANGE_TYPE_NAME = ' || format_type(g.rngmultitypid, NULL)
    FROM pg_range g WHERE g.rngtypid = t.oid)"""

_DEFAULT = Field(
    "default",
    "CASE t.typtype WHEN 'd' THEN 'DEFAULT ' || pg_get_expr(t.typdefaultbin, 0) END",
    PRINTED,
    is_printed=True,
)
_NOT_NULL = Field("not null", "CASE WHEN t.typnotnull THEN 'NOT NULL' END", DUMPED)

_TYPE = Query(
    kind="CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'type' END",
    name=_NAME,
    parent=("'schema'", "s.name"),
    address=f"CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END || {_NAME}",
    fields=(
        Field(
            "labels",
            "CASE t.typtype WHEN 'e' THEN 'AS ENUM (' || coalesce("
            "(SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)"
            " FROM pg_enum l WHERE l.enumtypid = t.oid), '') || ')' END",
            "in their order; the numbers that order them are not read",
        ),
        Field(
            "attributes",
            f"CASE t.typtype WHEN 'c' THEN 'AS (' || coalesce({_ATTRIBUTES}, '') || ')' END",
            f"{NAMES}, in their order; no column number is read",
        ),
        Field("shell", "CASE WHEN NOT t.typisdefined THEN 'NOT DEFINED' END", DUMPED),
        Field("range", f"CASE t.typtype WHEN 'r' THEN 'AS RANGE (' || {_RANGE} || ')' END", NAMES),
        Field(
            "functions of a base type",
            "CASE t.typtype WHEN 'b' THEN '(INPUT = ' || t.typinput || ', OUTPUT = ' || t.typoutput"
            " || ', INTERNALLENGTH = ' || t.typlen || ')' END",
            DUMPED,
        ),
        Field(
            "type of a domain",
            "CASE t.typtype WHEN 'd' THEN 'AS ' || format_type(t.typbasetype, t.typtypmod) END",
            NAMES,
        ),
        Field(
            "collation",
            "CASE WHEN t.typtype = 'd' AND t.typcollation <> b.typcollation"
            " THEN 'COLLATE ' || t.typcollation::regcollation END",
            "the collation's name, where it is not that of the type; its version is not read",
        ),
        _DEFAULT,
        _NOT_NULL,
    ),
    source="""schemas s
    JOIN pg_type t ON t.typnamespace = s.oid
    LEFT JOIN pg_class c ON c.oid = t.typrelid
    LEFT JOIN pg_type b ON b.oid = t.typbasetype""",
    where=f"""(t.typtype IN ('e', 'd', 'r') OR t.typtype = 'c' AND c.relkind = 'c'
               OR t.typtype = 'b' AND NOT EXISTS (SELECT FROM pg_type a WHERE a.typarray = t.oid)
               OR t.typtype = 'p' AND NOT t.typisdefined)
      AND {not_of_extension("pg_type", "t.oid")}""",
    owner="t.typowner",
    acl=("coalesce(t.typacl, acldefault('T', t.typowner))", "T"),
    comment_of=("pg_type", "t.oid", "0"),
)

_LABEL = re.compile(r"E?'(?:[^']|'')*'")


def _change_enum(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """ADD VALUE for each label that is missing; one cannot be taken away, nor moved."""
    labels, others = (_LABEL.findall(one.definition) for one in (wanted, there))
    if [label for label in labels if label in others] != others:
        return None
    return statements(*_added_labels(wanted.name, labels, others))


def _added_labels(name: str, labels: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    for place, label in enumerate(labels):
        if label in others:
            continue
        where = f" AFTER {labels[place - 1]}" if place else f" BEFORE {others[0]}" if others else ""
        yield f"ALTER TYPE {name} ADD VALUE {label}{where}"


def _change_domain(wanted: CatalogObject, there: CatalogObject) -> str | None:
    changed = changed_fields(_TYPE.fields, wanted, there)
    if changed == (_DEFAULT,):
        default = _DEFAULT.of(wanted)
        return f"ALTER DOMAIN {wanted.name} {f'SET {default}' if default else 'DROP DEFAULT'}"
    if changed == (_NOT_NULL,):
        return f"ALTER DOMAIN {wanted.name} {'SET' if _NOT_NULL.of(wanted) else 'DROP'} NOT NULL"
    return None


def _make_type(one: CatalogObject) -> str:
    is_shell = "shell" in one.fields
    return f"CREATE TYPE {one.name}" if is_shell else f"CREATE TYPE {one.name} {one.definition}"


KINDS = (
    Kind(name="enum", queries=(_TYPE,), make=create("TYPE"), drop=drop("TYPE"), change=_change_enum),
    Kind(name="domain", queries=(_TYPE,), make=create("DOMAIN"), drop=drop("DOMAIN"), change=_change_domain),
    Kind(name="type", queries=(_TYPE,), make=_make_type, drop=drop("TYPE")),
)
