"""The copy that a plan is rehearsed on: the schema on a throwaway server, or a copy of the SQLite file."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Scope
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.plan import Plan
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.replay import (
    OF_ROLES_AND_ROWS,
    ReplayFailedError,
    migrate_to,
    scratch_like,
)
from agent_factory.migrate.rehearsal.role_there import why_no_role
from agent_factory.migrate.rehearsal.schemas import make_schemas
from agent_factory.migrate.rehearsal.scratch import (
    CannotCopyError,
    Scratch,
    ScratchUnavailableError,
    copy_schema,
    roles_of,
)
from agent_factory.migrate.rehearsal.temporary_folders import temporary_folder
from agent_factory.plain_text import text_of
from agent_factory.url import DatabaseURL

COPIED = Scope(leave_out_kinds=OF_ROLES_AND_ROWS, one_server=False)
"""What a copy of a schema has: it is made without rows, and without owners and rights, on another server."""


class RehearsalFailedError(Exception):
    """A revision failed on the copy: ``cause`` is what it raised, ``notes`` how the copy differs."""

    def __init__(self, cause: BaseException, revision: str, notes: tuple[str, ...]) -> None:
        super().__init__(f"{revision}: {text_of(cause)}")
        self.cause = cause
        self.revision = revision
        self.notes = notes


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    target: Target
    server: str
    schema_from: str
    notes: tuple[str, ...]
    scratch: Scratch | None = None
    is_migrated: bool = False
    failed: frozenset[str] = frozenset()


@contextlib.contextmanager
def copy_of(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    scratch_url: str | None,
    limit_s: float,
    schemas: Collection[str],
) -> Iterator[Copy]:
    """Make the copy, for a block in which a plan may be run on it.

    ``schemas`` are those that no migration makes, for a copy that the migrations make.

    Raises RehearsalFailedError, and ScratchUnavailableError, also from the block: where what fails there does
    so for want of a role, on a server that is not our own.
    """
    if target.url.backend == "sqlite":
        with _copied_file(target) as path:
            url = DatabaseURL(backend="sqlite", database=str(path))
            yield Copy(
                target=Target(url=url, environment=Environment.LOCAL),
                server="SQLite",
                schema_from="a copy of the file",
                notes=(),
            )
        return
    with scratch_like(target, read_connection, scratch_url=scratch_url) as scratch:
        try:
            yield _give_schema(project, target, plan, read_connection, scratch, limit_s, schemas)
        except Exception as error:
            lacking = why_no_role(error, roles_of(read_connection), scratch)
            if lacking is None:
                raise
            raise ScratchUnavailableError((lacking,)) from error


@contextlib.contextmanager
def _copied_file(target: Target) -> Iterator[Path]:
    source = Path(target.url.database)
    with temporary_folder("rehearsal") as folder:
        path = folder / source.name
        if source.exists():
            with (
                contextlib.closing(
                    sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
                ) as original,
                contextlib.closing(sqlite3.connect(path)) as copy,
            ):
                original.backup(copy)
        yield path


def _give_schema(
    project: Project,
    target: Target,
    plan: Plan,
    read_connection: sa.Connection,
    scratch: Scratch,
    limit_s: float,
    schemas: Collection[str],
) -> Copy:
    """Give the scratch database production's schema, else what the migrations make."""
    try:
        copied = copy_schema(target, read_connection, scratch)
    except CannotCopyError as error:
        notes = (*scratch.gaps, f"the schema could not be copied: {error}")
        make_schemas(scratch, schemas)
        try:
            migrate_to(project, scratch.target, plan.before, limit_s)
        except ReplayFailedError as failure:
            raise RehearsalFailedError(failure.cause, failure.revision, notes) from failure
        return Copy(
            target=scratch.target,
            server=scratch.origin,
            schema_from=f"the migrations up to {', '.join(plan.before) or 'base'}",
            notes=notes,
            scratch=scratch,
            is_migrated=True,
        )
    with connect(scratch.target) as connection:
        alembic_project.stamp(project, connection, plan.before)
    return Copy(
        target=scratch.target,
        server=scratch.origin,
        schema_from="a copy of the database's own",
        notes=(*scratch.gaps, *copied.gaps),
        scratch=scratch,
        failed=copied.failed,
    )
