"""What a plan needs before it may run: a primary, a direct connection, the right database, valid history."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db import indexes, run_lock, server
from agent_factory.migrate.db.sql import bare
from agent_factory.migrate.engine.poolers import check_pooler
from agent_factory.migrate.journal import write as journal
from agent_factory.migrate.journal.found import FoundJournal
from agent_factory.migrate.journal.read import Edited, Entry, find_edited
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import UNCHANGED, AlreadyRunningError, MigrationError, RefusedError
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.options import RunOptions
from agent_factory.migrate.model.plan import Plan, Revision
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.model.version_table import Position, VersionTable
from agent_factory.migrate.project import Project

PRODUCTION = "production"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """What a killed run left of a revision, as far as this run can go on from it.

    ``done`` are indexes that PostgreSQL has finished: their statements are skipped. ``broken`` are INVALID
    ones, to be dropped and built again. ``statements`` are what was committed of each revision.
    """

    statements: dict[str, tuple[str, ...]] = field(default_factory=dict)
    done: frozenset[str] = frozenset()
    broken: tuple[str, ...] = ()


def check_server(facts: server.ServerFacts, target: Target, options: RunOptions) -> None:
    """Raise RefusedError for a replica, a read-only session, a pooler that was not allowed."""
    if facts.in_recovery:
        raise RefusedError(
            "replica",
            f"{target} is a replica: only its primary can be migrated",
            state=UNCHANGED,
            next_steps=(
                "set DATABASE_URL to the primary (the writer, cluster or read-write endpoint)",
                "?target_session_attrs=read-write in DATABASE_URL makes the client refuse replicas",
            ),
        )
    if facts.is_read_only:
        raise RefusedError(
            "read-only",
            f"sessions of {facts.role} on {target} are read-only by default (default_transaction_read_only)",
            state=UNCHANGED,
            next_steps=(
                "use the role that owns the schema",
                f"or let it write: ALTER ROLE {facts.role} RESET default_transaction_read_only",
            ),
        )
    check_pooler(facts, target, options)


def is_still_needed(project: Project, target: Target, plan: Plan, current: tuple[str, ...]) -> bool:
    """Say whether a plan is still to be run, on a database that is at ``current`` now.

    False when somebody else has done all of it. Raises RefusedError when the database has moved elsewhere
    since the plan was made.
    """
    if current == plan.before:
        return True
    if plan.target[:1] not in "+-":
        again = alembic_project.plan(project, target, plan.direction, plan.target, current)
        if not again.steps:
            return False
    raise RefusedError(
        "plan-changed",
        f"the database was at {_shown(plan.before)} when the plan was made, and is at {_shown(current)} now",
        state=f"at {_shown(current)}, unchanged by this run",
        next_steps=(f"review the new plan: {target.command(plan.command)}",),
    )


def check_table(table: VersionTable, position: Position, target: Target, plan: Plan) -> None:
    """Raise RefusedError where env.py names another version table now than when the plan was made."""
    if position.table != table and table.schema is None and target.url.backend == "postgresql":
        raise RefusedError(
            "plan-changed",
            f"when the plan was made, none of the schemas in search_path was there; env.py has made one "
            f"meanwhile, and the version table is {position.table} now",
            state="no revision ran; what env.py has made and committed is there",
            next_steps=(f"run it again, for that schema: {target.command(plan.command)}",),
        )
    if position.table != table:
        raise RefusedError(
            "plan-changed",
            f"the version table was {table} when the plan was made, and is {position.table} now",
            state="unchanged by this run",
            next_steps=(f"review the new plan: {target.command(plan.command)}",),
        )


def check_journal(found: FoundJournal) -> None:
    """Raise RefusedError for a journal that this role may not read: what is edited or unfinished is in it."""
    if not found.may_read:
        raise RefusedError(
            "journal-not-read",
            f"{found.role} may not read af_db.journal: edited and unfinished revisions would go unseen",
            state=UNCHANGED,
            next_steps=(
                f"let its owner run: GRANT USAGE ON SCHEMA af_db TO {found.role}; "
                f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA af_db TO {found.role}",
                "or use the role that migrates this database",
            ),
        )


def journal_warnings(found: FoundJournal | None) -> Iterator[Warned]:
    """Yield what a run cannot keep of itself in the journal, or not as it should."""
    if found is None or not found.may_write:
        message = "this role may not write to the schema af_db: the run goes on without a journal"
        yield Warned(code="no-journal", message=message)
    elif not found.names_version_tables:
        message = (
            f"af_db.journal is in the format {found.format} of an older af-db, and {found.role} could not "
            "change it: rows do not say of which version table they are, until its owner has run an upgrade"
        )
        yield Warned(code="old-journal", message=message)


def journal_moved(before: VersionTable, table: VersionTable) -> Warned:
    """Say that the rows of a version table with another name were carried over."""
    message = f"the journal's rows of {before}, which is not there any more, are those of {table} now"
    return Warned(code="journal-moved", message=message)


def find_refusals(
    connection: sa.Connection,
    entries: Mapping[str, Entry],
    read_again: Callable[[], Mapping[str, Entry]],
    applied: Sequence[Revision],
    plan: Plan,
    table: VersionTable,
    target: Target,
    options: RunOptions,
) -> Iterator[MigrationError]:
    """Yield what a run of this plan is refused for before anybody is asked: the database's name and history.

    This role may read the journal; ``entries`` are its latest of the history of ``table``. What a run that
    still goes on has begun is not refused but waited for, so they are read again, by ``read_again``, after it
    was seen that there is none.
    """

    def check_begun() -> None:
        is_begun = any(entry.state == "started" for entry in entries.values())
        if is_begun and run_lock.find_holder(connection, table) is None:
            check_unfinished(connection, read_again(), plan, options)

    checks: tuple[Callable[[], object], ...] = (
        lambda: check_environment(journal.read_environment(connection), target, options),
        lambda: check_edited(entries, applied, target, options),
        check_begun,
    )
    for check in checks:
        try:
            check()
        except MigrationError as error:
            yield error


def find_warnings(
    facts: server.ServerFacts, invalid: Sequence[server.Index], options: RunOptions
) -> tuple[Warned, ...]:
    """Return what a person should know and what does not stop the run."""
    warnings = []
    if facts.is_superuser:
        message = f"{facts.role} is a superuser: a role that owns only the schema can do less harm"
        warnings.append(Warned(code="superuser", message=message))
    if facts.statement_timeout_ms:
        begun_with = show_duration(facts.statement_timeout_ms / 1000)
        message = (
            f"sessions here begin with a statement_timeout of {begun_with}; this run uses "
            f"{show_duration(options.statement_timeout_s)}"
        )
        warnings.append(Warned(code="statement-timeout", message=message))
    warnings += [
        Warned(
            code="invalid-index",
            message=f"{index} on {index.table} is INVALID, left by a build that failed: {index.drop_command}",
        )
        for index in invalid
        if index.builder_pid is None
    ]
    return tuple(warnings)


def check_environment(name: str | None, target: Target, options: RunOptions) -> str | None:
    """Return the name to stamp the database with, or None. Raises RefusedError when it has a wrong one."""
    expected = expected_environment(target, options)
    if name is None:
        return expected
    if expected is None and name != PRODUCTION:
        return None
    if name != expected:
        raise RefusedError(
            "wrong-environment",
            f"the environment name of {target} is {name}"
            + (f", not {expected}" if expected else "; `af-db local` does not touch production"),
            state=UNCHANGED,
            next_steps=(
                *_if_meant(name, target),
                "is DATABASE_URL right?",
                "if it is a copy of another database, rename it: "
                + target.command(f"environment {expected or 'development'}"),
            ),
        )
    return None


def _if_meant(name: str, target: Target) -> tuple[str, ...]:
    if target.environment is not Environment.PROD:
        return ()
    return (f"if you mean the database that is called {name}: {target.again(f'--environment {name}')}",)


def expected_environment(target: Target, options: RunOptions) -> str | None:
    """The name that the database must have: ``--environment``, or ``production`` for ``af-db prod``."""
    return options.environment or (PRODUCTION if target.environment is Environment.PROD else None)


def check_edited(
    entries: Mapping[str, Entry], applied: Sequence[Revision], target: Target, options: RunOptions
) -> tuple[Edited, ...]:
    """Return the edited revisions that were accepted by name; raise RefusedError for the others."""
    edited = find_edited(entries, applied)
    refused = [item for item in edited if item.revision not in options.accept_edited]
    if refused:
        named = "; ".join(
            f"{item.revision} changed after it was applied (sha256 {item.applied_sha256[:12]} when applied, "
            f"{item.file_sha256[:12]} now)"
            for item in refused
        )
        names = (*options.accept_edited, *(item.revision for item in refused))
        accept = target.again(" ".join(f"--accept-edited {name}" for name in names))
        raise RefusedError(
            "edited-revision",
            named,
            state=UNCHANGED,
            next_steps=(
                f"see what changed: {target.command('history --diff')}",
                "restore the file, and put the change into a new revision",
                f"or, if the database is right as it is: {accept}",
            ),
        )
    return edited


def indexes_begun(entries: Mapping[str, Entry], plan: Plan) -> tuple[str, ...]:
    """Return the indexes, as SQL names them, that an unfinished run has begun to build for this plan.

    The next run goes on with them: it skips those that PostgreSQL has finished, and builds the others again.
    """
    return tuple(
        name
        for step in plan.steps
        if (entry := entries.get(step.id)) is not None
        and entry.state == "started"
        and entry.direction is plan.direction
        for statement in entry.statements
        if (name := indexes.built_by(statement)) is not None
    )


def check_unfinished(
    connection: sa.Connection, entries: Mapping[str, Entry], plan: Plan, options: RunOptions
) -> Unfinished:
    """Return what an earlier run began and did not finish.

    Raises AlreadyRunningError while PostgreSQL still builds its index, RefusedError when it has committed
    something that the catalog does not show.
    """
    names: list[str] = []
    statements: dict[str, tuple[str, ...]] = {}
    for step in plan.steps:
        entry = entries.get(step.id)
        if entry is None or entry.state != "started" or entry.direction is not plan.direction:
            continue
        built = [indexes.built_by(statement) for statement in entry.statements]
        if None in built and step.id not in options.resume:
            committed = "\n".join(f"  {statement}" for statement in entry.statements)
            raise RefusedError(
                "unfinished-revision",
                f"an earlier run ended inside {step.id}, after it had committed:\n{committed}",
                state=f"at {_shown(plan.before)}; a part of {step.id} is committed",
                next_steps=(
                    f"undo these statements by hand, then run with --resume {step.id}",
                    f"or, if the revision can run again over them, directly: --resume {step.id}",
                ),
            )
        names += [name for name in built if name is not None]
        statements[step.id] = entry.statements
    building = {index.name: index.builder_pid for index in server.invalid_indexes(connection)}
    done, broken = set(), []
    for name in names:
        pid = building.get(bare(name))
        if pid is not None:
            raise AlreadyRunningError(
                "still-building",
                f"PostgreSQL still builds the index {name} of an earlier run (pid {pid})",
                state=f"at {_shown(plan.before)}",
                next_steps=("run the command again when it has ended; a finished index is recognised",),
            )
        valid = server.find_index(connection, name)
        if valid:
            done.add(name)
        elif valid is False:
            broken.append(name)
    return Unfinished(statements=statements, done=frozenset(done), broken=tuple(broken))


def _shown(revisions: tuple[str, ...]) -> str:
    return ", ".join(revisions) or "base"
