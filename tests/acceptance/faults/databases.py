"""A database as its other users see it: sessions beside af-db, and what the catalogs say."""

import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - the class has a small name

from agent_factory.url import parse_url
from tests.acceptance.faults.waiting import until

APPLICATION = "the application"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One PostgreSQL database; every question opens a session of its own."""

    url: str

    def connect(self, *, application: str = APPLICATION) -> Connection:
        where = parse_url(self.url)
        options: dict[str, Any] = dict(where.options)
        connection: Connection = psycopg2.connect(
            host=where.host,
            port=where.port,
            user=where.user,
            password=where.password,
            dbname=where.database,
            application_name=application,
            **options,
        )
        return connection

    def execute(self, *statements: str) -> None:
        """Run each statement by itself, committed."""
        for statement in statements:
            self.rows(statement)

    def rows(self, query: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        connection = self.connect(application="the test")
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute(query, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def value(self, query: str, parameters: Sequence[Any] | None = None) -> Any:
        ((value,),) = self.rows(query, parameters)
        return value

    def column(self, query: str, parameters: Sequence[Any] | None = None) -> list[Any]:
        return [row[0] for row in self.rows(query, parameters)]

    @property
    def tables(self) -> set[str]:
        """The tables of the application: without Alembic's and af-db's own."""
        return set(
            self.column(
                "SELECT tablename FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
        )

    @property
    def versions(self) -> list[str]:
        """What ``alembic_version`` holds; nothing when there is no such table."""
        if self.value("SELECT to_regclass('public.alembic_version')") is None:
            return []
        return self.column("SELECT version_num FROM alembic_version ORDER BY 1")

    @property
    def backends(self) -> list[int]:
        """The sessions that af-db has on this database."""
        return self.column(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'af-db%' ORDER BY pid"
        )

    def column_names(self, table: str) -> list[str]:
        return self.column(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
            " ORDER BY ordinal_position",
            [table],
        )

    def journal(self, columns: str = "revision, direction, state") -> list[tuple[Any, ...]]:
        """The journal in the order of its making."""
        return self.rows(f"SELECT {columns} FROM af_db.journal ORDER BY id")

    def index(self, name: str) -> str:
        """Whether an index is ``valid``, ``invalid`` or ``absent``."""
        found = self.column("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        return "absent" if not found else "valid" if found[0] else "invalid"

    def is_busy(self, part: str) -> bool:
        """Whether one of af-db's sessions runs a statement with these words."""
        return bool(self._busy(part))

    def backend_running(self, part: str) -> int:
        """Wait until one of af-db's sessions runs a statement with these words; return its process id."""
        return int(until(lambda: self._busy(part), f"a session of af-db that runs {part!r}")[0])

    def _busy(self, part: str) -> list[int]:
        return self.column(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
            " AND application_name LIKE 'af-db%%' AND position(%s IN query) > 0",
            [part],
        )

    @property
    def advisory_locks(self) -> int:
        return int(
            self.value(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        )

    def waits_for_a_lock(self, pid: int) -> bool:
        return bool(self.value("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", [pid]))

    def build_gate(self) -> None:
        """Make the gate at which ``recipes.WAIT_AT_GATE`` waits, closed."""
        self.execute("CREATE SCHEMA beside", "CREATE TABLE beside.gate (is_open boolean)")

    def open_gate(self) -> None:
        self.execute("INSERT INTO beside.gate VALUES (true)")

    @contextlib.contextmanager
    def transaction(self, *statements: str, application: str = APPLICATION) -> Iterator[Connection]:
        """Leave a transaction open that has run these statements; it is rolled back at the end."""
        connection = self.connect(application=application)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def running(self, *statements: str, application: str = APPLICATION) -> Iterator[int]:
        """Run statements one by one in another session; the block gets its process id, and its end waits."""
        connection = self.connect(application=application)
        connection.autocommit = True
        errors: list[Exception] = []

        def work() -> None:
            try:
                with connection.cursor() as cursor:
                    for statement in statements:
                        cursor.execute(statement)
            except psycopg2.Error as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield connection.info.backend_pid
            thread.join(30)
        finally:
            if thread.is_alive():
                self.execute(f"SELECT pg_terminate_backend({connection.info.backend_pid})")
                thread.join(30)
            connection.close()
        if errors:
            raise errors[0]


@dataclass(slots=True, kw_only=True)
class Reader:
    """An application that reads a table all the time and remembers its longest wait."""

    database: Database
    query: str
    worst_s: float = 0.0
    served: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        until(lambda: self.served, "the application's first answer")
        try:
            yield
        finally:
            self._stop.set()
            thread.join(30)

    def _read(self) -> None:
        connection = self.database.connect()
        connection.autocommit = True
        with contextlib.closing(connection), connection.cursor() as cursor:
            while not self._stop.wait(0.005):
                began = time.monotonic()
                cursor.execute(self.query)
                self.worst_s = max(self.worst_s, time.monotonic() - began)
                self.served += 1


def kill_backend(pid: int) -> None:
    """End a server process as the kernel does when memory runs out; the whole server recovers."""
    os.kill(pid, signal.SIGKILL)


def on_sqlite(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run one statement in a file, committed, and return its rows."""
    with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        return connection.execute(statement).fetchall()
