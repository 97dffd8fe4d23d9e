"""The statements by which Alembic moves its version table: noticed before they are sent, and made cheap."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext, RevisionStep

from agent_factory.migrate.db.driver import may_prepare, psycopg2_connection
from agent_factory.migrate.db.failures import NOT_IN_VERSION_TABLE
from agent_factory.migrate.db.sql import in_quotes
from agent_factory.migrate.project.alembic_internals import version_rows_table

_Statement = tuple[object, object, object]

_MOVE = "af_db_alembic_version"
_EXECUTE_MOVE = sa.text(f"EXECUTE {_MOVE} (:after, :before)")

_SENDS = "af_db_sends_version_row"
"""Under this name the connection's ``info`` says whether it executes such a statement right now."""


def sends_version_row(connection: sa.Connection) -> bool:
    """Say whether the statement that this connection executes is Alembic's own for its version table.

    For listeners to what a cursor executes, inside ``sharing()``. Its text does not answer this: a revision
    may have a table whose name is like the version table's, and a project may give that any name.
    """
    return bool(connection.info.get(_SENDS))


class VersionRows:
    """What is expected of the version table on one connection."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._table: sa.Table | None = None
        self._announce: Callable[[], None] | None = None
        self._move: dict[str, str] | None = None
        self._update: sa.Update | None = None

    def recognise(self, context: MigrationContext) -> None:
        """Take the version table from what env.py has configured: as an object, not by its name."""
        self._table = version_rows_table(context)

    def expect(self, step: RevisionStep, announce: Callable[[], None]) -> None:
        """Call ``announce`` when a row of this step is about to be sent."""
        self._announce = announce
        self._move = None
        if len(step.from_revisions) == len(step.to_revisions) == 1:
            self._move = {"before": step.from_revisions[0], "after": step.to_revisions[0]}

    @contextlib.contextmanager
    def noticed(self) -> Iterator[None]:
        """Listen for the block."""
        sa.event.listen(self._connection, "before_execute", self._before, retval=True)
        sa.event.listen(self._connection, "after_execute", self._after)
        try:
            yield
        finally:
            sa.event.remove(self._connection, "before_execute", self._before)
            sa.event.remove(self._connection, "after_execute", self._after)

    def _before(
        self, connection: sa.Connection, statement: object, rows: object, values: object, _options: object
    ) -> _Statement:
        connection.info[_SENDS] = is_own = self._is_own(statement)
        if not is_own or isinstance(statement, sa.schema.DDLElement):
            return statement, rows, values
        if self._announce is not None:
            self._announce()
        if isinstance(statement, sa.Update) and self._move is not None:
            # Alembic spells the revisions out, so SQLAlchemy would compile a new statement each time.
            if may_prepare(connection) and not connection.get_execution_options().get("schema_translate_map"):
                return self._prepared_move(connection, statement.table), rows, self._move
            return self._cached_update(statement), rows, self._move
        return statement, rows, values

    def _after(self, connection: sa.Connection, *_facts: object) -> None:
        connection.info[_SENDS] = False

    def _is_own(self, statement: object) -> bool:
        table = getattr(
            statement, "element" if isinstance(statement, sa.schema.DDLElement) else "table", None
        )
        return table is not None and table is self._table

    def _prepared_move(self, connection: sa.Connection, table: Any) -> sa.TextClause:
        """The update as a statement that fails where it moves no row, so that its answer need not be awaited.

        It says so in the words that a failed cast to a number quotes; without the count in these words
        PostgreSQL would cast them when it plans.
        """
        driver = psycopg2_connection(connection)
        if _MOVE not in driver.prepared:
            # SQLAlchemy's own quoting doubles percent signs, for a text that is sent with parameters.
            name = ".".join(in_quotes(part) for part in (table.schema, table.name) if part)
            driver.prepare(
                _MOVE,
                f"(text, text) AS WITH moved AS (UPDATE {name} SET version_num = $1"  # noqa: S608 - quoted
                " WHERE version_num = $2 RETURNING 1) SELECT CASE WHEN count(*) = 1 THEN 1"
                f" ELSE CAST($2 || ' {NOT_IN_VERSION_TABLE}' || left(count(*)::text, 0) AS integer) END"
                " FROM moved",
            )
        driver.defer_next = not driver.autocommit  # there no commit comes that it could travel with
        return _EXECUTE_MOVE

    def _cached_update(self, statement: sa.Update) -> sa.Update:
        if self._update is None:
            version = statement.table.c.version_num
            self._update = (
                sa.update(statement.table)
                .values(version_num=sa.bindparam("after"))
                .where(version == sa.bindparam("before"))
            )
        return self._update
