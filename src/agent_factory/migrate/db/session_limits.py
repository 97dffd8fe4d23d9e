"""The limits that a role, a database or a server puts on sessions: af-db lifts them for its own.

They are meant for the application. One of a millisecond would end what only reads, and the run lock with its
session. What DATABASE_URL sets is asked for, and stays.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import psycopg2
import psycopg2.extensions

from agent_factory.migrate.db.driver import WatchedConnection, own_cursor_of

_LIMITS = (
    *("statement_timeout", "lock_timeout", "transaction_timeout"),
    *("idle_in_transaction_session_timeout", "idle_session_timeout"),
)
_SINCE = {"transaction_timeout": 170000}

_driver = psycopg2.extensions.connection


def open_without_limits(connect: Callable[..., WatchedConnection]) -> WatchedConnection:
    """Return a session without limits that nobody has asked for; ``connect`` takes libpq's keywords.

    Behind a pooler, where the session is the application's as well, they are lifted in each transaction.
    Raises psycopg2.Error, also where they end each session before it can say what they are.
    """
    driver = connect()
    names = _not_asked_for(driver)
    try:
        _lift(driver, names)
    except psycopg2.Error as error:
        if not (driver.closed or isinstance(error, psycopg2.errors.QueryCanceled)):
            raise
        # A session can begin without them, but a pooler may refuse what says so.
        options = startup_options(driver)
        driver.close()
        try:
            driver = connect(options=options)
            _lift(driver, names)
        except psycopg2.Error:
            raise error from None
        driver.limits = names
    return driver


def lift_for_session(driver: WatchedConnection) -> None:
    """Lift for the whole session what is lifted in each transaction: a pooler keeps this one for us."""
    if driver.lift_sql:
        driver.lift_sql = ""
        with own_cursor_of(driver) as cursor:
            cursor.execute(f"SELECT {_lifting(driver.limits, is_local=False)}")
        driver.commit()


def startup_options(driver: psycopg2.extensions.connection) -> str:
    """Return libpq's ``options`` for another session like this one, but without these limits."""
    ours = (f"-c {name}=0" for name in _LIMITS if driver.server_version >= _SINCE.get(name, 0))
    return " ".join((*ours, driver.info.options or "")).rstrip()  # the last one holds


def _not_asked_for(driver: WatchedConnection) -> tuple[str, ...]:
    asked_for = (driver.info.options or "").replace("-", "_")
    return tuple(name for name in _LIMITS if not re.search(rf"(?<![a-z]){name}\b", asked_for, re.IGNORECASE))


def _lift(driver: WatchedConnection, names: Sequence[str]) -> None:
    """Ask which limits the session has, and lift them in the same message where no pooler stands between."""
    is_direct = f"pg_backend_pid() = {driver.info.backend_pid}"
    query = [is_direct]
    for name in names:
        is_set = f"coalesce(current_setting('{name}', true), '0') <> '0'"
        query += [is_set, f"CASE WHEN {is_set} AND {is_direct} THEN set_config('{name}', '0', false) END"]
    row = _ask_outside_of_transactions(driver, f"SELECT {', '.join(query)}")
    driver.limits = tuple(name for name, is_set in zip(names, row[1::2], strict=True) if is_set)
    if not row[0]:
        driver.lift_sql = _lifting(driver.limits, is_local=True)


def _lifting(names: Sequence[str], *, is_local: bool) -> str:
    return ", ".join(f"set_config('{name}', '0', {is_local})" for name in names)


def _ask_outside_of_transactions(driver: WatchedConnection, query: str) -> tuple[Any, ...]:
    """Return the one row of a query that is all of its transaction: between two messages it might be ended.

    It calls psycopg2's own methods, and has READ ONLY wait: in autocommit that is set for the session.
    """
    is_read_only = _driver.readonly.__get__(driver)
    _driver.set_session(driver, readonly="default")
    _driver.set_session(driver, autocommit=True)
    with psycopg2.extensions.cursor(driver) as cursor:
        cursor.execute(query)
        (row,) = cursor.fetchall()
    _driver.set_session(driver, autocommit=False)
    _driver.set_session(driver, readonly="default" if is_read_only is None else is_read_only)
    return tuple(row)
