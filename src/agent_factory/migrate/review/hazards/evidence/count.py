"""Counts, on production and without writing, the rows that a plan would delete or that would make it fail.

Only what the plan's changes ask for, with one time limit for each count and one for all. Each is a SELECT in
a read-only savepoint that is rolled back, so that no lock and no setting outlives it.
"""

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import indexes, server
from agent_factory.migrate.db.cursors import is_of_session, limited, own_cursor
from agent_factory.migrate.db.driver import sqlite3_connection
from agent_factory.migrate.model.durations import milliseconds, show_duration
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import ChangeKind
from agent_factory.migrate.review.hazards.evidence.count_queries import (
    CountKind,
    CountQuery,
    CountTarget,
    count_queries,
)
from agent_factory.migrate.review.hazards.evidence.statements import rehearsed_statements

COUNT_TIMEOUT_S = 2.0
FIRST_TIMEOUT_S = 0.5
LOCK_TIMEOUT_S = 0.5
ALL_TIMEOUT_S = 20.0

_WHY = {
    "57014": "not counted in {seconds}",
    "55P03": "not counted: another session has locked the table",
    "42501": "not counted: this role may not read the table, or not all of its rows",
}
# A table, a column, a type, a function that production lacks: the plan makes it first.
_UNKNOWN = {"42P01", "42703", "42704", "42883"}

# Says which new name a renamed column has, and of which rows a copy is.
_COLUMNS = """
SELECT format('%%I.%%I', n.nspname, c.relname), a.attname,
       format_type(a.atttypid, a.atttypmod),
       a.attnum = ANY (coalesce((SELECT indkey::int2[] FROM pg_index
                                 WHERE indrelid = c.oid AND indisprimary), '{}'))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid
WHERE a.attnum > 0 AND NOT a.attisdropped AND format('%%I.%%I', n.nspname, c.relname) = ANY (%(tables)s)
ORDER BY c.oid, a.attnum
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What production answered to one count.

    ``rows`` is None when it could not be counted, and ``why`` says why not; ``is_least`` says that there
    may be more. ``needs_plan``: the query is about something that only the plan makes. ``error`` is what
    the server said of a value that it could not work with at all.
    """

    rows: int | None = None
    is_least: bool = False
    why: str | None = None
    needs_plan: bool = False
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What production answered. Without anything, as made by ``Counted()``, nothing was asked.

    ``types`` and ``keys`` are of the tables whose columns are renamed or dropped: the type of each column,
    the columns of the primary key. ``invalid_indexes`` are the bare names of those that are INVALID.
    """

    answers: Mapping[CountTarget, Answer] = field(default_factory=dict)
    types: Mapping[tuple[str, str], str] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    invalid_indexes: frozenset[str] = frozenset()

    def answer(self, target: CountTarget) -> Answer:
        """Return the answer about a target; one without rows where it was not asked."""
        return self.answers.get(target, Answer(why="not counted"))


def count_hits(
    connection: sa.Connection,
    revisions: Sequence[RehearsedRevision],
    *,
    timeout_s: float = COUNT_TIMEOUT_S,
    all_timeout_s: float = ALL_TIMEOUT_S,
) -> Counted:
    """Return what production answers to the counts that the plan's changes ask for; it writes nothing.

    A count that takes longer than ``timeout_s``, or all of them longer than ``all_timeout_s``, is given up
    and says so, and so is one that production cannot answer. Raises psycopg2.Error when the connection is
    lost.
    """
    deadline = time.monotonic() + all_timeout_s
    ask = _counted if connection.dialect.name == "postgresql" else _counted_in_file
    answers: dict[CountTarget, Answer] = {}
    for query in count_queries(revisions):
        left = deadline - time.monotonic()
        if left <= 0:
            answers[query.target] = Answer(why=f"not counted: all counts took {show_duration(all_timeout_s)}")
        else:
            answers[query.target] = _answer(connection, ask, query, min(timeout_s, left))
    if connection.dialect.name != "postgresql":
        return Counted(answers=answers)
    builds = any(indexes.built_by(statement.traced.sql) for statement in rehearsed_statements(revisions))
    types, keys = _columns(connection, _tables_with_changed_columns(revisions))
    return Counted(
        answers=answers,
        types=types,
        keys=keys,
        invalid_indexes=frozenset(index.name for index in server.invalid_indexes(connection))
        if builds
        else frozenset(),
    )


def _answer(
    connection: sa.Connection,
    ask: Callable[[sa.Connection, str, float], Answer],
    query: CountQuery,
    timeout_s: float,
) -> Answer:
    answer = ask(connection, query.count, timeout_s)
    if answer.rows is not None or answer.error is not None or query.first is None:
        return answer
    first = ask(connection, query.first, min(FIRST_TIMEOUT_S, timeout_s))
    if query.target.kind is not CountKind.UPDATED and (first.rows or first.error):
        return Answer(rows=first.rows, is_least=True, why=answer.why, error=first.error)
    return answer


def _counted(connection: sa.Connection, query: str, timeout_s: float) -> Answer:
    """Return the one number that the query gives, or why it does not."""
    limits = {
        "statement_timeout": milliseconds(timeout_s),
        "lock_timeout": milliseconds(LOCK_TIMEOUT_S),
        "row_security": "off",  # an error rather than the rows that this role may see
        "transaction_read_only": "on",
    }
    with own_cursor(connection) as cursor:
        try:
            with limited(cursor, limits):
                cursor.execute(query)
                ((rows,),) = cursor.fetchall()
                return Answer(rows=rows)
        except psycopg2.Error as error:
            return _refused(error, timeout_s)


def _counted_in_file(connection: sa.Connection, query: str, timeout_s: float) -> Answer:
    """The same in SQLite, which has rows to count and no limits of its own."""
    driver = sqlite3_connection(connection)
    deadline = time.monotonic() + timeout_s
    driver.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        ((rows,),) = driver.execute(query).fetchall()
    except sqlite3.Error as error:
        return Answer(why=f"not counted: {error}")
    finally:
        driver.set_progress_handler(None, 0)
    return Answer(rows=rows)


def _refused(error: psycopg2.Error, timeout_s: float) -> Answer:
    if is_of_session(error):
        raise error
    code = error.pgcode or ""
    said = (error.diag.message_primary or "").strip()
    if code.startswith("22"):
        return Answer(error=said)
    why = _WHY[code].format(seconds=show_duration(timeout_s)) if code in _WHY else f"not counted: {said}"
    return Answer(why=why, needs_plan=code in _UNKNOWN)


def _tables_with_changed_columns(revisions: Sequence[RehearsedRevision]) -> list[str]:
    kinds = {ChangeKind.RENAME_COLUMN, ChangeKind.DROP_COLUMN}
    found = {
        statement.table(change.table)
        for statement in rehearsed_statements(revisions)
        for change in statement.traced.changes
        if change.kind in kinds
    }
    return sorted(table for table in found if table is not None)


def _columns(
    connection: sa.Connection, tables: Sequence[str]
) -> tuple[dict[tuple[str, str], str], dict[str, tuple[str, ...]]]:
    types: dict[tuple[str, str], str] = {}
    keys: dict[str, tuple[str, ...]] = {}
    if tables:
        with own_cursor(connection) as cursor:
            cursor.execute(_COLUMNS, {"tables": list(tables)})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        for table, column, type_, is_key in rows:
            types[table, column] = type_
            keys[table] = (*keys.get(table, ()), *([column] if is_key else []))
    return types, keys
