"""Ending the run of another terminal, or of another machine, as Ctrl-C there would."""

import time

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import run_lock
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.stop_request import ask_to_stop
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import AlreadyRunningError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import ConfirmStop, StopResult
from agent_factory.migrate.project import Project
from agent_factory.migrate.workflows.status import describe

WAIT_S = 60.0
PAUSE_S = 0.1


def stop(project: Project, target: Target, *, confirm: ConfirmStop) -> StopResult:
    """Ask the run on the project's version table to stop, once that is confirmed, and wait until it has.

    The target is a PostgreSQL. The run rolls back what it is at. Raises AlreadyRunningError where it goes on
    all the same.
    """
    with connect(target, read_only=True, application_name="af-db stop") as connection:
        position = alembic_project.read_position(project, connection)
        holder = run_lock.find_holder(connection, position.table)
        if holder is None:
            return StopResult(database=str(target), stopped=None, current=describe(project, position.rows))
        confirm(holder)
        began = time.monotonic()
        ask_to_stop(connection, holder.pid)
        while (now := run_lock.find_holder(connection, position.table)) and now.pid == holder.pid:
            if time.monotonic() - began > WAIT_S:
                raise AlreadyRunningError(
                    "not-stopped",
                    f"the run goes on {show_duration(WAIT_S)} after it was asked to stop: {now}",
                    state="the run goes on",
                    next_steps=(
                        f"end its session, and roll back: SELECT pg_terminate_backend({holder.pid})",
                        "a run hears of it while a revision runs, from a role that may cancel statements; "
                        "an older af-db does not, nor one behind a transaction pooler",
                    ),
                )
            time.sleep(PAUSE_S)
        current = alembic_project.read_current(project, connection)
    return StopResult(
        database=str(target),
        stopped=holder,
        current=describe(project, current),
        seconds=time.monotonic() - began,
    )
