"""What af-db reads of SQLAlchemy that no documentation promises; no other module does.

Each name has a test of its own, which fails by that name when a SQLAlchemy no longer has it:
tests/unit/migrate/db/test_sqlalchemy_internals.py. Read in SQLAlchemy 2.0.25, 2.0.40 and 2.1.9.
"""

import contextlib
import functools
import inspect
import sqlite3
from collections.abc import Callable, Collection, Iterator
from typing import Any

import psycopg2
import sqlalchemy as sa


def sequences_of(metadata: sa.MetaData) -> Collection[sa.Sequence]:
    """Return the sequences that were made with this metadata, or that a column of its tables has.

    A MetaData has a public list of its tables only. What ``create_all()`` says to an engine that executes
    nothing has them too, but calls the models' own event listeners once more.
    """
    return metadata._sequences.values()


def copy_of(column: sa.Column[Any]) -> sa.Column[Any]:
    """Return a column like this one that belongs to no table.

    What is public copies whole tables, and a column's type without its variants.
    """
    return column._copy()


def commit_and_begin(connection: sa.Connection, transaction: sa.RootTransaction) -> None:
    """Commit what was done in this transaction, which goes on: whoever has begun it may still end it.

    The public ``commit()`` ends it for its owner too, who would find it "inactive".
    """
    connection._commit_impl()
    connection._begin_impl(transaction)


@contextlib.contextmanager
def begins_noted(connection: sa.Connection) -> Iterator[Callable[[], sa.RootTransaction | None]]:
    """Hand out what returns the open transaction of this connection, where ``begin()`` was called for it.

    SQLAlchemy begins one by itself with the first statement, by the same function, and does not tell the two
    apart. What stands in the way of the class's methods are attributes of the object, taken away again.
    """
    begun: list[sa.RootTransaction] = []

    def begin() -> sa.RootTransaction:
        begun.append(sa.Connection.begin(connection))
        return begun[-1]

    def autobegin() -> None:
        sa.Connection._autobegin(connection)
        begun.clear()

    connection.begin = begin  # type: ignore[method-assign]
    connection._autobegin = autobegin  # type: ignore[method-assign]
    try:
        yield lambda: next((one for one in begun if one is connection.get_transaction()), None)
    finally:
        del connection.begin, connection._autobegin


NOT_CLOSED = (sa.exc.SQLAlchemyError, psycopg2.Error, sqlite3.Error, AttributeError)
"""What it may raise to invalidate a pool's record of a connection that is closed, lost, or was never whole:
of SQLAlchemy 2.0 the last has only some of its attributes."""


def has_own_creator(engine: sa.Engine) -> bool:
    """Say whether a function of a project's opens its connections: nobody is asked before."""
    return not str(getattr(engine.pool._creator, "__module__", "")).startswith("sqlalchemy.")


def create_own_engine(url: sa.URL, *, connect_args: dict[str, Any]) -> sa.Engine:
    """Return an engine without a pool that hears of nothing a project listens to on a class.

    ``listens_for(sa.Engine, "connect")`` is for every engine of a process, so that a PRAGMA for the
    project's SQLite would be sent to a PostgreSQL of af-db's, and BEGIN twice.
    """
    engine = sa.create_engine(url, poolclass=_deaf(sa.NullPool), connect_args=connect_args)
    listened_to: tuple[Any, ...] = (engine.dialect, engine)
    for one in listened_to:
        one.__class__ = _deaf(one.__class__)
    return engine


@functools.cache
def _deaf(cls: Any) -> Any:
    """A class of the same kind, to which SQLAlchemy hands on no listener of what it is made of."""
    return type(cls.__name__, (cls,), {"_sa_propagate_class_events": False, "supports_statement_cache": True})


_OF_CONNECTIONS = ("before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute")
_OF_ENDS = ("commit", "rollback", "savepoint", "rollback_savepoint", "release_savepoint")
_RETURNING = frozenset({"before_execute", "before_cursor_execute"})


@contextlib.contextmanager
def with_listeners_of(engine: sa.Engine | None, connection: sa.Connection) -> Iterator[None]:
    """Have what listens to this engine and to all, or to all only, hear of what a connection of af-db's does.

    What listens to the transactions of all engines does not: a listener that begins one for SQLite would
    begin it on any server. Listeners can be added and removed by a public way, but not found.
    """
    of_all: Any = sa.Engine.dispatch
    heard_by = engine.dispatch if engine is not None else of_all._for_class(sa.Engine)
    added: list[tuple[Any, str, Any]] = [
        (connection, name, heard) for name in _OF_CONNECTIONS for heard in getattr(heard_by, name)
    ]
    if engine is not None:
        added += [
            (connection, name, heard) for name in _OF_ENDS for heard in getattr(heard_by, name).listeners
        ]
        # What listens to an engine is called after what has listened to it before: after af-db has begun.
        added += [(connection.engine, "begin", _after_begin(heard)) for heard in heard_by.begin.listeners]
    for whose, name, heard in added:
        sa.event.listen(whose, name, heard, retval=name in _RETURNING)
    try:
        yield
    finally:
        for whose, name, heard in added:
            sa.event.remove(whose, name, heard)


def _after_begin(heard: Callable[[sa.Connection], None]) -> Callable[[sa.Connection], None]:
    """Return a listener that may begin the transaction which af-db has begun, as recipes for SQLite do."""

    def hear(connection: sa.Connection) -> None:
        if connection.dialect.name != "sqlite":
            heard(connection)
            return
        driver: Any = connection.connection.dbapi_connection
        driver.is_beginning = True
        try:
            heard(connection)
        finally:
            driver.is_beginning = False

    return hear


@contextlib.contextmanager
def rollbacks_noted(connection: sa.Connection) -> Iterator[list[str]]:
    """Hand out a list to which a rollback is added that somebody asks for of the transaction open now.

    A connection that is closed rolls back too, by itself.
    """
    asked: list[str] = []
    transaction = connection.get_transaction()

    def note(_connection: sa.Connection) -> None:
        frame = inspect.currentframe() if connection.get_transaction() is transaction else None
        while frame is not None and frame.f_code.co_name != "close":
            is_of_sqlalchemy = frame.f_globals.get("__name__") == sa.Connection.__module__
            if frame.f_code.co_name == "rollback" and is_of_sqlalchemy:
                asked.append("rollback")
                return
            frame = frame.f_back

    sa.event.listen(connection, "rollback", note)
    try:
        yield asked
    finally:
        sa.event.remove(connection, "rollback", note)


def give_listeners(engine: sa.Engine, other: sa.Engine) -> None:
    """Have what a project has listen to an engine, and to what its pool opens, listen to another one too."""
    other.dispatch._update(engine.dispatch, only_propagate=False)
    other._has_events = other._has_events or engine._has_events
    for heard in engine.pool.dispatch.connect.listeners:
        if not str(getattr(heard, "__module__", "")).startswith("sqlalchemy."):
            sa.event.listen(other, "connect", heard)
