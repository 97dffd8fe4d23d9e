"""What is said, and advised, where project code was refused a connection, a write or a program."""

import sqlite3
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.project.connections import OwnConnection, refused_in, refused_program
from agent_factory.migrate.revisions.parse import Broken
from agent_factory.plain_text import text_of


def is_refused_write(cause: BaseException) -> bool:
    """Say whether a driver raised this because nothing can be written on its connection."""
    if isinstance(cause, sqlite3.Error):
        # SQLite adds details to its codes, above the first byte.
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY
    return isinstance(cause, psycopg2.errors.ReadOnlySqlTransaction)


_NOT_THERE = (
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedColumn,
    psycopg2.errors.UndefinedFunction,
    psycopg2.errors.UndefinedObject,
    psycopg2.errors.InvalidSchemaName,
)


def is_not_there(error: BaseException) -> bool:
    """Say whether a database raised this because it has no such table, column or other object."""
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    if isinstance(cause, sqlite3.OperationalError):
        return str(cause).startswith(("no such table", "no such column"))
    return isinstance(cause, _NOT_THERE)


def program_steps(own: OwnConnection) -> tuple[str, ...]:
    """Return what to do about a program that was refused.

    A shell is never one to name: whoever may start it may start everything.
    """
    if own.is_shell:
        return ("start it without a shell, then name it in `programs` of [tool.af-db] if it changes nothing",)
    return (f'if it changes nothing, name it in pyproject.toml: [tool.af-db] programs = ["{own.to}"]',)


def refused_program_steps() -> tuple[str, ...]:
    """Return what to do about a program that was refused before something else went wrong, if one was."""
    own = refused_program()
    return () if own is None else (f"af-db has not let it start {own.to}: {program_steps(own)[0]}",)


def why_not_loaded(error: BaseException, path: Path, line: int | None) -> Broken | None:
    """Return why a revision's file cannot be loaded where it, or what it imports, was refused something.

    None where something else is wrong. ``line`` is the file's own, by which it got there.
    """
    if own := refused_in(error):
        does = f"starts {own.to}" if own.is_program else f"connects to {own.to}"
        said = f"it {does} while it is only loaded"
        if own.why and not own.is_program:
            said += f": {own.why}"
        if own.file is not None and own.file != path.resolve():
            said += f" ({own.where})"
        else:
            line = own.line or line
        also = program_steps(own) if own.is_program else ()
        return Broken(why=said, line=line, remedy="; or, ".join((_MOVE, *also)))
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    if is_refused_write(cause):
        said = text_of(cause).strip().partition("\n")[0]
        return Broken(why=f"it writes while it is only loaded: {said}", line=line, remedy=_MOVE)
    return None


_MOVE = "move that into upgrade(), which is given a connection: op.get_bind()"
