"""Poolers between af-db and the server: one that gives each transaction another session runs nothing.

That the server's process is another than the login named proves a pooler, of whatever kind. Two of
our connections that meet the same process, one of them in a transaction, prove that it pools transactions.
Nothing proves that it pools sessions, so that has to be said: by the address, or by ``--session-pooler``.
"""

import contextlib
import threading

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.pooler_names import direct_address, pools_sessions
from agent_factory.migrate.model.errors import UNCHANGED, MigrationError, RefusedError
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.target import Target

_ROUNDS = 3
"""PgBouncer hands out the server that was used last, so one would do where nobody else is at work."""
_PROOF_TIMEOUT_S = 5.0
"""A pool of sessions may have no other one free: then there is no proof."""


class SessionChangedError(Exception):
    """What was said to be one session was not: another process of the server answers."""

    code = "session-changed"
    hint = "it pools transactions, so leave out --session-pooler: use the direct address, or --allow-pooler"

    def __init__(self, before: int, now: int) -> None:
        super().__init__(f"the server's process was {before} under the run lock, and is {now} now")


def check_pooler(facts: server.ServerFacts, target: Target, options: RunOptions) -> None:
    """Raise RefusedError for a pooler of transactions, or of what is not known, that was not allowed."""
    direct = direct_address(target.url)
    if options.allow_pooler or (direct is None and not facts.behind_pooler):
        return
    if direct is None and pools_sessions(target.url):
        return
    is_certain = direct is not None or _shares_processes(target)
    if not is_certain and options.session_pooler:
        return
    steps = [
        f"use the direct address{f': {direct}' if direct else ' of the server, often port 5432'}",
        "or accept weaker guards, without CREATE INDEX CONCURRENTLY: --allow-pooler",
    ]
    if is_certain:
        said = f"{target} is a transaction pooler: locks and settings of a session do not work there"
    else:
        said = f"{target} is a pooler, and whether it keeps one session for a connection cannot be seen"
        steps.insert(1, "if it does (pool_mode = session): --session-pooler")
    raise RefusedError("transaction-pooler", said, state=UNCHANGED, next_steps=tuple(steps))


def check_process(connection: sa.Connection, facts: server.ServerFacts) -> None:
    """Raise SessionChangedError where another process answers than the one that took the run lock."""
    now = server.backend_pid(connection)
    if now != facts.pid:
        raise SessionChangedError(facts.pid, now)


def _shares_processes(target: Target) -> bool:
    """Say whether two connections, open at once, meet the same process of the server: that is proof."""
    met: list[bool] = []

    def compare() -> None:
        with (
            contextlib.suppress(MigrationError, ReconnectedError, sa.exc.SQLAlchemyError, psycopg2.Error),
            connect(target, read_only=True) as first,
            connect(target, read_only=True) as second,
        ):
            for one, other in [(first, second), (second, first)] * _ROUNDS:
                pid = server.backend_pid(one)
                one.connection.rollback()
                is_same = server.backend_pid(other) == pid  # in a transaction, while the first one is open
                other.connection.rollback()
                if is_same:
                    met.append(True)
                    return

    comparison = threading.Thread(target=compare, name="af-db pooler", daemon=True)
    comparison.start()
    comparison.join(_PROOF_TIMEOUT_S)
    return bool(met)
