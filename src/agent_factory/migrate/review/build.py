"""A plan as a person reviews it: each statement with what it locks, for how long, and what could go wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.catalog import Difference
from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.migrate.model.checklist import Checklist
from agent_factory.migrate.model.errors import ExitCode
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.locks import Blocks, LockMode
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.results import CurrentHead
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.run import Rehearsal
from agent_factory.migrate.rehearsal.trace import ChangeKind, TableEffect, TracedStatement
from agent_factory.migrate.review.forecast import Estimate
from agent_factory.migrate.review.hazards import (
    IRREVERSIBLE,
    Counted,
    Hazard,
    Severity,
    estimates,
    find_hazards,
)
from agent_factory.migrate.review.waits import TableWait, find_waits

CANNOT_BE_UNDONE = "it cannot be undone"
"""How it begins what is said of such a revision."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TouchedTable:
    """A table as one statement touches it.

    ``lock`` is the strongest lock as SQL names it, ``blocks`` whom it keeps waiting; ``held_since`` is the
    number of the statement that took it, where that is an earlier one. ``rows`` and ``bytes`` are
    production's, None for a table that the plan makes.
    """

    name: str
    lock: str
    blocks: Blocks
    rewrites: bool
    scans: bool
    is_new: bool
    held_since: int | None
    rows: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedStatement:
    """A statement, numbered from 1 within its revision.

    ``sql`` is as it was executed; ``times`` how often, when it ran with many rows of parameters. ``blocks``
    is the most that it, or a lock that it inherits, keeps others from while it runs; ``holding`` names the
    tables whose locks earlier statements hold meanwhile. ``estimate`` is how long it runs on production's
    tables; None where nothing is known. ``undo`` is how it can be undone.
    """

    number: int
    sql: str
    times: int
    transactional: bool
    tables: tuple[TouchedTable, ...]
    holding: tuple[str, ...]
    blocks: Blocks
    estimate: Estimate | None
    undo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedRevision:
    """A revision with its statements. Where they could not be found out, ``shown`` is False; ``why_not`` why.

    ``transactional`` says that it is one transaction, all or nothing. ``undo`` is how it can be undone once
    it is committed.
    """

    revision: Revision
    transactional: bool
    statements: tuple[ReviewedStatement, ...]
    undo: str
    shown: bool = True
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """All that is known of a plan before it runs.

    ``rehearsed_on`` names the server that it was rehearsed on, None when it was not, and ``schema_from``
    where the schema there came from. ``notes`` are what the rehearsal could not copy, or why there was none.
    ``drift`` is how the tables that it touches differ from what the migrations make, where that was compared.
    ``baseline`` is applied before it, to a database that is empty; None for any other.
    """

    plan: Plan
    revisions: tuple[ReviewedRevision, ...]
    hazards: tuple[Hazard, ...]
    rehearsed_on: str | None
    schema_from: str | None
    notes: tuple[str, ...]
    drift: tuple[Difference, ...] = ()
    baseline: str | None = None

    @property
    def high(self) -> tuple[Hazard, ...]:
        """The hazards that need a consent of their own."""
        return tuple(hazard for hazard in self.hazards if hazard.severity is Severity.HIGH)

    @property
    def waits(self) -> tuple[TableWait, ...]:
        """What the application will feel: the tables that keep it waiting."""
        return find_waits(self.revisions)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """A plan that was not run. ``allow`` is the flag that its high hazards need, empty for none.

    ``saved`` is the file that it was written to; ``warnings`` are what will stop its run, and the like.
    """

    database: str
    before: tuple[CurrentHead, ...]
    review: Review
    allow: str
    saved: Path | None
    warnings: tuple[Warned, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        return ExitCode.DONE


Confirm = Callable[[Plan, tuple[Warned, ...], PlanResult | None, Checklist | None], None]
"""Shows the plan with its warnings, rehearsed or not, and its checklist, and asks; raises RefusedError when
the answer is no, and when a consent is missing, or a line that has to pass, that no yes gives."""


def build_review(
    plan: Plan, rehearsal: Rehearsal, sizes: Mapping[str, TableSize], counted: Counted
) -> Review:
    """Return all that is known of a plan that was rehearsed.

    ``sizes`` are those of the target's tables, ``counted`` what it answered to ``count_hits()``.
    """
    hazards = find_hazards(rehearsal.revisions, plan.direction, sizes, counted)
    # SQLite's file is locked as a whole, and a copy of it takes as long as it does.
    forecasts = (
        estimates(rehearsal.revisions, sizes, counted) if rehearsal.before.backend == "postgresql" else {}
    )
    irreversible = {hazard.revision for hazard in hazards if hazard.code == IRREVERSIBLE.code}
    return Review(
        plan=plan,
        revisions=tuple(
            ReviewedRevision(
                revision=item.revision,
                transactional=item.transactional,
                statements=_statements(item, sizes, forecasts),
                undo=_undo(plan, item.revision, is_reversible=item.revision.id not in irreversible),
            )
            for item in rehearsal.revisions
        ),
        hazards=hazards,
        rehearsed_on=rehearsal.server,
        schema_from=rehearsal.schema_from,
        notes=rehearsal.notes,
    )


def build_unrehearsed_review(
    plan: Plan,
    rendered: Mapping[str, tuple[str, ...] | Exception],
    reasons: tuple[str, ...],
    hazards: tuple[Hazard, ...] = (),
) -> Review:
    """Return what is known of a plan that was not rehearsed: the SQL that Alembic could write.

    ``rendered`` has, by revision, its SQL or why there is none; ``reasons`` are why it was not rehearsed,
    ``hazards`` what was found before the rehearsal could not go on.
    """
    return Review(
        plan=plan,
        revisions=tuple(_rendered(plan, step, rendered[step.id]) for step in plan.steps),
        hazards=hazards,
        rehearsed_on=None,
        schema_from=None,
        notes=tuple(f"not rehearsed: {reason}" for reason in reasons),
    )


def _statements(
    item: RehearsedRevision, sizes: Mapping[str, TableSize], forecasts: Mapping[tuple[str, int], Estimate]
) -> tuple[ReviewedStatement, ...]:
    return tuple(
        ReviewedStatement(
            number=number,
            sql=masked_sql(statement.sql),
            times=statement.times,
            transactional=statement.transactional,
            tables=tuple(_touched(effect, sizes) for effect in statement.effects),
            holding=tuple(
                dict.fromkeys(held.table for held in statement.held if held.lock.blocks is not Blocks.DDL)
            ),
            blocks=_blocks(statement),
            estimate=forecasts.get((item.revision.id, number)),
            undo=_undo_statement(statement),
        )
        for number, statement in enumerate(item.statements, start=1)
    )


def _touched(effect: TableEffect, sizes: Mapping[str, TableSize]) -> TouchedTable:
    size = None if effect.is_new else sizes.get(effect.first_name or effect.table)
    return TouchedTable(
        name=effect.table,
        lock=effect.lock.sql,
        blocks=Blocks.NOTHING if effect.is_new else effect.lock.blocks,
        rewrites=effect.rewrites,
        scans=effect.scans,
        is_new=effect.is_new,
        held_since=effect.held_since,
        rows=size.rows if size else None,
        bytes=size.bytes if size else None,
    )


def _blocks(statement: TracedStatement) -> Blocks:
    locks = [effect.lock for effect in statement.effects if not effect.is_new]
    locks += [held.lock for held in statement.held]
    return max(locks, default=LockMode.ACCESS_SHARE).blocks


def _undo_statement(statement: TracedStatement) -> str:
    if statement.transactional:
        return "until its revision is committed, a rollback undoes it"
    built = [change.name for change in statement.changes if change.kind is ChangeKind.ADD_INDEX]
    if built:
        return "; ".join(f"DROP INDEX CONCURRENTLY {name}" for name in built)
    return "it is committed at once: no rollback undoes it"


def _undo(plan: Plan, revision: Revision, *, is_reversible: bool) -> str:
    if plan.direction is Direction.DOWNGRADE:
        return f"upgrade {revision.id}, which does not bring back data"
    if not is_reversible:
        return f"{CANNOT_BE_UNDONE}: its downgrade() does not undo it"
    return f"downgrade {revision.parents[0] if revision.parents else 'base'}"


def _rendered(plan: Plan, revision: Revision, sql: tuple[str, ...] | Exception) -> ReviewedRevision:
    return ReviewedRevision(
        revision=revision,
        transactional=True,
        statements=tuple(
            ReviewedStatement(
                number=number,
                sql=masked_sql(statement),
                times=1,
                transactional=True,
                tables=(),
                holding=(),
                blocks=Blocks.NOTHING,
                estimate=None,
                undo="",
            )
            for number, statement in enumerate(() if isinstance(sql, Exception) else sql, start=1)
        ),
        undo=_undo(plan, revision, is_reversible=True),
        shown=not isinstance(sql, Exception),
        why_not=f"it asks the database ({type(sql).__name__}: {sql})" if isinstance(sql, Exception) else "",
    )
