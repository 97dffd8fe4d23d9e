"""The rows of the version table, asked of the driver."""

import contextlib
import sys
from pathlib import Path
from typing import Any

from agent_factory.url import DatabaseURL

_SELECT = "SELECT alembic_version.version_num FROM alembic_version"
_NO_SUCH_TABLE = "42P01"
"""undefined_table (PostgreSQL manual, appendix A)."""


def read_rows(url: DatabaseURL) -> tuple[str, ...] | None:
    """Return the revisions that the database is at, sorted, over a connection that cannot write.

    Empty where there is no version table. None for whatever else the database says.
    """
    rows = _ask_sqlite(url) if url.backend == "sqlite" else _ask_postgresql(url)
    if rows is None or not all(len(row) == 1 and isinstance(row[0], str) for row in rows):
        return None
    return tuple(sorted(str(row[0]) for row in rows))


def _ask_postgresql(url: DatabaseURL) -> list[tuple[object, ...]] | None:
    psycopg2 = _import_psycopg2()

    from agent_factory.migrate.libpq import connect_options, keywords, with_options

    try:
        connection = psycopg2.connect(**keywords(with_options(url, connect_options())))
        with contextlib.closing(connection), connection.cursor() as cursor:
            connection.set_session(readonly=True)
            cursor.execute(_SELECT)
            rows: list[tuple[object, ...]] = cursor.fetchall()
            return rows
    except psycopg2.Error as error:
        return [] if error.pgcode == _NO_SUCH_TABLE else None


def _import_psycopg2() -> Any:
    """Import psycopg2 without Python's own ssl, which it loads only to spare an OpenSSL older than 1.1.

    That is 9 ms and 5 MiB. libpq's TLS is not Python's: it works as ever, and so does ssl later on.
    """
    spared = "ssl" not in sys.modules
    if spared:
        sys.modules["ssl"] = None  # type: ignore[assignment] # None is how an import is refused
    try:
        import psycopg2
    finally:
        if spared:
            del sys.modules["ssl"]
    return psycopg2


def _ask_sqlite(url: DatabaseURL) -> list[tuple[object, ...]] | None:
    if url.options or url.database.startswith((":", "file:")):
        return None
    path = Path(url.database)
    if not path.exists():
        return []  # a file that is not there is an empty database, and reading must not make it
    if not path.is_file():
        return None
    import sqlite3

    from agent_factory.sqlite_session import prepare

    try:
        with contextlib.closing(sqlite3.connect(path.absolute())) as connection:
            prepare(connection)
            connection.execute("BEGIN")
            there = connection.execute("PRAGMA main.table_info(alembic_version)").fetchone()
            return connection.execute(_SELECT).fetchall() if there else []
    except sqlite3.Error:
        return None
