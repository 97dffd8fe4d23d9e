"""The table that a version table's name stands for, and the version tables of a database."""

from typing import TYPE_CHECKING

from agent_factory.migrate.db.rights import HIDES_ROWS
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.migrate.model.version_table import VersionTable

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor

_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
"""Of ``pg_class.relkind``: what Alembic reads as a table, and what may show other rows than were written."""

_RESOLVE = f"""
SELECT current_schema(), quote_ident(current_user), t.*
FROM (VALUES (true)) AS one
LEFT JOIN (
    SELECT n.nspname, c.relkind::text, has_schema_privilege(n.oid, 'USAGE') AS may_use,
           has_any_column_privilege(c.oid, 'SELECT') AS may_read,
           {HIDES_ROWS} AS hides_rows, format('%%I.%%I', n.nspname, c.relname) AS sql_name,
           quote_ident(n.nspname) AS sql_schema
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = %(name)s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
      AND CASE WHEN %(schema)s::text IS NOT NULL THEN n.nspname = %(schema)s::text
               WHEN has_schema_privilege(n.oid, 'USAGE') THEN pg_table_is_visible(c.oid)
               ELSE n.nspname IN (
                   SELECT CASE path WHEN '$user' THEN current_user ELSE path END
                   FROM (SELECT btrim(part, ' "') AS path
                         FROM unnest(string_to_array(current_setting('search_path'), ',')) AS part) AS parts)
          END
    ORDER BY may_use DESC LIMIT 1
) AS t ON true
"""  # noqa: S608 - constants

_OTHERS = """
SELECT n.nspname, c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
  AND (SELECT array_agg(a.attname::text) FROM pg_attribute a
       WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) = '{version_num}'
  AND (n.nspname, c.relname) IS DISTINCT FROM (%(schema)s::name, %(name)s::name)
ORDER BY 1, 2
"""


def resolve(cursor: "Cursor", name: str, schema: str | None) -> tuple[VersionTable, bool]:
    """Return the table that this name means right now, and whether it is there.

    ``schema`` is the one that env.py gives; where that is None, search_path decides. Raises RefusedError
    where there is such a table and this role may not be shown all of its rows.
    """
    cursor.execute(_RESOLVE, {"name": name, "schema": schema})
    ((here, role, found, kind, may_use, may_read, hides_rows, sql_name, sql_schema),) = cursor.fetchall()
    if found is None:
        return VersionTable(schema=here if schema is None else schema, name=name), False
    table = VersionTable(schema=found, name=name)
    why = "where the database is cannot be read"
    if not may_use:
        raise RefusedError(
            "hidden-rows",
            f"{role} may not use the schema {found}, in which {name} is: {why}",
            state=UNCHANGED,
            next_steps=(
                f"let the schema's owner run: GRANT USAGE ON SCHEMA {sql_schema} TO {role}",
                "or, where another schema's history is meant, let env.py name that: version_table_schema",
            ),
        )
    if not may_read:
        raise RefusedError(
            "hidden-rows",
            f"{role} may not read {table}: {why}",
            state=UNCHANGED,
            next_steps=(f"let the table's owner run: GRANT SELECT ON {sql_name} TO {role}",),
        )
    refuse_hidden(str(table), sql_name, kind, role, why, hides_rows=hides_rows)
    return table, True


def refuse_hidden(what: str, sql_name: str, kind: str, role: str, why: str, *, hides_rows: bool) -> None:
    """Raise RefusedError for what is no table, and for one whose rows this role may not all see.

    ``kind`` is its ``relkind``; ``why`` says what cannot be known then.
    """
    if kind in _KINDS:
        raise RefusedError(
            "hidden-rows",
            f"{what} is {_KINDS[kind]}, which may leave out rows: {why}",
            state=UNCHANGED,
            next_steps=(f"see what it is: \\d+ {sql_name}", "rename it, or name the table itself"),
        )
    if hides_rows:
        raise RefusedError(
            "hidden-rows",
            f"row level security of {what} may hide rows from {role}: {why}",
            state=UNCHANGED,
            next_steps=(
                f"let the table's owner run: CREATE POLICY af_db ON {sql_name} TO {role} USING (true)",
                f"or, where only the application's roles are to be kept away: REVOKE their rights, and "
                f"ALTER TABLE {sql_name} DISABLE ROW LEVEL SECURITY",
            ),
        )


def other_version_tables(cursor: "Cursor", table: VersionTable) -> tuple[VersionTable, ...]:
    """Return the database's other version tables, known by their one column, whoever may read them."""
    cursor.execute(_OTHERS, {"schema": table.schema, "name": table.name})
    return tuple(VersionTable(schema=schema, name=name) for schema, name in cursor.fetchall())
