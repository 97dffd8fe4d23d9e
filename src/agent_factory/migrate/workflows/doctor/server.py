"""What ``doctor`` says of a server that was reached: standby, pooler, rights, clock; it reads only."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog.platforms import own_schemas
from agent_factory.migrate.db import role_rights, server
from agent_factory.migrate.db.cursors import is_of_session
from agent_factory.migrate.db.failures import message_of
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.engine.preflight import check_server
from agent_factory.migrate.journal.records import find as find_journal
from agent_factory.migrate.model.diagnosis import Examined, Group, Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.target import Target

_CLOCK_NOTE_S = 2.0
_CLOCK_FINDING_S = 60.0
"""Tokens of clouds hold for minutes, and the journal's times are the server's."""


def examine_server(
    connection: sa.Connection, facts: server.ServerFacts, target: Target
) -> Iterator[Examined]:
    """Yield what would be in the way of a migration there, and what would not."""
    questions: tuple[tuple[str, Callable[[], Iterable[Examined]]], ...] = (
        ("primary", lambda: [_ask_primary(facts, target)]),
        ("pooler", lambda: [_ask_pooler(facts, target)]),
        ("rights", lambda: _ask_rights(connection, facts, target)),
        ("clock", lambda: _ask_clock(connection)),
    )
    for name, ask in questions:
        try:
            yield from ask()
        except psycopg2.Error as error:
            if is_of_session(error):
                raise
            yield _of_server(name, Verdict.NOTE, f"the server does not say: {message_of(error)}")


def _ask_primary(facts: server.ServerFacts, target: Target) -> Examined:
    try:
        check_server(facts, target, RunOptions(allow_pooler=True))
    except RefusedError as error:
        return _refused("primary", error)
    return _of_server("primary", Verdict.OK, "it takes writes: neither a standby nor read-only")


def _ask_pooler(facts: server.ServerFacts, target: Target) -> Examined:
    try:
        check_server(_as_primary(facts), target, RunOptions())
    except RefusedError as error:
        return _refused("pooler", error)
    said = "one that keeps a session for each connection" if facts.behind_pooler else "none between"
    return _of_server("pooler", Verdict.OK, said)


def _as_primary(facts: server.ServerFacts) -> server.ServerFacts:
    return replace(facts, in_recovery=False, is_read_only=False)


def _ask_rights(connection: sa.Connection, facts: server.ServerFacts, target: Target) -> Iterator[Examined]:
    role = facts.role
    if facts.is_superuser:
        yield _of_server("rights", Verdict.OK, f"{role} is a superuser, and may do everything")
        return
    yield _ask_journal(connection, role, target)
    schemas = own_schemas(role_rights.read_schemas(connection), role_rights.read_roles(connection))
    tables = role_rights.read_table_rights(connection, schemas)
    if tables.unreadable:
        some, their_schemas = ", ".join(tables.examples), ", ".join(tables.schemas)
        yield _of_server(
            "tables",
            Verdict.FINDING,
            f"{role} may not read {tables.unreadable} of {tables.tables} tables: {some}",
            code="tables-not-read",
            next_steps=(
                f"let their owner run: GRANT SELECT ON ALL TABLES IN SCHEMA {their_schemas} TO {role}",
                "or use the role that migrates this database",
            ),
        )
    elif tables.of_others:
        said = f"{role} may read all {tables.tables}, and is not the owner of {tables.of_others}"
        yield _of_server("tables", Verdict.NOTE, f"{said}: only an owner may alter a table")
    else:
        yield _of_server("tables", Verdict.OK, f"{role} may read and alter all {tables.tables}")


def _ask_journal(connection: sa.Connection, role: str, target: Target) -> Examined:
    try:
        found = find_journal(connection)
    except RefusedError as error:
        return _refused("journal", error)
    if found is None:
        if role_rights.may_create_schemas(connection):
            return _of_server("journal", Verdict.OK, f"there is none yet; {role} may create the schema af_db")
        return _of_server(
            "journal",
            Verdict.FINDING,
            f"there is none, and {role} may not create the schema af_db",
            code="no-journal",
            next_steps=(f"GRANT CREATE ON DATABASE {quoted(target.url.database)} TO {role}",),
        )
    if not (found.may_read and found.may_write):
        done = "read" if not found.may_read else "write"
        return _of_server(
            "journal",
            Verdict.FINDING,
            f"{role} may not {done} the tables of the schema af_db",
            code="no-journal",
            next_steps=(
                f"let its owner run: GRANT USAGE ON SCHEMA af_db TO {role}; "
                f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA af_db TO {role}",
            ),
        )
    return _of_server("journal", Verdict.OK, f"{role} may read and write the schema af_db")


def _ask_clock(connection: sa.Connection) -> Iterator[Examined]:
    before = time.time()
    now, zone = role_rights.read_clock(connection)
    after = time.time()
    yield _of_server("time zone", Verdict.OK, zone)
    apart = now - (before + after) / 2
    is_known = abs(apart) > (after - before) / 2
    if abs(apart) < _CLOCK_NOTE_S or not is_known:
        yield _of_server(
            "clock", Verdict.OK, f"the server's and this machine's differ by {show_duration(abs(apart))}"
        )
        return
    said = (
        f"the server's is {show_duration(abs(apart))} {'ahead of' if apart > 0 else 'behind'} this machine's"
    )
    if abs(apart) < _CLOCK_FINDING_S:
        yield _of_server("clock", Verdict.NOTE, said)
        return
    steps = ("which of them is right? date -u; then let it follow a time server: timedatectl status",)
    yield _of_server("clock", Verdict.FINDING, said, code="clocks-differ", next_steps=steps)


def _of_server(
    name: str, verdict: Verdict, what: str, *, code: str = "", next_steps: tuple[str, ...] = ()
) -> Examined:
    return Examined(
        group=Group.SERVER, name=name, verdict=verdict, what=what, code=code, next_steps=next_steps
    )


def _refused(name: str, error: RefusedError) -> Examined:
    return _of_server(name, Verdict.FINDING, error.message, code=error.code, next_steps=error.next_steps)
