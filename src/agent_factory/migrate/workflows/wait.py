"""Waiting until a database takes connections, or until it is at the head of a project's files.

It is for what starts beside a database or a migration: containers, and the pods of an application. Nothing is
written. It is called in a process of its own, which a signal ends at once: libpq, while it connects, notices
none.
"""

import math
import sqlite3
import time
from collections.abc import Callable
from dataclasses import replace

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.connection_failures import explain_connection_failure
from agent_factory.migrate.model.diagnosis import WaitResult
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.workflows.status import describe

TRY_S = 5
"""How long one try may take to connect."""
_LEAST_TRY_S = 2
"""libpq takes no shorter limit."""
_PAUSE_S = 1.0

_NEVER = frozenset({"unknown-url-option", "refused-setting", "not-a-database"})
"""What no waiting changes: it is wrong on this side."""

Look = Callable[[sa.Connection], WaitResult]


def wait_for_database(target: Target, *, timeout_s: float, tell: Callable[[str], None]) -> WaitResult:
    """Return once a connection was made, trying for ``timeout_s``; there is always one try.

    ``tell`` is called with what is waited for, and why: once, and again only where the cause is another one.
    Raises CannotConnectError with the cause of the last try.
    """
    return _wait(target, timeout_s, tell, lambda _connection: WaitResult(database=str(target)))


def wait_for_head(
    project: Project, target: Target, *, timeout_s: float, tell: Callable[[str], None]
) -> WaitResult:
    """Do the same until the database is at every head of the files.

    Where it takes connections at the last try and is not there, the result says where it is.
    """
    heads = project.effective_heads

    def look(connection: sa.Connection) -> WaitResult:
        rows = alembic_project.read_current(project, connection)
        return WaitResult(
            database=str(target),
            at_head=set(rows) == set(heads),
            current=describe(project, rows),
            heads=heads,
        )

    return _wait(target, timeout_s, tell, look)


def _wait(target: Target, timeout_s: float, tell: Callable[[str], None], look: Look) -> WaitResult:
    began = time.monotonic()
    ends = began + timeout_s
    tries = 0
    last_cause = ""
    while True:
        tries += 1
        found = _try(target, ends - time.monotonic(), look)
        took = time.monotonic() - began
        if isinstance(found, WaitResult):
            found = replace(found, seconds=took, tries=tries)
        is_there = isinstance(found, WaitResult) and found.at_head is not False
        if is_there or _is_final(found) or time.monotonic() >= ends:
            break
        cause, why = _why_not(found, target)
        if cause != last_cause:
            first = (
                f"waiting for {target}, for at most {show_duration(timeout_s)}: " if not last_cause else ""
            )
            tell(f"{first or 'still waiting: '}{why}")
            last_cause = cause
        time.sleep(max(0.0, min(_PAUSE_S, ends - time.monotonic())))
    if isinstance(found, WaitResult):
        return found
    tried = f"{tries} {'try' if tries == 1 else 'tries'}"
    raise CannotConnectError(
        found.code,
        f"gave up after {show_duration(took)} and {tried}: {found.message}",
        state=found.state,
        next_steps=(*found.next_steps, f"see each stage of the connection: {target.command('doctor')}"),
    )


def _try(target: Target, left_s: float, look: Look) -> WaitResult | CannotConnectError:
    try:
        with connect(_in_time(target, left_s), read_only=True) as connection:
            return look(connection)
    except CannotConnectError as error:
        return error
    except (sa.exc.DBAPIError, psycopg2.Error, sqlite3.Error) as error:  # it was there, and has gone
        return explain_connection_failure(error, target)


def _in_time(target: Target, left_s: float) -> Target:
    """Return the target with a time limit for connecting; a shorter one of DATABASE_URL stays."""
    if target.url.backend != "postgresql":
        return target
    given = target.url.option("connect_timeout") or ""
    own = int(given) if given.isdigit() and int(given) > 0 else TRY_S
    limit = max(_LEAST_TRY_S, min(own, TRY_S, math.ceil(left_s)))
    return replace(target, url=target.url.with_option("connect_timeout", str(limit)))


def _is_final(found: WaitResult | CannotConnectError) -> bool:
    return isinstance(found, CannotConnectError) and found.code in _NEVER


def _why_not(found: WaitResult | CannotConnectError, target: Target) -> tuple[str, str]:
    """Return the cause, by which another one is known, and what is said of it."""
    if isinstance(found, CannotConnectError):
        return found.code, found.message.removeprefix(f"cannot connect to {target}: ")
    at = ", ".join(head.revision for head in found.current) or "base"
    return f"at {at}", f"the database is at {at}, and the files are at {', '.join(found.heads)}"
