# ruff: noqa: S608 - these queries are made of constants; what is looked for goes in as parameters
"""The one shape that the rows of every query have, and the pieces of SQL that the queries share.

The queries run with the search path on pg_catalog, so whatever PostgreSQL prints is qualified by its schema
(as pg_dump has it). They look at system catalogs alone: no right on any table is needed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

COLUMNS = (
    "kind",  # NULL: only what hangs on it is told, its comment and its grants
    "name",
    "table",
    "parent_kind",
    "parent_name",
    "address",  # as COMMENT ON and GRANT ON name it
    "owner",
    "owner_lacks",  # privileges that the owner gave up
    "grants",  # text[]: "INSERT, SELECT WITH GRANT OPTION TO app"
    "comment",  # as a literal
    "clauses",  # with SEPARATOR between them: an array would take three times as long to read
)

SEPARATOR = "\x1f"
_SEPARATOR = "E'\\x1f'"

DUMPED = "only a statement sets it, and pg_dump writes that statement"
NAMES = "names, with their schemas"
PRINTED = "PostgreSQL prints it from what it has parsed, and pg_dump writes that text"
"""Reasons that several fields have."""

_FIRST_MARK = ord("A")


@dataclass(frozen=True, slots=True)
class Field:
    """One part of an object's description.

    ``sql`` gives its clause, NULL for none. ``same`` says why two databases of one schema have it in common:
    after dump and restore, on two minor releases, on two machines. A setting is how an object is kept or
    used, not what it is: where a fresh copy has it otherwise, it can be left out of a comparison. What is
    ``of_server`` another server need not have in common, and is compared within one database alone.
    """

    name: str
    sql: str
    same: str
    is_setting: bool = False
    of_server: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """SQL whose rows have the shape of COLUMNS, and the fields of each kind of object in them."""

    sql: str
    fields: tuple[tuple[str, tuple[Field, ...]], ...]

    def after(self, *common: str) -> "Query":
        """Return the query with these common table expressions in front."""
        return replace(self, sql=f"WITH {', '.join(common)}{self.sql}")


def mark(position: int) -> str:
    """Return the character that stands before a clause and says which of its kind's fields it is."""
    return chr(_FIRST_MARK + position)


def position(clause: str) -> int:
    """Return which of its kind's fields a clause is, by its first character."""
    return ord(clause[0]) - _FIRST_MARK


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
    *kinds: str,
    fields: Sequence[Field],
    name: str,
    address: str,
    source: str,
    kind: str | None = None,
    where: str = "true",
    table: str = "NULL",
    parent: tuple[str, str] = ("NULL", "NULL"),
    owner: str | None = None,
    owner_told: str | None = None,
    acl: tuple[str, str] | None = None,
    comment_of: tuple[str, str, str] | None = None,
) -> Query:
    """Return a SELECT of rows in the shape of COLUMNS.

    ``kinds`` are the kinds of object that it finds; ``kind`` is SQL for which of them a row is, where there
    are several or a row may be none. Every other argument is SQL too: ``source`` is what follows FROM,
    ``owner`` a role's oid, told where ``owner_told`` is true, ``acl`` an aclitem[] and the character by which
    acldefault() knows the kind of object, ``comment_of`` catalog, oid and column number; ``where`` may call
    the comment's row ``d``.
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
    clauses = ", ".join(f"'{mark(number)}' || ({field.sql})" for number, field in enumerate(fields))
    sql = f"""
        SELECT {kind or f"'{kinds[0]}'"}, {name}, {table}, {parent[0]}, {parent[1]}, {address},
               {f"CASE WHEN {owner_told} THEN {owner_name} END" if owner_told else owner_name},
               {_owner_lacks(*acl, owner) if owner and acl else "NULL"},
               {_grants(acl[0], owner) if acl else "NULL::text[]"},
               {comment},
               concat_ws({_SEPARATOR}, {clauses})
        FROM {source}{described}
        WHERE {where}"""
    return Query(sql=sql, fields=tuple((each, tuple(fields)) for each in kinds))


def union(*queries: Query) -> Query:
    return Query(
        sql="\n UNION ALL ".join(query.sql for query in queries),
        fields=tuple(fields for query in queries for fields in query.fields),
    )


def fields_by_kind(queries: Iterable[Query]) -> dict[str, tuple[Field, ...]]:
    """Return what is read of each kind; a kind that two queries find has the same fields in both."""
    return {kind: fields for query in queries for kind, fields in query.fields}


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
