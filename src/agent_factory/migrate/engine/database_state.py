"""Where the database really is after something went wrong: read from it, never guessed."""

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import ReconnectedError, connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.model.errors import MigrationError, Outcome, RevisionOutcome
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project

READ_FOR_S = 12.0
"""A server that crashed recovers in seconds; a session whose client is gone notices within two."""

CONNECT_TIMEOUT_S = 3
NONE_UNFINISHED: Mapping[str, Outcome] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """What was found.

    ``current`` are the revisions that it is at; None, with ``why_unknown``, when it could not be asked, or
    when the lost session still runs and may yet commit.
    """

    current: tuple[str, ...] | None
    why_unknown: str = ""

    @property
    def at(self) -> str:
        """The words that say it: ``at 003``."""
        if self.current is None:
            return f"not known: {self.why_unknown}"
        return f"at {', '.join(self.current) or 'base'}"

    def outcomes(
        self, project: Project, plan: Plan, unfinished: Mapping[str, Outcome] = NONE_UNFINISHED
    ) -> tuple[RevisionOutcome, ...]:
        """Say of each revision of the plan how it ended.

        ``unfinished`` says it of one that was not applied, and of which a part is committed, or may be.
        """
        applied: frozenset[str] | None = None
        if self.current is not None:
            with contextlib.suppress(MigrationError):
                applied = alembic_project.ancestors(project, self.current)
        return tuple(
            RevisionOutcome(
                revision=step.id,
                outcome=find_outcome(step.id, applied, plan.direction, unfinished),
            )
            for step in plan.steps
        )


def find_outcome(
    revision: str, applied: frozenset[str] | None, direction: Direction, unfinished: Mapping[str, Outcome]
) -> Outcome:
    """Say how a revision ended. ``applied`` are all that the database has; None when that is not known."""
    if applied is None:
        return Outcome.UNKNOWN
    if (revision in applied) is (direction is Direction.UPGRADE):
        return Outcome.APPLIED
    return unfinished.get(revision, Outcome.NOT_APPLIED)


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
        # A bug of ours is none of these, and must not be reported as a silent database.
        with contextlib.suppress(MigrationError, ReconnectedError, sa.exc.SQLAlchemyError, psycopg2.Error):
            why = "the database does not answer"
            with connect(
                target, read_only=True, application_name="af-db look-up", timeout_s=CONNECT_TIMEOUT_S
            ) as read_connection:
                still_there = server.sessions_called(read_connection, lost_session) if lost_session else ()
                if not still_there:
                    return DatabaseState(current=alembic_project.read_current(project, read_connection))
                why = "the lost session still runs on the server"
                if not server.read_facts(read_connection).behind_pooler:
                    with own_cursor(read_connection) as cursor:
                        for session in may_be_ended(still_there):
                            cursor.execute("SELECT pg_terminate_backend(%s)", [session.pid])
        if time.monotonic() > deadline or (lost_session is None and why):
            return DatabaseState(current=None, why_unknown=why)
        time.sleep(0.2)


def may_be_ended(sessions: Iterable[Session]) -> tuple[Session, ...]:
    """Return those of our own lost sessions that only wait for a client who will not come, and hold the lock.

    An active one may be in the middle of its COMMIT: it ends by itself, or its outcome stays "unknown".
    """
    return tuple(session for session in sessions if (session.state or "").startswith("idle"))
