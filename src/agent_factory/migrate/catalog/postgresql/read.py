"""Reading PostgreSQL's catalogs: one query for all objects, whatever their number."""

import contextlib
import json
from collections.abc import Iterator

import psycopg2.extensions
import sqlalchemy as sa

from agent_factory.migrate.catalog import platforms
from agent_factory.migrate.catalog.objects import Catalog
from agent_factory.migrate.catalog.postgresql.registry import KINDS
from agent_factory.migrate.catalog.postgresql.rows import objects, select
from agent_factory.migrate.catalog.scope import Scope
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import Cursor

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
    "join_collapse_limit": "1",
}
"""What the text of a definition depends on: nearly the list of pg_dump (setup_connection in pg_dump.c).

The last three are not about text. A nested loop that was planned for a few tables, in catalogs that nobody
has analysed since they grew, took four times as long as all the rest with 1,000. And the joins are in a good
order already: to try the others took a quarter of the time for a small database (measured, PostgreSQL 18).
"""

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
        values = {
            "schemas": _schemas(cursor, scope),
            "version_table": scope.version_table,
            "all": scope.schemas is None,
            "platform_roles": list(platforms.ROLES),
            "platform_publications": list(platforms.PUBLICATIONS),
        }
        cursor.execute(select(KINDS.values(), cursor.connection.server_version), values)
        found = {
            one.key: one
            for one in objects(cursor, KINDS, one_server=scope.one_server)
            if one.kind not in scope.leave_out_kinds
        }
    return Catalog(backend="postgresql", objects=tuple(found[key] for key in sorted(found)))


def read_schemas(connection: sa.Connection, scope: Scope) -> frozenset[str]:
    """Return the names of the schemas in scope, without quotes; those that are named may not be there."""
    with own_cursor(connection) as cursor:
        return frozenset(_schemas(cursor, scope))


def _schemas(cursor: Cursor, scope: Scope) -> list[str]:
    if scope.schemas is not None:
        return [name for name in scope.schemas if name != platforms.AF_DB_SCHEMA]
    cursor.execute(_NAMES, {"platform_roles": list(platforms.ROLES)})
    ((schemas, roles),) = cursor.fetchall()
    return [name for name in platforms.own_schemas(schemas, roles) if name not in scope.leave_out_schemas]


@contextlib.contextmanager
def _fixed_settings(connection: sa.Connection, cursor: Cursor) -> Iterator[None]:
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
