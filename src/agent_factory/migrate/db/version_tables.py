"""The table that a version table's name stands for, and the version tables of a database."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from agent_factory.migrate.db.rights import HIDES_ROWS
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.version_table import VersionTable

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor

_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}
"""Of ``pg_class.relkind``: what Alembic reads as a table, and what may show other rows than were written."""

_TEXT = "S"
"""Of ``pg_type.typcategory``: text, varchar, and domains of these."""

_LONGEST_NAME = 63
"""Bytes that a name has at most, unless a server was compiled for others."""

_NO_COLUMN = "it has no column version_num"

_RESOLVE = f"""
SELECT current_schema(), quote_ident(current_user), t.*
FROM (VALUES (true)) AS one
LEFT JOIN (
    SELECT n.nspname, c.relkind::text, has_schema_privilege(n.oid, 'USAGE') AS may_use,
           has_any_column_privilege(c.oid, 'SELECT') AS may_read,
           {HIDES_ROWS} AS hides_rows, format('%%I.%%I', n.nspname, c.relname) AS sql_name,
           quote_ident(n.nspname) AS sql_schema,
           (SELECT array[format_type(a.atttypid, a.atttypmod), t.typcategory::text]
            FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
            WHERE a.attrelid = c.oid AND a.attname = 'version_num' AND NOT a.attisdropped) AS type
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
    where there is such a table and this role may not be shown all of its rows, or where it is another one
    than Alembic makes; UsageError for a name that the server would cut off.
    """
    _refuse_too_long(cursor, *filter(None, (name, schema)))
    cursor.execute(_RESOLVE, {"name": name, "schema": schema})
    ((here, role, found, kind, may_use, may_read, hides_rows, sql_name, sql_schema, type_),) = (
        cursor.fetchall()
    )
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
    if type_ is None:
        raise not_alembics(table, _NO_COLUMN)
    if type_[1] != _TEXT:
        raise not_alembics(table, f"its column version_num is of the type {type_[0]}")
    return table, True


def refuse_without_column(table: VersionTable, columns: Collection[str]) -> None:
    """Raise RefusedError where a table has columns, and none for the revisions."""
    if columns and "version_num" not in columns:
        raise not_alembics(table, _NO_COLUMN)


def refuse_other_rows(table: VersionTable, rows: Collection[object]) -> None:
    """Raise RefusedError where a row of the version table can be no revision's id."""
    for row in rows:
        if not isinstance(row, str) or not row:
            said = "NULL" if row is None else repr(row)
            raise not_alembics(table, f"in a row of it version_num is {said}, which is no revision's id")


def _refuse_too_long(cursor: "Cursor", *names: str) -> None:
    """Raise UsageError for a name that the server would cut off: a table made by it is never found again."""
    for name in names:
        if len(name.encode(errors="replace")) > _LONGEST_NAME:
            # How many bytes it has hangs on the database's encoding.
            cursor.execute("SELECT octet_length(%s), current_setting('max_identifier_length')::int", [name])
            ((length, longest),) = cursor.fetchall()
            if length > longest:
                raise UsageError(
                    "bad-configuration",
                    f"the version table's name, or its schema's, is too long: {name} has {length} bytes, and "
                    f"PostgreSQL takes {longest}",
                    state=UNCHANGED,
                    next_steps=("give env.py a shorter one: version_table, version_table_schema",),
                )


def not_alembics(table: VersionTable, why: str) -> RefusedError:
    """Return the error that says what of a table is not as Alembic makes it."""
    return RefusedError(
        "foreign-version-table",
        f"{table} is no version table of Alembic's: {why}",
        state=UNCHANGED,
        next_steps=(
            f"see what it is: \\d+ {table}" if table.schema else f"see what it is: .schema {table}",
            "is it somebody else's? let env.py name another table: context.configure(version_table=...)",
            "is it Alembic's and damaged? put it right, and say where the database is: alembic stamp --purge",
        ),
    )


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
