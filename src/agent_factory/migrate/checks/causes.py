"""Why a revision has failed: by its own doing, by what a database lacks, or by the generated rows."""

import linecache
import re
import sqlite3
import traceback
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog
from agent_factory.migrate.checks.expressible import plain


def line_of(error: BaseException, path: Path) -> int | None:
    """Return the line of the revision's file where it failed."""
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)
    ]
    return lines[-1] if lines else None


def is_on_purpose(error: BaseException, path: Path) -> bool:
    """Say whether the revision itself raised this: by a ``raise`` in its file, no database's doing."""
    if isinstance(error, sa.exc.SQLAlchemyError):
        return False
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    if last is None or last.filename != str(path) or last.lineno is None:
        return isinstance(error, NotImplementedError)
    return linecache.getline(last.filename, last.lineno).strip().startswith("raise")


def is_of_sqlite(error: BaseException) -> bool:
    """Say whether it is what SQLite, or its dialect, does not know; anything else fails elsewhere as well."""
    if isinstance(error, NotImplementedError):
        return str(error).startswith("No support for ALTER")
    return isinstance(origin(error), sqlite3.Error) or any(
        isinstance(one, sa.exc.UnsupportedCompilationError) for one in (error, error.__cause__)
    )


def may_be_the_rows(error: BaseException, before: Catalog) -> bool:
    """Say whether other values than those that were made up might have pleased the revision.

    No row pleases a new column that is NOT NULL and has no default.
    """
    cause = origin(error)
    columns = {plain(one.name).rpartition(".")[2] for one in before.objects if one.kind == "column"}
    if isinstance(cause, psycopg2.errors.NotNullViolation):
        return cause.diag.column_name in columns
    if isinstance(cause, sqlite3.IntegrityError):
        match = re.search(r"NOT NULL constraint failed: \S+\.(\S+)", str(cause))
        return match is None or match[1] in columns
    return isinstance(cause, psycopg2.IntegrityError | psycopg2.DataError)


def origin(error: BaseException) -> BaseException:
    """Return what the driver has raised."""
    return error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
