"""Alembic's environment, as af-db runs it: env.py on our connection, by our rules."""

import contextlib
import functools
import inspect
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from configparser import ConfigParser
from dataclasses import dataclass, replace
from typing import Any

import psycopg2
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo, RevisionStep
from alembic.script import ScriptDirectory

from agent_factory.migrate.db.driver import watched_connection
from agent_factory.migrate.db.roles import back_to_login, switches_noted
from agent_factory.migrate.db.sqlalchemy_internals import begins_noted, commit_and_begin, rollbacks_noted
from agent_factory.migrate.db.transactions import is_idle
from agent_factory.migrate.db.version_tables import refuse_other_rows
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project.alembic_internals import (
    WRITES_NOTHING,
    Batch,
    make_step,
    replace_configure,
    replace_run_migrations,
    replaced_in_batches,
    replaced_in_commands,
    version_table_name,
)
from agent_factory.migrate.project.connections import (
    OwnConnection,
    guarded,
    is_given_copy,
    lending,
    named_url,
)
from agent_factory.migrate.project.env_py_faults import (
    env_py_errors,
    has_savepoint,
    ignores_connection,
    rolls_back,
    runs_again,
)
from agent_factory.migrate.project.functions import require_run
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.project.lending import Lending
from agent_factory.migrate.project.loader import take_module
from agent_factory.migrate.project.output import stdout_kept_clean, without_chatter
from agent_factory.migrate.project.pipe import doing
from agent_factory.migrate.project.refusals import is_not_there
from agent_factory.migrate.project.variables import spelled_as
from agent_factory.migrate.project.version_rows import VersionRows
from agent_factory.migrate.project.version_table import resolve_version_table

Reused = Callable[[str, Exception], None]

_URL = "sqlalchemy.url"


def _ignore(_fact: object) -> None:
    pass


def _ignore_reuse(_revision: str, _why: Exception) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """Called for each revision with its id, in the thread that runs it.

    ``recording`` is called when its version row is about to be sent, ``recorded`` when it is written, still
    inside its transaction; ``committed`` when that transaction has ended well. ``reused`` is called first,
    with the reason, for a revision whose file cannot be executed again: it runs as an earlier use left it.
    ``kept`` is called with a sentence where a SQLite table was rebuilt, and kept what Alembic would lose.
    ``lent`` is called when env.py has worked on the connection by an engine of its own.
    ``connected`` is called, in whatever thread does it, with what project code opens by itself; in the run
    itself it is not.
    """

    started: Callable[[str], None]
    recording: Callable[[str], None] = _ignore
    recorded: Callable[[str], None] = _ignore
    committed: Callable[[str], None] = _ignore
    reused: Reused = _ignore_reuse
    kept: Callable[[str], None] = _ignore
    lent: Callable[[], None] = lambda: None
    connected: Callable[[OwnConnection], None] = _ignore


