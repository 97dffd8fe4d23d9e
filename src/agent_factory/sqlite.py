"""What pysqlite leaves undone: transactions that hold DDL, and foreign keys that are enforced."""

import sqlite3

import sqlalchemy as sa

from agent_factory.sqlite_session import prepare

BEGIN_TO_WRITE = "BEGIN IMMEDIATE"
"""Takes the write lock at once: two migrations queue instead of failing half-way."""


def enforce_foreign_keys(engine: sa.Engine) -> None:
    """Switch foreign keys on in each new connection (SQLite's default is off, per connection)."""

    @sa.event.listens_for(engine, "connect")
    def switch_on(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")


def use_real_transactions(engine: sa.Engine, *, begin: str = BEGIN_TO_WRITE) -> None:
    """Have each transaction begin when SQLAlchemy says so, and hold DDL as well as rows.

    pysqlite by itself commits before DDL, so a revision that fails leaves half of itself behind. With
    ``isolation_level=None`` and an explicit BEGIN, SQLite rolls DDL back (measured, SQLite 3.40).
    Foreign keys are off, as SQLite's manual asks for a table that is rebuilt by copy and rename
    (https://sqlite.org/lang_altertable.html#otheralter): dropping the old copy would otherwise delete
    the rows that refer to it.
    """

    @sa.event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: sqlite3.Connection, _record: object) -> None:
        prepare(connection)

    @sa.event.listens_for(engine, "begin")
    def begin_transaction(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)
