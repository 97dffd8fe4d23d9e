"""A connection to SQLite as this project uses it, whoever opens it."""

import sqlite3

BUSY_TIMEOUT_MS = 5_000


def prepare(connection: sqlite3.Connection) -> None:
    """Leave the transactions to the caller, wait for other writers, and have foreign keys off."""
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA foreign_keys = OFF")
