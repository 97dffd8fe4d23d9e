"""What a role may do in a database, as far as migrations need it: asked of the catalog, and not tried."""

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate.db.cursors import fetch_named
from agent_factory.migrate.db.rights import MAY_READ, MAY_WRITE
from agent_factory.migrate.model.version_table import VersionTable

_TABLES = f"""
SELECT count(*) AS tables, count(*) FILTER (WHERE NOT {MAY_READ}) AS unreadable,
       count(*) FILTER (WHERE NOT pg_has_role(c.relowner, 'USAGE')) AS of_others,
       (array_agg(format('%%I.%%I', n.nspname, c.relname) ORDER BY n.nspname, c.relname)
           FILTER (WHERE NOT {MAY_READ}))[:3] AS examples,
       array_agg(DISTINCT quote_ident(n.nspname)) FILTER (WHERE NOT {MAY_READ}) AS schemas
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname = ANY (%(schemas)s)
"""  # noqa: S608 - constants

_SCHEMAS = r"""
SELECT nspname AS name FROM pg_namespace
WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
"""

_VERSION_TABLE = f"""
SELECT (SELECT {MAY_WRITE} AND has_table_privilege(c.oid, 'DELETE') FROM pg_class c
        WHERE c.oid = to_regclass(format('%%I.%%I', %(schema)s::text, %(name)s::text))) AS may_write,
       (SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %(schema)s) AS may_create
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRights:
    """Of ``tables``, how many this role may not read, and how many it may not alter.

    ``examples`` are some that it may not read, and ``schemas`` those that these are in, as SQL has them.
    """

    tables: int
    unreadable: int
    of_others: int
    examples: tuple[str, ...]
    schemas: tuple[str, ...]


def read_schemas(connection: sa.Connection) -> tuple[str, ...]:
    """Return the schemas of the database that are not the system's."""
    return tuple(row["name"] for row in fetch_named(connection, _SCHEMAS))


def read_roles(connection: sa.Connection) -> tuple[str, ...]:
    """Return the names of the server's roles."""
    return tuple(row["name"] for row in fetch_named(connection, "SELECT rolname AS name FROM pg_roles"))


def read_table_rights(connection: sa.Connection, schemas: Collection[str]) -> TableRights:
    """Return what this role may do with the tables of these schemas."""
    (row,) = fetch_named(connection, _TABLES, {"schemas": list(schemas)})
    lists = {name: tuple(row[name] or ()) for name in ("examples", "schemas")}
    return TableRights(**{**row, **lists})


def may_create_schemas(connection: sa.Connection) -> bool:
    """Say whether this role may make a schema here, such as that of the journal."""
    (row,) = fetch_named(connection, "SELECT has_database_privilege(current_database(), 'CREATE') AS may")
    return bool(row["may"])


def may_write_version_table(connection: sa.Connection, table: VersionTable) -> bool:
    """Say whether this role may write the version table, or make it where it is not there yet."""
    (row,) = fetch_named(connection, _VERSION_TABLE, {"schema": table.schema, "name": table.name})
    return bool(row["may_create"] if row["may_write"] is None else row["may_write"])


def read_clock(connection: sa.Connection) -> tuple[float, str]:
    """Return the server's time, in seconds since 1970, and the session's time zone."""
    (row,) = fetch_named(
        connection,
        "SELECT extract(epoch FROM clock_timestamp())::float8 AS now, current_setting('TimeZone') AS zone",
    )
    return float(row["now"]), str(row["zone"])
