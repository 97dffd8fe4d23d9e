"""Indexes that are built CONCURRENTLY: not in a transaction, so a failure leaves an INVALID one behind."""

import re

import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.cursors import autocommit_cursor
from agent_factory.migrate.db.sql import NAME, blanked
from agent_factory.migrate.model.durations import milliseconds

_FLAGS = re.IGNORECASE | re.VERBOSE | re.DOTALL
_BUILD = re.compile(
    rf"""\s* CREATE \s+ (?:UNIQUE\s+)? INDEX \s+ CONCURRENTLY \s+
         (?:IF\s+NOT\s+EXISTS\s+)? (?P<name>{NAME})
         \s+ ON \s+ (?:ONLY\s+)? (?:(?P<schema>{NAME})\s*\.\s*)? {NAME}""",
    _FLAGS,
)
_CONCURRENT = re.compile(
    r"\s* (?: CREATE \s+ (?:UNIQUE\s+)? INDEX | REINDEX ) \b .* \bCONCURRENTLY\b", _FLAGS
)


def built_by(statement: str) -> str | None:
    """Return the name of the index that this statement builds CONCURRENTLY, as SQL writes it; else None."""
    match = _BUILD.match(blanked(statement, keep={"name"}))
    if match is None:
        return None
    return f"{match['schema']}.{match['name']}" if match["schema"] else match["name"]


def builds_unnamed(statement: str) -> bool:
    """Say whether the statement builds indexes CONCURRENTLY under names that the server picks."""
    return built_by(statement) is None and _CONCURRENT.match(blanked(statement)) is not None


def drop_if_invalid(connection: sa.Connection, name: str, *, lock_timeout_s: float) -> bool:
    """Drop the index CONCURRENTLY when it is there and INVALID; say whether it was dropped.

    The connection must not be in a transaction. Waiting for older transactions blocks nobody meanwhile.
    """
    if server.find_index(connection, name) is not False:
        return False
    with autocommit_cursor(connection) as cursor:
        cursor.execute(
            "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', '0', false)",
            [milliseconds(lock_timeout_s)],
        )
        cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    return True
