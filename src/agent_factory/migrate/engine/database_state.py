"""Where the database really is, after something went wrong: looked up, never guessed."""

import contextlib
import time
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.model.errors import MigrationError, Outcome, RevisionOutcome
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project

READ_FOR_S = 12.0
"""A server that crashed recovers in seconds; a session whose client is gone notices within two."""

CONNECT_TIMEOUT_S = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What was found. ``current`` is None when the database could not be asked, or when the lost session
    still runs and may yet commit."""

    current: tuple[str, ...] | None
    why_unknown: str = ""

    @property
    def at(self) -> str:
        if self.current is None:
            return f"not known: {self.why_unknown}"
        return f"at {', '.join(self.current) or 'base'}"


def read_state_after_failure(
    project: Project, target: Target, *, lost_session: str | None = None
) -> DatabaseState:
    """Read the version table over a new connection that cannot write.

    ``lost_session`` is the application name of a session that was lost: nothing is known for certain until
    the server has ended it.
    """
    why = ""
    deadline = time.monotonic() + READ_FOR_S
    while True:
        with contextlib.suppress(Exception):
            why = "the database does not answer"
            with connect(
                target, read_only=True, application_name="af-db look-up", timeout_s=CONNECT_TIMEOUT_S
            ) as connection:
                still_there = server.sessions_called(connection, lost_session) if lost_session else ()
                if still_there:
                    why = "the lost session still runs on the server"
                    if not server.read_facts(connection).behind_pooler:
                        _end_idle(connection, still_there)
                else:
                    return DatabaseState(current=alembic_project.read_current(project, connection))
        if time.monotonic() > deadline or (lost_session is None and why):
            return DatabaseState(current=None, why_unknown=why)
        time.sleep(0.2)


def _end_idle(connection: sa.Connection, sessions: tuple[Session, ...]) -> None:
    """End lost sessions of our own that wait for a client who will not come, and hold the run lock."""
    with own_cursor(connection) as cursor:
        for session in sessions:
            # An active one may be in the middle of its COMMIT: it ends by itself, or stays "unknown".
            if session.state != "active":
                cursor.execute("SELECT pg_terminate_backend(%s)", [session.pid])


def outcomes(
    project: Project, plan: Plan, truth: DatabaseState, partly: str | None
) -> tuple[RevisionOutcome, ...]:
    """Say of each revision of the plan how it ended; ``partly`` is one that committed a part of itself."""
    applied: frozenset[str] | None = None
    if truth.current is not None:
        with contextlib.suppress(MigrationError):
            applied = alembic_project.ancestors(project, truth.current)
    found = []
    for step in plan.steps:
        if applied is None:
            outcome = Outcome.UNKNOWN
        elif (step.id in applied) is (plan.direction is Direction.UPGRADE):
            outcome = Outcome.APPLIED
        else:
            outcome = Outcome.PARTLY_COMMITTED if step.id == partly else Outcome.NOT_APPLIED
        found.append(RevisionOutcome(revision=step.id, outcome=outcome))
    return tuple(found)
