"""What ``doctor`` says of a project: its files, what its env.py does, its version table; it reads only."""

import os
from collections.abc import Iterator

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.role_rights import may_write_version_table
from agent_factory.migrate.model.diagnosis import Examined, Group, Verdict
from agent_factory.migrate.model.errors import MigrationError, RefusedError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import Position
from agent_factory.migrate.project import Project
from agent_factory.migrate.workflows.status import describe


def examine_project(project: Project, target: Target | None) -> tuple[Examined, ...]:
    """Return what was found of an opened project; without a ``target`` its env.py is not run."""
    return tuple(_examine(project, target))


def _examine(project: Project, target: Target | None) -> Iterator[Examined]:
    count, heads = len(alembic_project.revisions(project)), project.effective_heads
    named = (
        f"the head{'s are' if len(heads) > 1 else ' is'} {', '.join(heads)}" if heads else "there is no head"
    )
    yield _of_project("files", Verdict.OK, f"{count} revision{'s' if count != 1 else ''}, {named}")
    shown = os.path.relpath(alembic_project.env_py(project))
    if target is None:
        yield _of_project("env.py", Verdict.NOT_TRIED, f"{shown} is run with a connection, and there is none")
        return
    try:
        with connect(target, read_only=True) as connection:
            position, borrows = alembic_project.read_position_and_manner(project, connection)
            how = (
                "makes an engine of its own, which is lent af-db's connection"
                if borrows
                else "takes the connection that it is given"
            )
            yield _of_project("env.py", Verdict.OK, f"{shown} {how}")
            yield _version_table(project, connection, position)
    except RefusedError as error:  # env.py has led to the version table, and that is not as it has to be
        yield _of_project(
            "version table",
            Verdict.FINDING,
            error.message,
            code=error.code,
            next_steps=error.next_steps,
        )
    except MigrationError as error:
        place = f"{shown}, line {error.line}: " if error.line and shown not in error.message else ""
        yield _of_project(
            "env.py",
            Verdict.FAILED,
            f"{place}{error.message}",
            code=error.code,
            next_steps=error.next_steps,
        )
    except (sa.exc.DBAPIError, psycopg2.Error) as error:
        said = " ".join(str(getattr(error, "orig", error)).split())
        yield _of_project("env.py", Verdict.FAILED, f"{shown}: {said}", code="broken-env-py")


def _version_table(project: Project, connection: sa.Connection, position: Position) -> Examined:
    heads = describe(project, position.rows)
    at = ", ".join(f"{head.revision}{'' if head.known else ' (in no file here)'}" for head in heads) or "base"
    is_there = set(position.rows) == set(project.effective_heads)
    where = f"{position.table}: the database is at {at}{', the head' if is_there and heads else ''}"
    if connection.dialect.name == "postgresql" and not may_write_version_table(connection, position.table):
        return _of_project(
            "version table",
            Verdict.FINDING,
            f"{where}; this role may not write it",
            code="permission-denied",
            next_steps=("use the role that migrates this database",),
        )
    return _of_project("version table", Verdict.OK, where)


def _of_project(
    name: str, verdict: Verdict, what: str, *, code: str = "", next_steps: tuple[str, ...] = ()
) -> Examined:
    return Examined(
        group=Group.PROJECT, name=name, verdict=verdict, what=what, code=code, next_steps=next_steps
    )
