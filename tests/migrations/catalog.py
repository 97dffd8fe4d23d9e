"""All that a database says of its own schema, as lines that can be compared."""

import re
from collections.abc import Iterator

import sqlalchemy as sa

from tests.migrations.runs import connect

POSTGRESQL_QUERIES = {
    "relation": """
        SELECT c.relname, c.relkind, c.relpersistence, c.reloptions, c.relrowsecurity, c.relreplident
          FROM pg_class c JOIN ours n ON n.oid = c.relnamespace""",
    "column": """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
               a.attgenerated, a.attcollation::regcollation, a.attstorage, pg_get_expr(d.adbin, d.adrelid)
          FROM pg_attribute a
          JOIN pg_class c ON c.oid = a.attrelid JOIN ours n ON n.oid = c.relnamespace
          LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind <> 'i'""",
    "constraint": """
        SELECT c.conrelid::regclass, c.conname, c.contype, pg_get_constraintdef(c.oid), c.convalidated,
               c.condeferrable, c.condeferred, c.conindid::regclass
          FROM pg_constraint c JOIN ours n ON n.oid = c.connamespace""",
    "index": """
        SELECT pg_get_indexdef(i.indexrelid), i.indisunique, i.indisprimary, i.indisvalid, i.indisready
          FROM pg_index i
          JOIN pg_class c ON c.oid = i.indexrelid JOIN ours n ON n.oid = c.relnamespace""",
    "type": "SELECT t.typname, t.typtype FROM pg_type t JOIN ours n ON n.oid = t.typnamespace",
    "function": "SELECT p.oid::regprocedure FROM pg_proc p JOIN ours n ON n.oid = p.pronamespace",
    "trigger": "SELECT tgrelid::regclass, tgname, tgtype, tgenabled FROM pg_trigger WHERE NOT tgisinternal",
    "policy": "SELECT polrelid::regclass, polname FROM pg_policy",
    "comment": """
        SELECT c.relname, d.objsubid, d.description FROM pg_description d
          JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass
          JOIN ours n ON n.oid = c.relnamespace""",
    "schema": "SELECT nspname FROM ours",
}
OURS = """
    WITH ours AS (
        SELECT oid, nspname FROM pg_namespace
         WHERE left(nspname, 3) <> 'pg_' AND nspname <> 'information_schema'
    )"""


def read_catalog(url: str) -> set[str]:
    """Everything in the database but the table ``alembic_version``."""
    with connect(url) as connection:
        lines = _postgresql(connection) if connection.dialect.name == "postgresql" else _sqlite(connection)
        return {line for line in lines if "alembic_version" not in line}


def _postgresql(connection: sa.Connection) -> Iterator[str]:
    for kind, query in POSTGRESQL_QUERIES.items():
        for row in connection.exec_driver_sql(OURS + query):
            yield f"{kind} {tuple(row)}"


def _sqlite(connection: sa.Connection) -> Iterator[str]:
    def pragma(name: str, of: str) -> list[sa.RowMapping]:
        return list(connection.exec_driver_sql(f'PRAGMA {name}("{of}")').mappings())

    def columns(index: str) -> list[tuple[object, ...]]:
        fields = ("seqno", "name", "desc", "coll", "key")
        return [tuple(row[field] for field in fields) for row in pragma("index_xinfo", index)]

    for kind, name, table, sql in connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master"
    ).all():
        if kind == "index" and sql is None:
            continue  # SQLite numbers the indexes of its constraints; they are told by their columns below
        yield f"{kind} {name} on {table}: {_statement(sql)}"
        if kind != "table":
            continue
        for row in pragma("table_xinfo", name):
            yield f"column {name}: {dict(row)}"
        for row in pragma("index_list", name):
            own = row["name"] if row["origin"] == "c" else "(of a constraint)"
            facts = (row["unique"], row["origin"], row["partial"], *columns(row["name"]))
            yield f"index {own} on {name}: {facts}"
        for row in pragma("foreign_key_list", name):
            fields = ("table", "from", "to", "on_update", "on_delete", "match")
            yield f"foreign key of {name}: {[row[field] for field in fields]}"


def _statement(sql: str) -> str:
    """A CREATE statement without its own blanks and quotes, the parts of a table in alphabetical order."""
    plain = re.sub(r"\s+", " ", sql).replace('"', "").strip()
    if not plain.startswith("CREATE TABLE"):
        return plain
    head, _, body = plain.partition("(")
    parts = re.split(r", (?![^()]*\))", body.rpartition(")")[0])
    return f"{head.strip()} ({', '.join(sorted(part.strip() for part in parts))})"
