# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""The one shape that the rows of every query have, and the pieces of SQL that the queries share.

The queries run with the search path on pg_catalog, so whatever PostgreSQL prints is qualified by its schema
(as pg_dump has it). They look at system catalogs alone: no right on any table is needed.
"""

from collections.abc import Sequence

COLUMNS = (
    "kind",  # NULL: only what hangs on it is told, its comment and its grants
    "name",
    "table",
    "whole_kind",
    "whole_name",
    "address",  # as COMMENT ON and GRANT ON name it
    "owner",
    "owner_lacks",  # privileges that the owner gave up
    "grants",  # text[]: "INSERT, SELECT WITH GRANT OPTION TO app"
    "comment",  # as a literal
    "clauses",  # with SEPARATOR between them: an array would take three times as long to read
)

SEPARATOR = "\x1f"
_SEPARATOR = "E'\\x1f'"

SCHEMAS = """
    schemas AS (
        SELECT oid, quote_ident(nspname) AS name FROM pg_namespace WHERE nspname = ANY (%(schemas)s::name[])
    )"""

RELATIONS = """
    relations AS MATERIALIZED (
        SELECT c.oid, c.relkind, s.name AS schema, s.name || '.' || quote_ident(c.relname) AS name,
               CASE c.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                              WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'type' ELSE 'table' END AS kind
        FROM pg_class c
        JOIN schemas s ON s.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm', 'c') AND c.relpersistence <> 't'
          AND NOT (c.relkind = 'r' AND c.relname = %(version_table)s)
          AND NOT EXISTS (
              SELECT FROM pg_depend e
              WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')
    )"""


def row(
    *,
    kind: str,
    name: str,
    address: str,
    clauses: Sequence[str],
    source: str,
    where: str = "true",
    table: str = "NULL",
    whole: tuple[str, str] = ("NULL", "NULL"),
    owner: str | None = None,
    owner_told: str | None = None,
    acl: tuple[str, str] | None = None,
    comment_of: tuple[str, str, str] | None = None,
) -> str:
    """Return a SELECT of rows in the shape of COLUMNS.

    Every argument is SQL: ``source`` is what follows FROM, ``owner`` a role's oid, told where ``owner_told``
    is true, ``acl`` an aclitem[] and the character by which acldefault() knows the kind of object,
    ``comment_of`` catalog, oid and column number; ``where`` may call the comment's row ``d``.
    """
    comment, described = "NULL", ""
    if comment_of is not None:
        catalog, oid, column = comment_of
        comment = "quote_literal(d.description)"
        described = f"""
        LEFT JOIN pg_description d
          ON d.classoid = '{catalog}'::regclass AND d.objoid = {oid} AND d.objsubid = {column}"""
    if owner is None:  # the address is for a comment and for grants alone, which few have
        reasons = ["d.description IS NOT NULL"] if comment_of else []
        reasons += [f"{acl[0]} IS NOT NULL"] if acl else []
        address = f"CASE WHEN {' OR '.join(reasons or ['false'])} THEN {address} END"
    owner_name = role(owner) if owner else "NULL"
    return f"""
        SELECT {kind}, {name}, {table}, {whole[0]}, {whole[1]}, {address},
               {f"CASE WHEN {owner_told} THEN {owner_name} END" if owner_told else owner_name},
               {_owner_lacks(*acl, owner) if owner and acl else "NULL"},
               {_grants(acl[0], owner) if acl else "NULL::text[]"},
               {comment},
               concat_ws({_SEPARATOR}, {", ".join(clauses)})
        FROM {source}{described}
        WHERE {where}"""


def union(*selects: str) -> str:
    return "\n UNION ALL ".join(selects)


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


def _grants(acl: str, owner: str | None) -> str:
    """What others than the owner may; a list that is not there, as of most objects, is not looked into."""
    return f"""CASE WHEN {acl} IS NOT NULL THEN ARRAY(
            SELECT string_agg(p.privilege, ', ' ORDER BY p.privilege COLLATE "C") || ' TO '
                   || {grantee("p.grantee")}
            FROM (SELECT a.grantee, a.privilege_type || CASE WHEN bool_or(a.is_grantable)
                             THEN ' WITH GRANT OPTION' ELSE '' END AS privilege
                  FROM aclexplode({acl}) a {f"WHERE a.grantee <> {owner}" if owner else ""}
                  GROUP BY a.grantee, a.privilege_type) p
            GROUP BY p.grantee) END"""


def _owner_lacks(acl: str, kind: str, owner: str) -> str:
    return f"""CASE WHEN {acl} IS NOT NULL THEN (
            SELECT string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type COLLATE "C")
            FROM aclexplode(acldefault('{kind}', {owner})) a
            WHERE a.grantee = {owner} AND NOT EXISTS (
                SELECT FROM aclexplode({acl}) b
                WHERE b.grantee = {owner} AND b.privilege_type = a.privilege_type)) END"""
