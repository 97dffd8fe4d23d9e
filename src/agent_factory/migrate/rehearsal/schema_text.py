"""A database's schema as a text to be kept beside the revisions: the same for databases that are the same."""

import re

import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, Scope, read_catalog, read_schemas
from agent_factory.migrate.db.driver import sqlite3_connection
from agent_factory.migrate.db.sql import bare, blanked, in_quotes, quoted
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.rehearsal.scratch import SETTING, Entry, dump_without_owners, read_entries

_BEGINS = """\
-- The schema as af-db writes it: no rows, owners or grants, and nothing of the version table.
"""
_SETTINGS = """
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SET xmloption = content;
SELECT pg_catalog.set_config('search_path', '', false);
"""
"""What the statements of a dump need, whichever pg_dump wrote them."""

_KEPT_SETTING = re.compile(r"SET default_table_access_method\b")
_OF_CATALOG = {"EXTENSION": "extension", "EVENT TRIGGER": "event trigger", "PUBLICATION": "publication"}
"""What is in no schema, may be a platform's, and is to be written only where the catalog has it."""
_OF_NO_SCHEMA = frozenset({"CAST", "COMMENT", "FOREIGN DATA WRAPPER", "SERVER", "PROCEDURAL LANGUAGE"})
_NEVER = frozenset({"USER MAPPING", "SUBSCRIPTION", "DATABASE", "DATABASE PROPERTIES"})
"""They belong to a role or a server, and hold passwords."""
_ORDER_OF_SQLITE = ("table", "index", "view", "trigger")

_SQLITE = r"""
SELECT m.type, m.name, m.tbl_name, m.sql FROM sqlite_master m
WHERE m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.tbl_name <> ?
  AND NOT EXISTS (SELECT 1 FROM pragma_table_list l WHERE l.name = m.name AND l.type = 'shadow')
"""


def schema_text(
    target: Target, connection: sa.Connection, table: VersionTable, schemas: tuple[str, ...] | None
) -> str:
    """Return the statements that make the schema of the database which ``connection`` reads.

    ``table`` is left out, and so is what is af-db's or a platform's; ``schemas`` are those to write, None for
    all others. Raises CannotCopyError where there is no pg_dump for it.
    """
    if connection.dialect.name == "sqlite":
        return _of_sqlite(connection, table)
    scope = Scope(schemas=schemas, version_table=table.name)
    catalog, names = read_catalog(connection, scope), read_schemas(connection, scope)
    is_there = f"{in_quotes(table.schema or 'public')}.{in_quotes(table.name)}"
    entries = tuple(read_entries(dump_without_owners(target, connection, is_there)))
    kept = [_said(entry) for entry in entries if _is_kept(entry, names, catalog)]
    return "\n".join([_BEGINS + _SETTINGS, *_schemas_of_extensions(catalog, names), *kept])


def _is_kept(entry: Entry, schemas: frozenset[str], catalog: Catalog) -> bool:
    if entry.type == SETTING:
        return _KEPT_SETTING.match(entry.sql) is not None
    if entry.type in _NEVER:
        return False
    if entry.type == "SCHEMA":
        return entry.name in schemas and entry.name != "public"
    if entry.type in _OF_CATALOG:
        return (_OF_CATALOG[entry.type], quoted(entry.name)) in {one.key for one in catalog.objects}
    if entry.schema is not None:
        return entry.schema in schemas
    of, _, name = entry.name.partition(" ")
    if entry.type == "COMMENT" and of in ("SCHEMA", "EXTENSION"):
        return of == "SCHEMA" and bare(name) in schemas and bare(name) != "public"
    return entry.type in _OF_NO_SCHEMA


def _said(entry: Entry) -> str:
    """Return the statements of an entry, without pg_dump's comments after them."""
    sql = entry.sql[: len(blanked(entry.sql).rstrip())]
    if entry.type == "SCHEMA":
        sql = sql.replace("CREATE SCHEMA ", "CREATE SCHEMA IF NOT EXISTS ", 1)
    return f"{sql.strip()}\n"


def _schemas_of_extensions(catalog: Catalog, schemas: frozenset[str]) -> list[str]:
    """Return the statements for a platform's schemas in which an extension of the catalog is."""
    found = {
        found[1]
        for one in catalog.objects
        if one.kind == "extension" and (found := re.search(r"\bSCHEMA (\S+)", one.definition))
    }
    return [
        f"CREATE SCHEMA IF NOT EXISTS {name};\n"
        for name in sorted(found)
        if bare(name) not in schemas and bare(name) not in ("public", "pg_catalog")
    ]


def _of_sqlite(connection: sa.Connection, table: VersionTable) -> str:
    rows = sqlite3_connection(connection).execute(_SQLITE, [table.name]).fetchall()
    rows.sort(key=lambda row: (_ORDER_OF_SQLITE.index(row[0]), row[2], row[1]))
    return "\n".join([_BEGINS, *(f"{sql.strip()};\n" for _, _, _, sql in rows)])
