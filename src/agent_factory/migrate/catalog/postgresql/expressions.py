"""SQL expressions that the queries on PostgreSQL's catalogs share, and reasons that several fields have."""

from collections.abc import Sequence

DUMPED = "only a statement sets it, and pg_dump writes that statement"
NAMES = "names, with their schemas"
PRINTED = (
    "PostgreSQL prints it from what it has parsed, as pg_dump does; two spellings of one thing are equal"
)
"""The reason of every field that ``is_printed``."""


def role(oid: str) -> str:
    return f"quote_ident(pg_get_userbyid({oid}))"


def grantee(oid: str) -> str:
    return f"CASE {oid} WHEN 0 THEN 'PUBLIC' ELSE {role(oid)} END"


def qualified(schema_oid: str, name: str) -> str:
    """Return SQL for a name with its schema, whichever schema that is."""
    schema = f"(SELECT quote_ident(nspname) FROM pg_namespace WHERE oid = {schema_oid})"
    return f"{schema} || '.' || quote_ident({name})"


def relation(oid: str) -> str:
    """Return SQL for a relation's name with its schema; for the few rows that need it."""
    return f"(SELECT {qualified('relnamespace', 'relname')} FROM pg_class WHERE pg_class.oid = {oid})"


FIRST_PARENT = f"""(SELECT {relation("i.inhparent")} FROM pg_inherits i
        WHERE i.inhrelid = {{0}} ORDER BY i.inhseqno LIMIT 1)"""
"""The first table that a table inherits from. Its number need not be 1: NO INHERIT leaves a gap."""


def operator(oid: str) -> str:
    """Return SQL for an operator as SQL calls it by its full name, NULL for oid 0."""
    return f"""(SELECT 'OPERATOR(' || quote_ident(n.nspname) || '.' || o.oprname || ')'
        FROM pg_operator o JOIN pg_namespace n ON n.oid = o.oprnamespace WHERE o.oid = {oid})"""


def not_of_extension(catalog: str, oid: str) -> str:
    return (
        f"NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = '{catalog}'::regclass"
        f" AND e.objid = {oid} AND e.deptype = 'e')"
    )


def options(column: str, *, values_of: Sequence[str] | None = None) -> str:
    """Return SQL for the OPTIONS clause of something foreign, with a blank before it.

    ``values_of`` are the options whose values may be shown; None is all of them.
    """
    shown = ""
    if values_of is not None:
        shown = f"WHEN option_name <> ALL ('{{{','.join(values_of)}}}') THEN option_name"
    return f"""coalesce((SELECT ' OPTIONS (' || string_agg(
            CASE {shown} WHEN true THEN option_name || ' ' || quote_literal(option_value) END,
            ', ' ORDER BY option_name COLLATE "C") || ')' FROM pg_options_to_table({column})), '')"""