@contextlib.contextmanager
def sharing(
    project: Project,
    connection: sa.Connection,
    *,
    plan: Plan | None = None,
    hooks: Hooks | None = None,
    writes: bool = True,
) -> Iterator[None]:
    """Have Alembic's commands, for this block, run env.py on this connection and by af-db's rules.

    Whatever env.py passes to ``context.configure()``, each revision is a transaction of its own, SQLite's
    DDL is part of it, and the hooks are called. With a plan, its steps run, whatever the command's target
    means. Unless a command ``writes``, Alembic makes no version table for it.
    """
    rows = VersionRows(connection)
    outer = _OuterTransaction(connection)
    lent: Lending

    def build(_config: Config, _script: ScriptDirectory, **options: Any) -> EnvironmentContext:
        if plan is not None and hooks is not None:
            options["fn"] = _announce_steps(project, plan, hooks, rows, outer, lent)
        environment = _build_environment(
            project, connection, lent, hooks, options if writes else {**options, **WRITES_NOTHING}, outer
        )
        replace_configure(environment, lambda configure: recognising(environment, configure))
        if plan is not None and connection.dialect.name == "postgresql":
            replace_run_migrations(environment, with_none_open)
        return environment

    def with_none_open(run_migrations: Callable[..., None]) -> Callable[..., None]:
        def run(**arguments: Any) -> None:
            outer.leave_none_open()
            run_migrations(**arguments)

        return run

    def recognising(environment: EnvironmentContext, configure: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(configure)
        def configure_and_recognise(*arguments: Any, **options: Any) -> None:
            configure(*arguments, **options)
            rows.recognise(environment.get_context())

        return configure_and_recognise

    with (
        begins_noted(connection) as outer.find,
        _handing_over(project, connection) as lent,
        replaced_in_commands(build, project.script),
        _nothing_lost(connection, hooks),
        rows.noticed(),
    ):
        yield
        if lent.is_used and hooks is not None:
            hooks.lent()


@contextlib.contextmanager
def _nothing_lost(connection: sa.Connection, hooks: Hooks | None) -> Iterator[None]:
    """Have batch mode keep what a SQLite table has, for the block."""
    if connection.dialect.name != "sqlite" or hooks is None:
        yield
        return

    def rebuild(batch: Batch, flush: Callable[[], None]) -> None:
        from agent_factory.migrate.project import rebuilt_tables  # and with it the whole catalog

        rebuilt_tables.rebuild(batch, flush, note=hooks.kept)

    with replaced_in_batches(rebuild):
        yield


class _OuterTransaction:
    """The transaction that env.py itself has begun around Alembic's; ``find`` returns it while it is open.

    Alembic leaves such a one to its owner, and would commit no revision. So each is committed in it here,
    and it goes on, for env.py to end it in peace.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._transaction: sa.RootTransaction | None = None
        self.find: Callable[[], sa.RootTransaction | None] = lambda: None

    def begin_revisions(self) -> None:
        """Commit what env.py has done so far. What it has not begun explicitly is ended with that."""
        self._transaction = self.find()
        if self._transaction is not None:
            self.commit()
        else:
            self.leave_none_open()

    def leave_none_open(self) -> None:
        """Commit what env.py has done since, where it has not begun it explicitly: a lock, a version table.

        Else the first revision would be a part of that.
        """
        if self.find() is not None:
            return
        if self._connection.in_transaction():
            # Alembic would take it for its caller's.
            self._connection.commit()
        elif (driver := watched_connection(self._connection)) is not None and not is_idle(driver):
            driver.commit()  # begun by a cursor of the driver's, of which SQLAlchemy knows nothing

    def commit(self) -> None:
        """Commit what was done in it since."""
        if self._transaction is not None and self._transaction.is_active:
            commit_and_begin(self._connection, self._transaction)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What env.py configures: where the database is by the version table that it names, and its options.

    ``switches_role``: it may have switched the session's role on the way. ``borrows``: it has made an engine
    of its own, which was lent the connection.
    """

    position: Position
    context: MigrationContext
    given: Mapping[str, Any]
    switches_role: bool = False
    borrows: bool = False


def read_configured(project: Project, connection: sa.Connection) -> Configured:
    """Run env.py without a step, and return what it configures.

    Nothing is written, and the transaction is left open. Raises UsageError when env.py does not take the
    shared connection, runs migrations more than once, or rolls back what they did; RefusedError where this
    role may not see every row of the version table, or where it is not Alembic's.
    """
    found: list[Configured] = []
    given: dict[str, Any] = {}
    tables: list[VersionTable] = []
    noted: list[list[str]] = []

    def resolve_first(run_migrations: Callable[..., None]) -> Callable[..., None]:
        def resolved(**arguments: Any) -> None:
            tables.append(resolve_version_table(connection, environment.get_context()))
            run_migrations(**arguments)

        return resolved

    def remember(rows: tuple[str, ...], context: MigrationContext) -> list[RevisionStep]:
        if lent.given is not None and lent.given.in_nested_transaction():
            raise has_savepoint(project)
        refuse_other_rows(tables[-1], rows)
        position = Position(table=tables[-1], rows=tuple(sorted(rows)))
        found.append(Configured(position=position, context=context, given=given))
        return []

    def note_options(configure: Callable[..., None]) -> Callable[..., None]:
        def configure_noted(*arguments: Any, **options: Any) -> None:
            given.update(inspect.signature(configure).bind(*arguments, **options).arguments)
            if isinstance(outer := given.get("connection"), sa.Connection) and outer.in_transaction():
                noted.append(undo.enter_context(rollbacks_noted(outer)))
            configure(*arguments, **options)

        return configure_noted

    with _handing_over(project, connection) as lent:
        environment = _build_environment(project, connection, lent, None, {"fn": remember, **WRITES_NOTHING})
        replace_configure(environment, note_options)
        replace_run_migrations(environment, resolve_first)
        with (
            environment,
            env_py_errors(project),
            guarded(project, connection, read_only=True),
            switches_noted(connection) as switches,
            contextlib.ExitStack() as undo,
        ):
            doing(project.script.env_py_location)
            try:
                project.script.run_env()
            except (sa.exc.DBAPIError, psycopg2.Error, sqlite3.Error) as error:
                if not (found and is_not_there(error)):  # else a revision makes it, and none runs here
                    raise
            project.code.keep()
            if any(noted):
                raise rolls_back(project)
            if not found:  # it configures nothing, or runs nothing
                raise ignores_connection(project)
    if len(found) > 1:
        raise runs_again(project, [str(each.position.table) for each in found])
    return replace(found[0], switches_role=bool(switches), borrows=lent.is_used)


def end_reading(connection: sa.Connection, configured: Configured) -> None:
    """End what ``read_configured`` has begun; the role is that of the login again, as others expect it."""
    connection.rollback()
    if configured.switches_role and connection.dialect.name == "postgresql":
        back_to_login(connection)


@contextlib.contextmanager
def _handing_over(project: Project, connection: sa.Connection) -> Iterator[Lending]:
    """Have env.py find the connection for this block, and keep stdout clean.

    It takes it as ENV_PY_CONTRACT says, or makes an engine of its own, which borrows it. What is printed on a
    throwaway database says so: the run prints the same once more. It may close the connection, which ends the
    transaction that is open, and nothing else.
    """
    connection.connect = connection.engine.connect  # type: ignore[attr-defined] # an older recipe hands an engine over
    connection.close = functools.partial(_end_open_transaction, connection)  # type: ignore[method-assign]
    project.config.attributes["connection"] = connection
    try:
        with (
            stdout_kept_clean("rehearsal: " if is_given_copy() else ""),
            without_chatter(),
            _named_in_configuration(project.config, connection),
            lending(project, connection) as lent,
        ):
            yield lent
    finally:
        del project.config.attributes["connection"]
        del connection.connect, connection.close  # type: ignore[attr-defined]


def _end_open_transaction(connection: sa.Connection) -> None:
    if not connection.invalidated and (transaction := connection.get_transaction()) is not None:
        transaction.close()


@contextlib.contextmanager
def _named_in_configuration(config: Config, connection: sa.Connection) -> Iterator[None]:
    """Have ``sqlalchemy.url`` lead to this database, for an env.py that makes its engine of that.

    The driver stays the project's own where it is one for this kind of database. Nothing connects by it, so
    it has no password.
    """
    own_section = config.config_ini_section
    sections = [own_section]
    if config.file_config.has_section(one := config.get_main_option("databases") or ""):
        sections.append(one)  # of several databases
    backend = connection.dialect.name
    with contextlib.ExitStack() as undo:
        for section in sections:
            before = config.file_config.get(section, _URL, raw=True, fallback=None)
            scheme, separator, _ = (before or "").partition("://")
            is_of_its_kind = bool(separator) and scheme.partition("+")[0] == backend
            driver = scheme if is_of_its_kind else f"{backend}+{connection.dialect.driver}"
            url = spelled_as(driver, replace(named_url(connection), password=None))
            config.set_section_option(section, _URL, url.replace("%", "%%"))
            if before is None:
                undo.callback(config.file_config.remove_option, section, _URL)
            else:
                undo.callback(_set_as_written, config.file_config, section, before)
        yield


def _set_as_written(parser: ConfigParser, section: str, url: str) -> None:
    """Set the URL again, also one that cannot be read for its percent signs: env.py need not ask for it."""
    written = url.replace("\n", "\n ")
    parser.read_string(f"[{section}]\n{_URL} = {written}\n")


def _build_environment(
    project: Project,
    connection: sa.Connection,
    lent: Lending,
    hooks: Hooks | None,
    options: Mapping[str, Any],
    outer: _OuterTransaction | None = None,
) -> EnvironmentContext:
    """Alembic's environment with these options, in which af-db's rules are laid over env.py's configure()."""
    environment = EnvironmentContext(project.config, project.script, **options)
    replace_configure(
        environment, lambda configure: _configure_shared(project, configure, connection, lent, hooks, outer)
    )
    return environment


IncludeName = Callable[[str | None, Any, Any], bool]


def _configure_shared(
    project: Project,
    configure: Callable[..., None],
    connection: sa.Connection,
    lent: Lending,
    hooks: Hooks | None,
    outer: _OuterTransaction | None,
) -> Callable[..., None]:
    """``context.configure()`` as env.py calls it, with af-db's rules laid over what env.py asks for."""

    @functools.wraps(configure)
    def configure_shared(*arguments: Any, **options: Any) -> None:
        given = arguments[0] if arguments else options.get("connection")
        if given is connection or lent.is_lent_to(given):
            lent.adopt(given)
        else:
            why, before = lent.why_not(given)
            raise ignores_connection(project, why=why, before=before)
        options["connection"], arguments = connection, arguments[1:]
        options["transaction_per_migration"] = True
        if connection.dialect.name == "sqlite":
            options["transactional_ddl"] = True
        if hooks is not None:
            if outer is not None:
                outer.begin_revisions()
            # env.py's own come last: one that commits by itself commits what is recorded and checked.
            own = options.get("on_version_apply") or ()
            own = own if isinstance(own, Sequence) else (own,)
            options["on_version_apply"] = (_announce_recorded(hooks), *own)
        options["include_name"] = _without_own_schema(options.get("include_name"))
        configure(options.pop("connection"), *arguments, **options)

    return configure_shared


def _without_own_schema(include_name: IncludeName | None) -> IncludeName:
    """Autogenerate with ``include_schemas`` would drop the schema of af-db's journal, which no model has."""

    def include(name: str | None, kind: Any, parents: Any) -> bool:
        if kind == "schema" and name == "af_db":
            return False
        return include_name is None or include_name(name, kind, parents)

    return include


def _announce_steps(
    project: Project, plan: Plan, hooks: Hooks, rows: VersionRows, outer: _OuterTransaction, lent: Lending
) -> Callable[..., Iterator[RevisionStep]]:
    """The plan's own steps, announced one by one: what runs is what was shown, whatever its target meant."""

    calls: list[MigrationContext] = []

    def steps(_current: object, context: MigrationContext) -> Iterator[RevisionStep]:
        calls.append(context)
        if len(calls) > 1:  # it did not when the plan was made, so this is of another table than that
            raise runs_again(project, [version_table_name(each)[0] for each in calls])
        for revision in plan.steps:
            doing(f"revision {revision.id}")
            step = migration_step(project, plan.direction, revision, hooks.reused)
            lent.begin_revision()
            hooks.started(revision.id)
            rows.expect(step, functools.partial(hooks.recording, revision.id))
            yield step
            # Alembic asks for the next step after the transaction of this one has ended.
            outer.commit()
            lent.end_revision()
            hooks.committed(revision.id)

    return steps


def migration_step(
    project: Project, direction: Direction, revision: Revision, reused: Reused = _ignore_reuse
) -> RevisionStep:
    """Return Alembic's step of a revision; ``reused`` is called where its file cannot be executed again."""
    script = project.script.get_revision(revision.id)
    is_upgrade = direction is Direction.UPGRADE
    step = make_step(project.script, script, take_module(script, reused), is_upgrade=is_upgrade)
    function = step.migration_fn

    @functools.wraps(function)
    def run(**arguments: object) -> None:
        with project.opened.compared():
            require_run(str(direction), function(**arguments))

    step.migration_fn = run
    return step


def _announce_recorded(hooks: Hooks) -> Callable[..., None]:
    def recorded(*, step: MigrationInfo, **_facts: object) -> None:
        # The revision whose file runs: Alembic calls it "up" in both directions.
        hooks.recorded(str(step.up_revision_id))

    return recorded
