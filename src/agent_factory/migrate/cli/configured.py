"""What is configured for a command, and where each value was found, for ``doctor``: no secret is among it."""

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.db.supabase import project_of_api, project_of_database
from agent_factory.migrate.db.tls import sslmode_of
from agent_factory.migrate.model.diagnosis import Examined, Group, Setting, Verdict
from agent_factory.migrate.model.errors import MigrationError, UsageError
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Environment
from agent_factory.migrate.project.configuration import read_configuration, read_keys, settings_root
from agent_factory.migrate.revisions.config_file import configured_url, root_of
from agent_factory.migrate.workflows.doctor import DoctorRequest
from agent_factory.settings import MalformedEnvFileError, read_sources
from agent_factory.url import parse_url

if TYPE_CHECKING:
    from agent_factory.migrate.model.target import Target
    from agent_factory.settings import Settings

_URL = "DATABASE_URL"
_OF_SUPABASE = ("SUPABASE_URL", "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY")
_OF_AF_DB = "AF_DB_"
_NOT_SET = "not set"
_OF_LIBPQ = (
    *("PGUSER", "PGPASSWORD", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY"),
    *("PGCHANNELBINDING", "PGCONNECT_TIMEOUT", "PGTARGETSESSIONATTRS", "PGGSSENCMODE", "PGREQUIREAUTH"),
    *("PGTZ", "PGDATESTYLE", "PGCLIENTENCODING", "PGREQUIREPEER", "PGSSLNEGOTIATION"),
)
"""What libpq takes from the environment and af-db leaves there."""


def find_configured(invocation: Invocation, open_target: OpenTarget, *, is_production: bool) -> DoctorRequest:
    """Return what is configured; what cannot be is a part of it, and no error."""
    setup, project = _find_project(invocation)
    env_file = None if is_production or setup is None else root_of(setup.config_path) / ".env"
    try:
        sources = read_sources(env_file)
    except (MalformedEnvFileError, OSError, UnicodeDecodeError):  # said where the target is read
        sources = read_sources(None)
    target, database = _find_target(invocation, open_target, has_project=setup is not None)
    settings = getattr(invocation, "settings", None)
    keys, table = _find_table(setup)
    examined = [*project, *table, *database]
    if settings is not None:
        examined += _compare_projects(target, settings)
    scratch_url = settings.af_db_scratch_url if settings is not None else None
    return DoctorRequest(
        target=target,
        setup=setup,
        settings=(
            *_of_project(setup, keys),
            *_of_database(target, sources, setup),
            *_of_variables(sources, settings),
        ),
        examined=tuple(examined),
        rehearses=settings.af_db_rehearsal if settings is not None else True,
        scratch_url=scratch_url.get_secret_value() if scratch_url is not None else None,
    )


def _find_project(invocation: Invocation) -> tuple[Setup | None, list[Examined]]:
    try:
        setup = invocation.setup()
    except UsageError as error:
        if error.code != "no-project":
            return None, [_failed("project", error)]
        said = f"{error.message}: only the connection is examined"
        return None, [_examined("project", Verdict.NOTE, said, code=error.code, next_steps=error.next_steps)]
    except MigrationError as error:
        return None, [_failed("project", error)]
    return setup, [
        _examined("project", Verdict.OK, str(setup.config_path))
    ] if setup.config_path.is_file() else []


def _find_target(
    invocation: Invocation, open_target: OpenTarget, *, has_project: bool
) -> "tuple[Target | None, list[Examined]]":
    try:
        target = open_target(invocation)
    except UsageError as error:
        if error.code != "no-project" or has_project:
            return None, [_failed("database", error)]
        said = "no database is named: DATABASE_URL is not set, and there is no project"
        step = "export DATABASE_URL=postgresql://user:password@host:5432/dbname"
        return None, [_examined("database", Verdict.FAILED, said, code="no-database-url", next_steps=(step,))]
    except MigrationError as error:
        return None, [_failed("database", error)]
    warned = [_examined("database", Verdict.NOTE, warning) for warning in target.warnings]
    return target, warned or [_examined("database", Verdict.OK, str(target))]


def _find_table(setup: Setup | None) -> tuple[tuple[str, ...] | None, list[Examined]]:
    """Return the keys of ``[tool.af-db]``; None where there is no project, or the table is wrong."""
    if setup is None:
        return None, []
    root = settings_root(setup)
    try:
        read_configuration(root)
        return read_keys(root), []
    except UsageError as error:
        return None, [_failed("[tool.af-db]", error)]


def _compare_projects(target: "Target | None", settings: "Settings") -> Iterator[Examined]:
    """Yield whether SUPABASE_URL and the database are one project, where both say which they are of."""
    if target is None or settings.supabase_url is None:
        return
    api = project_of_api(settings.supabase_url.get_secret_value())
    database = project_of_database(target.url)
    if api is None or database is None:
        return
    if api == database:
        yield _examined("Supabase", Verdict.OK, f"SUPABASE_URL and {_URL} are of one project, {api}")
        return
    yield _examined(
        "Supabase",
        Verdict.FINDING,
        f"SUPABASE_URL is of the project {api}, and {_URL} of {database}",
        code="other-project",
        next_steps=("correct one of them: an application reads and writes with both",),
    )


def _of_project(setup: Setup | None, keys: tuple[str, ...] | None) -> Iterator[Setting]:
    if setup is None:
        yield Setting(name="alembic.ini", value="none")
        return
    yield Setting(name="alembic.ini", value=str(setup.config_path))
    for option, value in setup.arguments:
        yield Setting(name=option, value=value, source="the command line")
    file = settings_root(setup) / "pyproject.toml"
    if keys is None:
        return
    yield Setting(
        name="[tool.af-db]",
        value=", ".join(keys) or "nothing is set",
        source=str(file) if file.is_file() else "",
    )


def _of_database(
    target: "Target | None", sources: Mapping[str, str], setup: Setup | None
) -> Iterator[Setting]:
    if target is None:
        yield Setting(name="database", value=_NOT_SET if _URL not in sources else "not usable")
        return
    yield Setting(name="database", value=str(target), source=_source_of(sources, setup))
    if target.url.backend != "postgresql":
        return
    mode = sslmode_of(target.url)
    yield Setting(name="sslmode", value=mode, source=_source_of_mode(target))
    password = "set" if target.url.password else _NOT_SET
    where = _source_of(sources, setup) if target.url.password else ""
    yield Setting(name="password", value=password, source=where)
    given = [name for name in _OF_LIBPQ if os.environ.get(name)]
    if given:
        yield Setting(name="libpq", value=f"{', '.join(given)} set", source="the environment")


def _source_of(sources: Mapping[str, str], setup: Setup | None) -> str:
    if _URL in sources:
        return f"{_URL} in {sources[_URL]}"
    if os.environ.get(_URL):  # by then the command has run
        return "database-url-command of [tool.af-db]"
    if setup is not None and configured_url(setup.config_path, setup.section):
        return f"sqlalchemy.url of {setup.config_path.name}"
    return "the default: nothing names one"


def _source_of_mode(target: "Target") -> str:
    """Return where sslmode is from: ``af-db prod`` adds one to the URL of a remote server that has none."""
    of_libpq = "PGSSLMODE" if os.environ.get("PGSSLMODE") else "libpq"
    if target.url.option("sslmode") is None:
        return of_libpq
    if target.environment is Environment.PROD and parse_url(os.environ[_URL]).option("sslmode") is None:
        return of_libpq if of_libpq == "PGSSLMODE" else "af-db prod"
    return "the URL"


def _of_variables(sources: Mapping[str, str], settings: "Settings | None") -> Iterator[Setting]:
    for name in _OF_SUPABASE:
        value, source = ("set", sources[name]) if name in sources else (_NOT_SET, "")
        yield Setting(name=name, value=value, source=source)
    for name in sources:
        if name.startswith(_OF_AF_DB) and settings is not None:
            value = getattr(settings, name.lower())
            shown = "set" if hasattr(value, "get_secret_value") else str(value)
            yield Setting(name=name, value=shown, source=sources[name])


def _failed(name: str, error: MigrationError) -> Examined:
    return _examined(name, Verdict.FAILED, error.message, code=error.code, next_steps=error.next_steps)


def _examined(
    name: str, verdict: Verdict, what: str, *, code: str = "", next_steps: tuple[str, ...] = ()
) -> Examined:
    return Examined(
        group=Group.CONFIGURATION, name=name, verdict=verdict, what=what, code=code, next_steps=next_steps
    )
