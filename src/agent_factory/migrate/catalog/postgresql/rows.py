"""The one shape of row in which objects of every kind are read: the SELECT, and the objects from its rows.

It runs with the search path on pg_catalog, so whatever PostgreSQL prints is qualified by its schema (as
pg_dump has it). It reads system catalogs alone: no right on any table is needed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agent_factory.migrate.catalog.kind import Kind, Query
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.expressions import grantee, role
from agent_factory.migrate.catalog.postgresql.kinds.remarks import COMMENT, GRANT, OWNER

_SEPARATOR = "\x1f\x1e\x1f"
"""Between the clauses of a row: an array would take three times as long to read. A text of somebody's own may
have the first of these characters, as a default for example, but hardly all three."""

_FIRST_MARK = ord("A")
"""Before each clause stands a character that says which of its kind's fields it is; this is the first's."""

_SCHEMAS = """
    schemas AS (
        SELECT oid, quote_ident(nspname) AS name FROM pg_namespace WHERE nspname = ANY (%(schemas)s::name[])
    )"""

_RELATIONS = """
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


def select(kinds: Iterable[Kind], version: int) -> str:
    """Return the one SELECT that finds the objects of these kinds on a server of this version."""
    selects: dict[Query, str] = {}
    for kind in kinds:
        for query in kind.queries:
            if query not in selects:  # several kinds may share one
                selects[query] = _select(query, kind.name, version)
    return f"WITH {_SCHEMAS}, {_RELATIONS}{' UNION ALL '.join(selects.values())}"


def objects(
    rows: Iterable[tuple[Any, ...]], kinds: Mapping[str, Kind], *, one_server: bool
) -> Iterator[CatalogObject]:
    """Turn the rows of the SELECT into objects: each, its owner, its grants and its comment.

    A row is: kind, NULL where only its comment and its grants are read; name; table; kind and name of the
    parent; address; owner; privileges that the owner gave up; grants, such as ``SELECT WITH GRANT OPTION TO
    app``; comment, as a literal; clauses.
    """
    fields = {name: kind.fields for name, kind in kinds.items()}
    for kind, name, table, parent_kind, parent_name, address, owner, lacks, grants, comment, clauses in rows:
        parent = (parent_kind, parent_name) if parent_kind else None
        if kind and not clauses:
            continue  # dropped since the snapshot: PostgreSQL prints definitions as they are now
        if kind:
            described = [
                (fields[kind][ord(marked[0]) - _FIRST_MARK], marked[1:])
                for marked in clauses.split(_SEPARATOR)
            ]
            if not one_server:
                described = [(field, clause) for field, clause in described if not field.of_server]
            yield CatalogObject(
                kind=kind,
                name=name,
                table=table,
                clauses=tuple(clause for _, clause in described),
                fields=tuple(field.name for field, _ in described),
                parent=parent,
            )
            parent = (kind, name)
        said = [(OWNER, address, (owner, f"WITHOUT {lacks}") if lacks else (owner,))] if owner else []
        for grant in grants or ():
            privileges, _, to = grant.partition(" TO ")
            said.append((GRANT, f"{address} TO {to}", (privileges,)))
        if comment and (one_server or not kind or not kinds[kind].comment_is_of_server):
            said.append((COMMENT, address, (comment,)))
        for remark, of, words in said:
            yield CatalogObject(kind=remark.name, name=of, table=table, clauses=words, parent=parent)


def _select(query: Query, kind: str, version: int) -> str:
    """Return a SELECT of rows as ``objects`` takes them."""
    owner, acl, address = query.owner, query.acl, query.address
    comment, described = "NULL", ""
    if query.comment_of is not None:
        catalog, oid, column = query.comment_of
        comment = "quote_literal(d.description)"
        described = f"""
        LEFT JOIN pg_description d
          ON d.classoid = '{catalog}'::regclass AND d.objoid = {oid} AND d.objsubid = {column}"""
    if owner is None:  # the address is for a comment and for grants alone, which few have
        reasons = ["d.description IS NOT NULL"] if query.comment_of else []
        reasons += [f"{acl[0]} IS NOT NULL"] if acl else []
        address = f"CASE WHEN {' OR '.join(reasons or ['false'])} THEN {address} END"
    owner_name = role(owner) if owner else "NULL"
    clauses = ", ".join(
        f"'{chr(_FIRST_MARK + number)}' || ({field.sql_on(version)})"
        for number, field in enumerate(query.fields)
    )
    return f"""
        SELECT {query.kind or f"'{kind}'"}, {query.name}, {query.table},
               {query.parent[0]}, {query.parent[1]}, {address},
               {f"CASE WHEN {query.owner_if} THEN {owner_name} END" if query.owner_if else owner_name},
               {_owner_lacks(*acl, owner) if owner and acl else "NULL"},
               {_grants(acl[0], owner) if acl else "NULL::text[]"},
               {comment},
               concat_ws(E'\\x1f\\x1e\\x1f', {clauses})
        FROM {query.source}{described}
        WHERE {query.where}"""


def _grants(acl: str, owner: str | None) -> str:
    """What others than the owner may; a list that is not there, as of most objects, is not read."""
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
