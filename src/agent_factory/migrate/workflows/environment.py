"""The environment name of a database."""

import re

from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.records import find as find_journal
from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.events import ConfirmName
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import EnvironmentResult


def environment(target: Target, name: str | None, *, confirm: ConfirmName) -> EnvironmentResult:
    """Return the environment name of the database; ``name`` becomes it once that is confirmed.

    Raises RefusedError on SQLite, and when the answer is no.
    """
    if target.url.backend != "postgresql":
        raise RefusedError(
            "no-environment",
            "a SQLite file has no environment name; only PostgreSQL databases have one",
            state=NOT_TOUCHED,
            next_steps=("set DATABASE_URL to a PostgreSQL database",),
        )
    if name is not None and not re.fullmatch(r"[\w.-]{1,63}", name):
        raise UsageError(
            "bad-environment-name",
            f"{name!r} is not a name: letters, digits, dots and dashes, at most 63",
            state=NOT_TOUCHED,
            next_steps=(target.command("environment production"),),
        )
    with connect(target, read_only=True) as connection:
        kept = find_journal(connection)
        before = journal.read_environment(connection) if kept is not None and kept.may_read else None
    if name is None or name == before:
        return EnvironmentResult(database=str(target), before=before, name=before)
    confirm(before, name)
    with connect(target) as connection:
        kept = journal.prepare(connection)
        if kept is None or not kept.may_write:
            raise RefusedError(
                "permission-denied",
                f"{server.read_facts(connection).role} may not write to the schema af_db",
                state=UNCHANGED,
                next_steps=("use the role that migrates this database",),
            )
        journal.write_environment(connection, name)
    return EnvironmentResult(database=str(target), before=before, name=name)
