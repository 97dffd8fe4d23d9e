"""Indexes that are built CONCURRENTLY: not in a transaction, so a failure leaves an INVALID one behind."""

import re
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.cursors import own_cursor

_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_GAP = r"(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)"
_FLAGS = re.IGNORECASE | re.VERBOSE | re.DOTALL
_BUILD = re.compile(
    rf"""{_GAP}* CREATE {_GAP}+ (?:UNIQUE{_GAP}+)? INDEX {_GAP}+ CONCURRENTLY {_GAP}+
         (?:IF{_GAP}+NOT{_GAP}+EXISTS{_GAP}+)? (?P<name>{_NAME})
         {_GAP}+ ON {_GAP}+ (?:ONLY{_GAP}+)? (?:(?P<schema>{_NAME}){_GAP}*\.{_GAP}*)? {_NAME}""",
    _FLAGS,
)
_CONCURRENT = re.compile(
    rf"{_GAP}* (?: CREATE {_GAP}+ (?:UNIQUE{_GAP}+)? INDEX | REINDEX ) \b .* \bCONCURRENTLY\b", _FLAGS
)


def built_by(statement: str) -> str | None:
    """Return the name of the index that this statement builds CONCURRENTLY, as SQL writes it; else None."""
    match = _BUILD.match(statement)
    if match is None:
        return None
    return f"{match['schema']}.{match['name']}" if match["schema"] else match["name"]


def builds_unnamed(statement: str) -> bool:
    """Say whether the statement builds indexes CONCURRENTLY under names that the server picks."""
    return built_by(statement) is None and _CONCURRENT.match(statement) is not None


def bare_name(name: str) -> str:
    """Return the index's own name, without schema and quotes, as the catalog has it."""
    last: str = re.findall(_NAME, name)[-1]
    return last[1:-1].replace('""', '"') if last.startswith('"') else last.lower()


def drop_if_invalid(connection: sa.Connection, name: str, *, lock_timeout_s: float) -> bool:
    """Drop the index CONCURRENTLY when it is there and INVALID; say whether it was dropped.

    The connection must not be in a transaction. Waiting for older transactions blocks nobody meanwhile.
    """
    if server.find_index(connection, name) is not False:
        return False
    driver: Any = connection.connection.dbapi_connection
    with own_cursor(connection) as cursor:
        driver.rollback()
        driver.autocommit = True
        try:
            cursor.execute(
                "SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', '0', false)",
                [f"{lock_timeout_s * 1000:.0f}ms"],
            )
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        finally:
            driver.autocommit = False
    return True
