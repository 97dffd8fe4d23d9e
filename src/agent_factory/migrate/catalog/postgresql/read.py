"""Reading PostgreSQL's catalogs: a fixed number of queries, whatever the number of tables."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import psycopg2.extensions
import sqlalchemy as sa

from agent_factory.migrate.catalog import platforms
from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key, Scope
from agent_factory.migrate.catalog.postgresql import parts, rare, tables, types
from agent_factory.migrate.catalog.postgresql.rows import SEPARATOR, Field, Query, fields_by_kind, position
from agent_factory.migrate.db.cursors import own_cursor

_SETTINGS = {
    "search_path": "pg_catalog, pg_temp",
    "quote_all_identifiers": "off",
    "standard_conforming_strings": "on",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "lc_monetary": "C",
    "enable_nestloop": "off",
    "jit": "off",
}
"""What the text of a definition hangs on: nearly the list of pg_dump (setup_connection in pg_dump.c).

The last two are for catalogs that nobody has analysed since they grew: a nested loop that was planned for a
few tables took four times as long as all other queries together with 1,000 (measured, PostgreSQL 18).
"""

_NEWEST = 18_00_00

_NAMES = """
SELECT ARRAY(SELECT nspname::text FROM pg_namespace n
             WHERE left(nspname, 3) <> 'pg_' AND nspname <> 'information_schema'
               AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_namespace'::regclass
                               AND e.objid = n.oid AND e.deptype = 'e')),
       ARRAY(SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%(platform_roles)s::name[]))
"""


def read_postgresql(connection: sa.Connection, scope: Scope) -> Catalog:
    """Describe the objects in scope, as one snapshot sees them.

    In a transaction of the caller's it sees what that has done, and leaves its settings as they were.
    """
    with own_cursor(connection) as cursor, _fixed_settings(connection, cursor):
        cursor.execute(_NAMES, {"platform_roles": list(platforms.ROLES)})
        schemas, roles = cursor.fetchone()
        if scope.schemas is None:
            schemas = platforms.own_schemas(schemas, roles)
        else:
            schemas = [name for name in scope.schemas if name != platforms.AF_DB_SCHEMA]
        values = {
            "schemas": list(schemas),
            "version_table": scope.version_table,
            "all": scope.schemas is None,
            "platform_roles": list(platforms.ROLES),
            "platform_publications": list(platforms.PUBLICATIONS),
        }
        found: dict[Key, CatalogObject] = {}
        queries = _queries(cursor.connection.server_version)
        fields = fields_by_kind(queries)
        for query in queries:
            cursor.execute(query.sql, values)
            for one in _objects(cursor.fetchall(), fields, one_server=scope.one_server):
                if one.kind not in scope.leave_out_kinds:
                    found[one.key] = one
    return Catalog(backend="postgresql", objects=tuple(found[key] for key in sorted(found)))


def compared_fields() -> dict[str, tuple[Field, ...]]:
    """Return what is read of each kind of object, the newest version's."""
    return fields_by_kind(_queries(_NEWEST))


def _queries(version: int) -> tuple[Query, ...]:
    return (
        tables.schemas(),
        tables.tables(),
        tables.columns(version),
        tables.constraints(),
        tables.indexes(),
        tables.sequences(),
        parts.parts_of_tables(),
        types.types(),
        types.routines(),
        rare.of_schemas(),
        rare.of_the_database(version),
    )


@contextlib.contextmanager
def _fixed_settings(connection: sa.Connection, cursor: Any) -> Iterator[None]:
    """Have the definitions printed alike whatever this session prefers.

    Outside of a transaction one is begun that sees one snapshot and cannot write; own_cursor ends it. Inside
    of one, a savepoint takes the settings back, and an error of ours with them.
    """
    driver = cursor.connection
    idle = driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
    if idle and (driver.autocommit or not connection.in_transaction()):
        begin = "BEGIN; " if driver.autocommit else ""
        cursor.execute(f"{begin}SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        end = "ROLLBACK" if driver.autocommit else ""
    else:
        cursor.execute("SAVEPOINT af_db_catalog")
        end = "ROLLBACK TO SAVEPOINT af_db_catalog; RELEASE SAVEPOINT af_db_catalog"
    try:
        cursor.execute("SELECT set_config(key, value, true) FROM json_each_text(%s)", [json.dumps(_SETTINGS)])
        yield
    finally:
        if end and not driver.closed:
            cursor.execute(end)


def _objects(
    rows: Iterable[tuple[Any, ...]], fields: Mapping[str, Sequence[Field]], *, one_server: bool
) -> Iterator[CatalogObject]:
    """Turn the rows of a query into objects: each, its owner, its grants and its comment."""
    for row in rows:
        kind, name, table, parent_kind, parent_name, address, owner, owner_lacks, grants, comment, clauses = (
            row
        )
        parent = (parent_kind, parent_name) if parent_kind else None
        if kind:
            marked = clauses.split(SEPARATOR)
            described = [(fields[kind][position(clause)], clause[1:]) for clause in marked]
            if not one_server:
                described = [(field, clause) for field, clause in described if not field.of_server]
            yield CatalogObject(
                kind=kind,
                name=name,
                table=table,
                clauses=tuple(clause for _, clause in described),
                settings=tuple(field.name if field.is_setting else None for field, _ in described),
                parent=parent,
            )
            parent = (kind, name)
        if owner:
            owned = (owner, f"WITHOUT {owner_lacks}") if owner_lacks else (owner,)
            yield CatalogObject(kind="owner", name=address, table=table, clauses=owned, parent=parent)
        for grant in grants or ():
            privileges, _, grantee = grant.partition(" TO ")
            yield CatalogObject(
                kind="grant",
                name=f"{address} TO {grantee}",
                table=table,
                clauses=(privileges,),
                parent=parent,
            )
        if comment:
            yield CatalogObject(kind="comment", name=address, table=table, clauses=(comment,), parent=parent)
