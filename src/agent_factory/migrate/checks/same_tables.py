"""Which tables the branches of a history change, and which of them more than one does."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.checks.op_calls import tables_named_in
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import MigrationError
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.copies import RehearsalFailedError
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.replay import Blank, ReplayFailedError, blank_database, migrate_to
from agent_factory.migrate.rehearsal.run import run_traced
from agent_factory.migrate.rehearsal.scratch import Scratch, ScratchUnavailableError
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.normalise import text_of

_BATCH = "_alembic_tmp_"
"""How Alembic begins the name of the table that a batch fills, to take the place of the old one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SameTable:
    """A table that two branches change: the heads, and the revisions of each that do it."""

    table: str
    heads: tuple[str, str]
    revisions: tuple[tuple[Revision, ...], tuple[Revision, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """``found_by`` says how the tables were found out, ``unclear`` what could not be."""

    same: tuple[SameTable, ...]
    found_by: str
    unclear: tuple[str, ...]


def compare_branches(project: Project, target: Target, options: RehearsalOptions) -> Comparison:
    """Find the tables that more than one branch of the history changes since they parted.

    Each branch is run on a throwaway database of the kind of ``target``. Where there is none, the calls in
    the revisions' files are read.
    """
    branches = _branches(project)
    reason = "no rehearsal is wanted"
    if options.wanted:
        try:
            return _rehearsed(project, target, branches, options)
        except (ReplayFailedError, RehearsalFailedError) as error:
            reason = f"revision {error}"
        except (ScratchUnavailableError, MigrationError) as error:
            reason = str(error)
    named = {
        step.id: tables_named_in(text_of(content_of(step.path)))
        for steps in branches.values()
        for step in steps
    }
    unclear = tuple(
        f"{step.path.name}, line {line}: which table it changes is known only when it runs"
        for steps in branches.values()
        for step in steps
        for line in named[step.id].unclear_lines
    )
    tables = {revision: found.tables for revision, found in named.items()}
    return Comparison(
        same=_same(project, branches, tables),
        found_by=f"read in the files ({reason})",
        unclear=unclear,
    )


def tables_changed_by(rehearsed: RehearsedRevision) -> frozenset[str]:
    """Return the tables whose definition or rows a revision changed.

    A table that is only referred to is locked as well, and it is not the one that changes.
    """
    tables: set[str] = set()
    for statement in rehearsed.statements:
        called = {effect.table: effect.first_name or effect.table for effect in statement.effects}
        tables |= {called.get(change.table, change.table) for change in statement.changes}
        tables |= {
            called[effect.table]
            for effect in statement.effects
            if effect.lock is LockMode.ROW_EXCLUSIVE
            or (effect.lock > LockMode.ROW_EXCLUSIVE and not statement.changes)
        }
    return frozenset(table for table in tables if not table.rpartition(".")[2].strip('"').startswith(_BATCH))


def _branches(project: Project) -> dict[str, tuple[Revision, ...]]:
    """By head, the revisions that not every branch has, oldest first."""
    lines = {head: alembic_project.ancestors(project, [head]) for head in project.heads}
    shared = frozenset.intersection(*lines.values())
    oldest_first = alembic_project.revisions(project)[::-1]
    return {
        head: tuple(step for step in oldest_first if step.id in line - shared) for head, line in lines.items()
    }


def _rehearsed(
    project: Project,
    target: Target,
    branches: Mapping[str, Sequence[Revision]],
    options: RehearsalOptions,
) -> Comparison:
    tables: dict[str, frozenset[str]] = {}
    with connect(target, read_only=True) as read_connection, contextlib.ExitStack() as stack:
        beside: Scratch | None = None
        for head in branches:
            blank = stack.enter_context(
                blank_database(target, read_connection, scratch_url=options.scratch_url, beside=beside)
            )
            tables |= _run_branch(project, blank, head, _fork(project), options.timeout_s)
            beside = blank.scratch
            where = blank.server
    if target.url.backend == "sqlite":  # its trace has the schema, not the rows
        for step in (step for steps in branches.values() for step in steps):
            tables[step.id] |= tables_named_in(text_of(content_of(step.path))).tables
    return Comparison(same=_same(project, branches, tables), found_by=f"run on {where}", unclear=())


def _run_branch(
    project: Project, blank: Blank, head: str, fork: tuple[str, ...], limit_s: float
) -> dict[str, frozenset[str]]:
    """Run a branch from where it parted, and return what each of its revisions changed."""
    migrate_to(project, blank.target, fork, limit_s)
    plan = alembic_project.plan(project, blank.target, Direction.UPGRADE, head, fork)
    traced = run_traced(project, blank.target, plan, limit_s)
    return {item.revision.id: tables_changed_by(item) for item in traced}


def _fork(project: Project) -> tuple[str, ...]:
    """Where the branches part: the newest of what all of them have."""
    lines = (alembic_project.ancestors(project, [head]) for head in project.heads)
    return alembic_project.newest(project, frozenset.intersection(*lines))


def _same(
    project: Project, branches: Mapping[str, Sequence[Revision]], tables: Mapping[str, frozenset[str]]
) -> tuple[SameTable, ...]:
    found = []
    for one, other in combinations(branches, 2):
        lines = [alembic_project.ancestors(project, [head]) for head in (one, other)]
        own = [
            [step for step in branches[head] if step.id not in lines[1 - side]]
            for side, head in enumerate((one, other))
        ]
        changed = [frozenset().union(*(tables.get(step.id, frozenset()) for step in steps)) for steps in own]
        for table in sorted(changed[0] & changed[1]):
            of_table = [
                tuple(step for step in steps if table in tables.get(step.id, frozenset())) for steps in own
            ]
            found.append(SameTable(table=table, heads=(one, other), revisions=(of_table[0], of_table[1])))
    return tuple(found)
