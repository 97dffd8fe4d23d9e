"""What the server says of a session's transaction: which one it is, whether it has written, how it ended.

Each transaction that af-db begins gets a mark: a setting that lasts as long as the transaction. It assigns
no id, takes no snapshot, so ``SET TRANSACTION`` may still follow, and survives ``ROLLBACK TO``. Whoever finds
it missing is in another transaction, or after RESET ALL; the virtual transaction then tells which.
"""

from dataclasses import dataclass
from typing import Literal

import psycopg2.extensions

from agent_factory.migrate.db.driver import Cursor

Status = Literal["in progress", "committed", "aborted"]

MARK = "af_db.transaction"
IS_MARKED = f"current_setting('{MARK}', true) = %(mark)s"
"""An SQL expression that says whether the transaction is one that was marked so."""

_ASK = f"""SELECT virtualtransaction, pg_current_xact_id_if_assigned()::text,
pg_snapshot_xmax(pg_current_snapshot())::text, {IS_MARKED} IS TRUE
FROM pg_locks WHERE locktype = 'virtualxid' AND pid = pg_backend_pid()"""  # noqa: S608 - our own text


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """The transaction that a session is in.

    ``virtual`` is its virtual transaction: the server's process, and how many transactions that has begun.
    ``xid`` is its id, None while it has written nothing. ``next_xid`` is the id after the last that the
    server knows to have ended, whoever had it. ``is_marked``: it is one that af-db has begun.
    """

    virtual: str
    xid: str | None
    next_xid: str
    is_marked: bool

    def ended_until(self, later: "Transaction") -> int | None:
        """Return how many transactions of the session have ended from this one to ``later``: 0 for the same.

        None where another process of the server answers, as behind a pooler.
        """
        process, _, number = self.virtual.rpartition("/")
        later_process, _, later_number = later.virtual.rpartition("/")
        return int(later_number) - int(number) if process == later_process else None

    def nothing_written_until(self, later: "Transaction") -> bool:
        """Say whether nobody at all has written anything in transactions that ended from this one on."""
        return self.xid is None and self.next_xid == later.next_xid


def mark_sql(mark: str) -> bytes:
    """Return the SQL that marks the transaction it runs in; ``mark`` is in hexadecimal digits."""
    return f"SET LOCAL {MARK} = '{mark}'".encode()


def ask(cursor: Cursor, mark: str) -> Transaction:
    """Ask which transaction this cursor's session is in; outside of one, that of the question itself."""
    cursor.execute(_ASK, {"mark": mark})
    ((virtual, xid, next_xid, is_marked),) = cursor.fetchall()
    return Transaction(virtual=virtual, xid=xid, next_xid=next_xid, is_marked=is_marked)


def read_status(cursor: Cursor, xid: str) -> Status | None:
    """Ask how the transaction of this id has ended; one that was prepared is in progress.

    None where the server does not know it any more.
    """
    cursor.execute("SELECT pg_xact_status(%s::xid8)", [xid])
    ((status,),) = cursor.fetchall()
    known: Status | None = status
    return known


def is_idle(driver: psycopg2.extensions.connection) -> bool:
    """Say whether this connection is in no transaction."""
    return driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE


def is_past_its_end(driver: psycopg2.extensions.connection) -> bool:
    """Say whether psycopg2 believes this connection in a transaction that the server has ended.

    What it sends next would commit by itself: it begins no other transaction.
    """
    return is_idle(driver) and driver.status == psycopg2.extensions.STATUS_BEGIN


def is_open(driver: psycopg2.extensions.connection) -> bool:
    """Say whether this connection is in a transaction in which nothing has failed."""
    return driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_INTRANS
