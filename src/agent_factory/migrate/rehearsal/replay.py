"""The history replayed: what a database has that nothing but the migrations has made.

An empty database on a throwaway server is migrated from its beginning. It is like the real one in version,
locale and settings; its roles are not, so owners and rights are nothing to compare.
"""

import contextlib
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Catalog, Key, Scope, find_other_constants, read_catalog
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.project import Hooks, Project
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.rehearsal.schemas import make_schemas
from agent_factory.migrate.rehearsal.scratch import (
    Scratch,
    ScratchUnavailableError,
    another_database,
    copy_settings,
    read_locale,
    scratch_database,
)
from agent_factory.migrate.rehearsal.temporary_folders import temporary_folder
from agent_factory.migrate.rehearsal.time_limit import time_limit
from agent_factory.plain_text import text_of
from agent_factory.url import DatabaseURL

OF_ROLES_AND_ROWS = frozenset({"owner", "grant", "default privileges", "populated"})
"""Kinds of objects that a database made on another server, without rows, cannot have in common with the real
one: who owns what and what roles may do hangs on who ran the migrations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blank:
    """An empty database to migrate, gone after the block that it was made for. ``server`` says where it is.

    ``scratch`` is None on SQLite, and ``role``, who makes what is made there, empty. ``gaps`` are how it
    differs from the original.
    """

    target: Target
    server: str
    scratch: Scratch | None
    role: str = ""
    gaps: tuple[str, ...] = ()


class ReplayFailedError(Exception):
    """A revision failed: ``cause`` is what it raised, of which the message has the first line."""

    def __init__(self, cause: BaseException, revision: str) -> None:
        said = text_of(cause.orig if isinstance(cause, sa.exc.DBAPIError) and cause.orig else cause)
        first = said.strip().partition("\n")[0] or type(cause).__name__
        super().__init__(f"{revision}: {first}")
        self.cause = cause
        self.revision = revision


@contextlib.contextmanager
def blank_database(
    target: Target,
    read_connection: sa.Connection,
    *,
    schemas: Collection[str] = (),
    scratch_url: str | None = None,
    beside: Scratch | None = None,
) -> Iterator[Blank]:
    """Make an empty database like that of ``read_connection``, on the server of ``beside`` where given.

    ``schemas`` are there from the beginning (``schemas_to_begin_with``). Raises ScratchUnavailableError.
    """
    if target.url.backend == "sqlite":
        with temporary_folder("replay") as folder, alembic_project.copied(target.url):
            url = DatabaseURL(backend="sqlite", database=str(folder / Path(target.url.database).name))
            yield Blank(target=Target(url=url, environment=Environment.LOCAL), server="SQLite", scratch=None)
        return
    with (
        scratch_like(target, read_connection, scratch_url=scratch_url, beside=beside) as scratch,
        alembic_project.copied(target.url),
    ):
        copied = copy_settings(read_connection, scratch)
        make_schemas(scratch, schemas)
        yield Blank(
            target=scratch.target,
            server=scratch.origin,
            scratch=scratch,
            role=quoted(scratch.url.user or ""),
            gaps=(*scratch.gaps, *copied.gaps),
        )


def scratch_like(
    target: Target,
    read_connection: sa.Connection,
    *,
    scratch_url: str | None = None,
    beside: Scratch | None = None,
) -> AbstractContextManager[Scratch]:
    """Return the block of an empty database of the version and locale of that of ``read_connection``.

    It is on the server of ``beside`` where that is given. Entering it raises ScratchUnavailableError.
    """
    locale, identifier = read_locale(read_connection), server.system_identifier(read_connection)
    if beside is not None:
        return another_database(beside, scratch_url=scratch_url, locale=locale, system_identifier=identifier)
    return scratch_database(
        server.read_facts(read_connection).version // 10_000,
        scratch_url=scratch_url,
        name=target.name,
        locale=locale,
        system_identifier=identifier,
    )


def migrate_to(
    project: Project, target: Target, revisions: tuple[str, ...], limit_s: float | None = None
) -> None:
    """Bring an empty database to these revisions: the baseline, then the migrations, within ``limit_s`` each.

    Raises ReplayFailedError, and BaselineFailedError.
    """
    lay_baseline(project, target, limit_s)
    with connect(target) as connection:
        for revision in revisions:
            current = alembic_project.read_current(project, connection)
            way = alembic_project.plan(project, target, Direction.UPGRADE, revision, current)
            with failures_named(way) as started, time_limit(connection, limit_s):
                alembic_project.run(project, connection, way, Hooks(started=started.append))


def lay_baseline(project: Project, target: Target, limit_s: float | None = None) -> None:
    """Make in an empty database what the first revision begins with, over a connection for nothing else.

    Raises BaselineFailedError.
    """
    if alembic_project.find_baseline(project) is None:
        return
    with connect(target) as connection, time_limit(connection, limit_s):
        alembic_project.apply_baseline(project, connection)


def made_by_migrations(
    project: Project,
    blank: Blank,
    revisions: tuple[str, ...],
    scope: Scope,
    limit_s: float | None = None,
) -> Catalog:
    """Migrate an empty database to these revisions, and return what it has then.

    Raises what ``migrate_to`` does.
    """
    migrate_to(project, blank.target, revisions, limit_s)
    with connect(blank.target, read_only=True) as connection:
        return read_catalog(connection, scope)


def find_computed_defaults(
    project: Project,
    target: Target,
    read_connection: sa.Connection,
    made: Catalog,
    found: Catalog,
    revisions: tuple[str, ...],
    scope: Scope,
    *,
    beside: Scratch | None,
    schemas: Collection[str] = (),
    scratch_url: str | None = None,
    limit_s: float | None = None,
    tables: Collection[str] | None = None,
) -> frozenset[Key]:
    """Return what has a default that the migrations make another one each time.

    ``made`` is what they have made. Where ``found`` has another constant as default, in these ``tables``
    (None for all), they are run once more. Nothing is returned where that fails: then it is drift.
    """
    differing = find_other_constants(made, found)
    if tables is not None:
        differing &= {one.key for one in made.objects if one.table in tables}
    if not differing:
        return frozenset()
    try:
        with blank_database(
            target, read_connection, schemas=schemas, scratch_url=scratch_url, beside=beside
        ) as blank:
            return differing & find_other_constants(
                made, made_by_migrations(project, blank, revisions, scope, limit_s)
            )
    except (ReplayFailedError, ScratchUnavailableError):
        return frozenset()


@contextlib.contextmanager
def failures_named(plan: Plan) -> Iterator[list[str]]:
    """Hand out a list for the revisions that began; what fails in the block is blamed on the last of them."""
    started: list[str] = []
    try:
        yield started
    except BaseException as error:
        if is_interruption(error):
            raise
        raise ReplayFailedError(error, started[-1] if started else plan.steps[0].id) from error
