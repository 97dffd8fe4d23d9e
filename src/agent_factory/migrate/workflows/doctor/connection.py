"""What ``doctor`` says of the connection, stage by stage, and then of the server behind it; it reads only.

It is called in a process of its own, which a signal ends at once: libpq, while it connects, notices none.
"""

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.connection_failures import explain_connection_failure
from agent_factory.migrate.db.connection_stages import (
    NAME,
    TCP,
    TIMEOUT_S,
    examined,
    failed,
    not_tried,
    reach,
    resolve_name,
)
from agent_factory.migrate.db.driver import psycopg2_connection
from agent_factory.migrate.db.tls import TLS, examine_tls
from agent_factory.migrate.model.diagnosis import Examined, Verdict
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version import servers_met
from agent_factory.migrate.workflows.doctor.server import examine_server

PASSWORD = "password"  # noqa: S105 - the name of a stage
DATABASE = "database"
SESSION = "session"

_LOGIN = (PASSWORD, DATABASE, SESSION)
_STAGES = {
    "wrong-password": PASSWORD,
    "no-such-role": PASSWORD,
    "not-allowed-in": PASSWORD,
    "no-such-database": DATABASE,
    "may-not-connect": DATABASE,
    "unknown-host": NAME,
    "connection-refused": TCP,
    "unreachable": TCP,
    "tls": TLS,
}
"""Where in a login each cause is; others are of the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What was examined. ``server`` is None where the database was not reached; ``major`` is PostgreSQL's."""

    examined: tuple[Examined, ...]
    server: str | None
    major: int | None


def examine_connection(target: Target) -> Reached:
    """Try each stage of the connection up to the one that fails, and ask the server what it is."""
    if target.url.backend == "sqlite":
        return _examine_file(target)
    stages, goes_on = _before_login(target)
    if not goes_on:
        missing = [name for name in (TCP, TLS, *_LOGIN) if name not in {stage.name for stage in stages}]
        return Reached(examined=(*stages, *not_tried(*missing)), server=None, major=None)
    try:
        with connect(target, read_only=True, timeout_s=round(TIMEOUT_S)) as connection:
            stages += _logged_in(connection, target)
            facts = server.read_facts(connection)
            found = (*stages, *examine_server(connection, facts, target))
            return Reached(examined=found, server=servers_met()[-1], major=facts.version // 10000)
    except CannotConnectError as error:
        return Reached(examined=(*stages, *_not_logged_in(error, target, stages)), server=None, major=None)
    except (sa.exc.DBAPIError, psycopg2.Error) as error:  # it has gone meanwhile
        lost = failed(SESSION, explain_connection_failure(error, target), target)
        kept = tuple(stage for stage in stages if stage.name != SESSION)
        return Reached(examined=(*kept, lost), server=None, major=None)


def _before_login(target: Target) -> tuple[tuple[Examined, ...], bool]:
    """Return the stages before libpq's own, and whether it is worth while to log in."""
    named, addresses = resolve_name(target)
    if named.verdict is Verdict.FAILED:
        return (named,), False
    if not addresses:  # libpq's own socket, of which only libpq knows
        return (named,), True
    reached, address = reach(target, addresses)
    if address is None:
        return (named, reached), False
    encrypted = examine_tls(target, address)
    return (named, reached, encrypted), encrypted.verdict is not Verdict.FAILED


def _logged_in(connection: sa.Connection, target: Target) -> tuple[Examined, ...]:
    info = psycopg2_connection(connection).info
    used = f"accepted for {info.user}" if info.used_password else f"none was asked for, as {info.user}"
    known = "" if target.url.password or not info.used_password else ", from PGPASSWORD or a password file"
    return (
        examined(PASSWORD, Verdict.OK, f"{used}{known}"),
        examined(DATABASE, Verdict.OK, f"{info.dbname} is there"),
        examined(SESSION, Verdict.OK, "the server answers queries"),
    )


def _not_logged_in(
    error: CannotConnectError, target: Target, before: tuple[Examined, ...]
) -> tuple[Examined, ...]:
    """Return the stage of the login that has failed, and the others as far as they are known by that."""
    at = _STAGES.get(error.code, SESSION)
    if at not in _LOGIN:
        at = SESSION if any(stage.name == at for stage in before) else at
    failing = failed(at, error, target)
    if at not in _LOGIN:
        return (failing, *not_tried(*_LOGIN))
    index = _LOGIN.index(at)
    # The server itself asks for the password first; a pooler may know the database before.
    by_pooler = at == DATABASE and "no such database" in error.message
    unknown = "not known: the session has failed for another reason"
    passed = [
        examined(name, Verdict.NOT_TRIED, unknown)
        if by_pooler or at == SESSION
        else examined(name, Verdict.OK, f"accepted for {target.url.user or 'this user'}")
        for name in _LOGIN[:index]
    ]
    return (*passed, failing, *not_tried(*_LOGIN[index + 1 :]))


def _examine_file(target: Target) -> Reached:
    """Do the same for a SQLite file: is it there, is it a database, may it be written."""
    path = Path(target.url.database)
    folder = path.parent
    try:
        with connect(target, read_only=True) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_master")
    except CannotConnectError as error:
        stage = examined(
            "file",
            Verdict.FAILED,
            error.message.removeprefix(f"cannot connect to {target}: "),
            code=error.code,
            next_steps=error.next_steps,
        )
        return Reached(examined=(stage,), server=None, major=None)
    if not path.exists():
        may_make = folder.is_dir() and os.access(folder, os.W_OK)
        if may_make:
            stage = examined("file", Verdict.OK, f"{path} is not there yet; the first upgrade makes it")
        else:
            stage = examined(
                "file",
                Verdict.FAILED,
                f"{path} is not there, and cannot be made in {folder}",
                code="cannot-open-file",
                next_steps=(
                    "does its folder exist, and may you write there? Check the path in DATABASE_URL",
                ),
            )
    elif os.access(path, os.W_OK) and os.access(folder, os.W_OK):
        stage = examined("file", Verdict.OK, f"{path} is a database, and may be written")
    else:
        stage = examined(
            "file",
            Verdict.FINDING,
            f"{path} or its folder may not be written by this user: SQLite writes in both",
            code="cannot-open-file",
            next_steps=(f"see whose they are: ls -ld {folder} {path}",),
        )
    return Reached(
        examined=(stage,),
        server=f"SQLite {sqlite3.sqlite_version}" if stage.verdict is not Verdict.FAILED else None,
        major=None,
    )
