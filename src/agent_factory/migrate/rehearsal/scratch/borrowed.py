"""A database of our own on a server that somebody named: ``--scratch-url``.

Its name is random. The session that makes it holds an advisory lock with a key from that name, so another
af-db can tell a database that is in use from one that a killed process left, and drops only the latter.
"""

import contextlib
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.scratch.autocommit import autocommit_cursor
from agent_factory.migrate.rehearsal.scratch.locales import Locale, create_database
from agent_factory.url import DatabaseURL, MalformedURLError, parse_url

PREFIX = "af_db_scratch_"

_ABANDONED = r"""
SELECT datname FROM pg_database d
WHERE datname ~ '^af_db_scratch_[0-9a-f]{16}$'
  AND pg_has_role(datdba, 'USAGE')
  AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datid = d.oid)
  AND NOT EXISTS (
      SELECT FROM pg_locks l
      WHERE l.locktype = 'advisory' AND l.objsubid = 1
        AND (l.classid::int8 << 32) | l.objid::int8 = ('x' || right(datname, 16))::bit(64)::int8)
"""
"""Advisory locks belong to the database of their session, but every database's pg_locks shows all."""


class StoppedBySignalError(KeyboardInterrupt):
    """SIGTERM or SIGHUP asked this process to end: like Ctrl-C, no ``except Exception`` stops it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class CannotBorrowError(Exception):
    """There is no database on the server that was named; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BorrowedDatabase:
    """A database for this block. ``gap`` says how its locale differs from what was wanted."""

    url: DatabaseURL
    major: int
    gap: str | None


@contextlib.contextmanager
def borrowed_database(
    scratch_url: str, locale: Locale, *, system_identifier: str | None
) -> Iterator[BorrowedDatabase]:
    """Make a database on this server, and drop it when the block ends.

    ``system_identifier`` is that of the server that this must not be. Raises CannotBorrowError.
    """
    url = _parse(scratch_url)
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(connect(_target(url)))
            facts = server.read_facts(connection)
            _check(connection, facts, system_identifier)
        except CannotConnectError as error:
            raise CannotBorrowError(error.message) from error
        except psycopg2.Error as error:
            raise CannotBorrowError(f"it cannot be looked at: {str(error).strip()}") from error
        name, major = f"{PREFIX}{secrets.token_hex(8)}", facts.version // 10000
        stack.enter_context(_unwound_by_signals())
        try:
            gap = _make(connection, name, locale, major=major)
            yield BorrowedDatabase(url=replace(url, database=name), major=major, gap=gap)
        finally:
            _drop(connection, url, name)


@contextlib.contextmanager
def _unwound_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP, which end Python at once, unwind this block where nobody else handles them.

    Only the first: what comes after it must not break the clean-up.
    """
    numbers = [
        number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL
    ]
    if threading.current_thread() is not threading.main_thread():
        numbers = []

    def leave(number: int, _frame: object) -> None:
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise StoppedBySignalError(number)

    for number in numbers:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)


def _parse(scratch_url: str) -> DatabaseURL:
    try:
        url = parse_url(scratch_url)
    except MalformedURLError as error:
        raise CannotBorrowError(f"it cannot be read: {error}") from error
    if url.backend != "postgresql":
        raise CannotBorrowError("it is not a PostgreSQL server")
    return url


def _target(url: DatabaseURL) -> Target:
    return Target(url=url, environment=Environment.LOCAL)


def _check(connection: sa.Connection, facts: server.ServerFacts, system_identifier: str | None) -> None:
    """Refuse a server on which a database cannot be made, or on which nothing must be tried."""
    if facts.in_recovery:
        raise CannotBorrowError("it is a replica")
    if facts.behind_pooler:
        raise CannotBorrowError("it is a transaction pooler; name the server itself")
    if system_identifier is not None and server.system_identifier(connection) == system_identifier:
        raise CannotBorrowError("it is production's own server, or one restored from a copy of its files")


def _make(connection: sa.Connection, name: str, locale: Locale, *, major: int) -> str | None:
    """Drop what others left behind, take the lock, make the database; return what is not as wanted."""
    with autocommit_cursor(connection) as cursor:
        cursor.execute(_ABANDONED)
        for (abandoned,) in cursor.fetchall():
            # Without FORCE: the server itself refuses while anybody is in it.
            with contextlib.suppress(psycopg2.Error):
                cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(abandoned)))
        if major >= 14:
            cursor.execute("SET idle_session_timeout = 0")  # the lock is this session's
        cursor.execute("SELECT pg_advisory_lock(('x' || right(%s, 16))::bit(64)::int8)", [name])
        try:
            return create_database(cursor, name, locale, major=major)
        except psycopg2.errors.InsufficientPrivilege as error:
            raise CannotBorrowError("its role may not create databases (ALTER ROLE ... CREATEDB)") from error
        except psycopg2.Error as error:
            raise CannotBorrowError(f"it does not make a database: {str(error).strip()}") from error


def _drop(connection: sa.Connection, url: DatabaseURL, name: str) -> None:
    """Drop the database, over a new connection where the first one was lost.

    A server that is not to be reached any more keeps it; the next start there drops it.
    """
    statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    try:
        with autocommit_cursor(connection) as cursor:
            cursor.execute(statement)
    except psycopg2.Error:
        with (
            contextlib.suppress(CannotConnectError, psycopg2.Error),
            connect(_target(url)) as again,
            autocommit_cursor(again) as cursor,
        ):
            cursor.execute(statement)
