"""The order of the examination: the connection, the project, the programs; it reads only.

What fails ends no examination: what depends on it is not tried, and the rest is.
"""

import platform
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from psycopg2.extensions import libpq_version

from agent_factory.migrate.model.diagnosis import DoctorResult, Examined, Group, Setting, Verdict
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.workflows.child import in_child, on_project
from agent_factory.migrate.workflows.doctor.connection import Reached, examine_connection
from agent_factory.migrate.workflows.doctor.programs import examine_programs
from agent_factory.migrate.workflows.doctor.project import examine_project

_PACKAGES = (("af-db", "agent-factory"), ("Alembic", "alembic"), ("SQLAlchemy", "sqlalchemy"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorRequest:
    """What is configured. ``target`` is None where no database is named, ``setup`` where there is no project.

    ``examined`` says what of the configuration was found to be right and wrong. ``rehearses`` and
    ``scratch_url`` are what the settings say of rehearsals.
    """

    target: Target | None
    setup: Setup | None
    settings: tuple[Setting, ...]
    examined: tuple[Examined, ...]
    rehearses: bool = True
    scratch_url: str | None = None


def doctor(request: DoctorRequest) -> DoctorResult:
    """Examine it all, and return what was found."""
    target = request.target
    reached = Reached(examined=(), server=None, major=None)
    if target is not None:
        reached = in_child(examine_connection, target)
    versions = _versions()
    if reached.server is not None:
        versions = (*versions, Setting(name="server", value=reached.server, source="the database"))
    return DoctorResult(
        database=None if target is None else str(target),
        settings=request.settings,
        versions=versions,
        examined=(
            *request.examined,
            *reached.examined,
            *_project(request, target if reached.server is not None else None),
            *examine_programs(
                target,
                reached.major,
                rehearses=request.rehearses,
                scratch_url=request.scratch_url,
            ),
        ),
    )


def _project(request: DoctorRequest, reached: Target | None) -> tuple[Examined, ...]:
    """Examine the project's files and its env.py, the latter only with a database that was ``reached``."""
    if request.setup is None:
        return ()
    url = request.target.url if request.target is not None else None
    try:
        return on_project(request.setup, url, examine_project, reached)
    except MigrationError as error:
        place = f"{error.file}, line {error.line}: " if error.file and error.line else ""
        said = error.message if error.file and error.file.name in error.message else f"{place}{error.message}"
        return (
            Examined(
                group=Group.PROJECT,
                name="files",
                verdict=Verdict.FAILED,
                what=said,
                code=error.code,
                next_steps=error.next_steps,
            ),
            replace(_NOT_RUN, what="the project cannot be opened"),
        )


_NOT_RUN = Examined(group=Group.PROJECT, name="env.py", verdict=Verdict.NOT_TRIED, what="")


def _versions() -> tuple[Setting, ...]:
    number = libpq_version()
    libpq = f"{number // 10000}.{number % 10000}"
    return (
        Setting(name="Python", value=platform.python_version()),
        *(Setting(name=name, value=_version(package)) for name, package in _PACKAGES),
        Setting(name="psycopg2", value=f"{_psycopg2()}, with libpq {libpq}"),
    )


def _psycopg2() -> str:
    """Return its version: it comes as one of two packages."""
    found = [_version(name) for name in ("psycopg2", "psycopg2-binary")]
    return next((each for each in found if each != _UNKNOWN), _UNKNOWN)


_UNKNOWN = "of an unknown version"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _UNKNOWN
