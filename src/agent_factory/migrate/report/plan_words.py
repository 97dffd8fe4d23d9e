"""What text, Markdown and HTML say of a plan in the same words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from agent_factory.migrate.db.sizes import show_bytes
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.report import cleaning
from agent_factory.migrate.report.folding import fold_call, fold_sql, one_line
from agent_factory.migrate.report.heads import show_heads, show_revisions
from agent_factory.migrate.review.build import (
    CANNOT_BE_UNDONE,
    PlanResult,
    Review,
    ReviewedRevision,
    ReviewedStatement,
    TouchedTable,
)
from agent_factory.migrate.review.forecast import Estimate
from agent_factory.migrate.review.hazards import WORST_FIRST, Hazard, Severity
from agent_factory.migrate.review.waits import TableWait

ROWS_IN_SIGHT = 20
"""Rows of a table of revisions; a longer one is behind a click, where there is such a thing."""
FELT_S = 0.1
"""Waits below are named together: requests take as long anyway."""
REMEDY_IN_SIGHT = 8
"""Lines of remedies; more of them are behind a click, where there is such a thing."""

_CODE = " " * 4
"""What the lines of a remedy begin with that are to be copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """A safe form instead of a hazard. ``is_shown``: it was shown in full before, so its intro is enough."""

    intro: str
    steps: tuple["Step", ...]
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The work of one revision. ``title`` is empty where there is only one; ``lines`` are to be copied."""

    title: str
    lines: tuple[str, ...]

    @property
    def language(self) -> str:
        return "python" if any("op." in line for line in self.lines) else "sql"

    def folded(self, width: int | None) -> list[str]:
        """Return the lines, broken so that they fit and mean the same."""
        if self.language == "sql":
            return fold_sql("\n".join(self.lines), width)
        return [part for line in self.lines for part in fold_call(line, width)]


def cleaned(result: PlanResult) -> PlanResult:
    """Return the same result with every text in it cleaned."""
    return cleaning.cleaned(result)


def facts(result: PlanResult) -> list[tuple[str, str]]:
    """Return what the plan is for and what it was made from, as names and values."""
    plan, review = result.review.plan, result.review
    rows = [
        ("database", one_line(result.database)),
        ("current", show_heads(result.before)),
        (f"{plan.direction} to", show_revisions(plan.after)),
    ]
    rows += [("with", one_line(plan.typed))] if plan.arguments else []
    if plan.steps:
        rows.append(("rehearsed on", review.rehearsed_on or "nothing: see the notes"))
        rows += [("schema from", review.schema_from)] if review.schema_from else []
    return rows


def route(plan: Plan) -> str:
    """Return ``upgrade from 001 to 002``."""
    return f"{plan.direction} from {show_revisions(plan.before)} to {show_revisions(plan.after)}"


def amounts(review: Review) -> str:
    """Return ``3 revisions, 12 statements, about 6 s``."""
    statements = sum(len(revision.statements) for revision in review.revisions)
    words = [counted(len(review.plan.steps), "revision"), counted(statements, "statement")]
    hidden = sum(not revision.shown for revision in review.revisions)
    words += [f"{counted(hidden, 'revision')} not shown"] if hidden else []
    return ", ".join([*words, *filter(None, [takes(review.revisions)])])


def takes(revisions: Iterable[ReviewedRevision]) -> str:
    """Return how long the revisions take together, as far as that is known; empty without statements."""
    known = unknown = 0
    seconds = 0.0
    for revision in revisions:
        unknown += not revision.shown
        for statement in revision.statements:
            if statement.estimate is None:
                unknown += 1
            else:
                known += 1
                seconds += statement.estimate.seconds
    if not known:
        return "time not known" if unknown else ""
    return f"{'at least' if unknown else 'about'} {_seconds(seconds)}"


def findings(review: Review) -> str:
    """Return ``5 high hazards, 2 notices, drift in 1 object``, where hazards were checked."""
    if review.rehearsed_on is None:
        return "hazards not known: it was not rehearsed"
    said = [amount(severity, number) for severity, number in _numbers(review.hazards)] or ["no hazards"]
    return ", ".join([*said, *([f"drift in {counted(len(review.drift), 'object')}"] if review.drift else [])])


def amount(severity: Severity, number: int) -> str:
    """Return ``1 high hazard`` or ``2 notices``."""
    return counted(number, "high hazard" if severity is Severity.HIGH else str(severity))


def waits(review: Review) -> list[str]:
    """Return what the application will feel, a line for each table; short waits share one."""
    found = review.waits
    lines = [_wait(wait, review) for wait in found if wait.seconds >= FELT_S or wait.is_least]
    short = list(dict.fromkeys(one_line(wait.table) for wait in found if _wait(wait, review) not in lines))
    if short:
        lines.append(f"for less than {show_duration(FELT_S)} each: {listed(short)}")
    if not lines and review.rehearsed_on is not None:
        lines.append("nothing: no table that is in use keeps anybody waiting")
    return lines


def _wait(wait: TableWait, review: Review) -> str:
    size = _amount(wait.rows, wait.bytes)
    table = f"{one_line(wait.table)} ({size})" if size else one_line(wait.table)
    long = f"{'at least' if wait.is_least else 'about'} {_seconds(wait.seconds)}"
    if wait.is_least and not wait.seconds:
        long = "for a time that is not known"
    through = (
        f"statement {wait.since}" if wait.since == wait.until else f"statements {wait.since} to {wait.until}"
    )
    of = f" of {one_line(wait.revision)}" if len(review.revisions) > 1 else ""
    return f"{table}: {wait.blocks} wait {long}, through {through}{of} ({wait.lock})"


def undo_of_plan(review: Review) -> str:
    """Return how the plan as a whole is undone once it is committed, and what of it cannot be."""
    plan = review.plan
    if plan.direction is Direction.DOWNGRADE:
        return f"upgrade {', '.join(plan.before) or 'base'}, which does not bring back data"
    stuck = [
        one_line(item.revision.id) for item in review.revisions if item.undo.startswith(CANNOT_BE_UNDONE)
    ]
    back = f"downgrade {', '.join(plan.before) or 'base'}"
    return f"{back}; but {', '.join(stuck)} cannot be undone by downgrade()" if stuck else back


def severities(hazards: Sequence[Hazard]) -> str:
    """Return ``1 high, 2 notices``, as short as a table has it; empty for none."""
    numbers = _numbers(hazards)
    return ", ".join(
        f"{number:,} high" if severity is Severity.HIGH else amount(severity, number)
        for severity, number in numbers
    )


def worst(hazards: Iterable[Hazard]) -> tuple[str, ...]:
    """Return the codes of these hazards, each once, the worst first."""
    codes = {hazard.code for hazard in hazards}
    return tuple(code for code in WORST_FIRST if code in codes)


def severity_by_code(hazards: Sequence[Hazard]) -> dict[str, Severity]:
    """Return each code of these hazards once, with its highest severity; high ones first, the worst first."""
    found: dict[str, Severity] = {}
    for severity in (Severity.HIGH, Severity.NOTICE):
        for code in worst(of_severity(hazards, severity)):
            found.setdefault(code, severity)
    return found


def of_severity(hazards: Iterable[Hazard], severity: Severity) -> tuple[Hazard, ...]:
    return tuple(hazard for hazard in hazards if hazard.severity is severity)


def by_revision(hazards: Iterable[Hazard]) -> dict[str, tuple[Hazard, ...]]:
    """Return the hazards of each revision by its id."""
    found: dict[str, tuple[Hazard, ...]] = {}
    for hazard in hazards:
        found[hazard.revision] = (*found.get(hazard.revision, ()), hazard)
    return found


def by_statement(hazards: Iterable[Hazard]) -> dict[tuple[str, int], tuple[Hazard, ...]]:
    """Return the hazards of each statement by its revision and number, high ones first."""
    found: dict[tuple[str, int], tuple[Hazard, ...]] = {}
    for hazard in sorted(hazards, key=lambda hazard: hazard.severity is not Severity.HIGH):
        if hazard.statement is not None:
            key = (hazard.revision, hazard.statement)
            found[key] = (*found.get(key, ()), hazard)
    return found


def together(hazards: Iterable[Hazard]) -> list[tuple[Hazard, ...]]:
    """Return hazards that one remedy avoids in one statement side by side, so that it is shown once."""
    groups: dict[tuple[str, int | None, str], tuple[Hazard, ...]] = {}
    for hazard in hazards:
        key = (hazard.revision, hazard.statement, hazard.remedy)
        groups[key] = (*groups.get(key, ()), hazard)
    return list(groups.values())


def remedies(hazard: Hazard, shown: set[str]) -> list[Remedy]:
    """Return the safe forms instead of the hazard; ``shown`` has those of earlier hazards, and gets these."""
    found: list[Remedy] = []
    for recipe in _recipes(hazard.remedy):
        intro, steps = _steps(recipe)
        text = "\n".join(recipe)
        found.append(Remedy(intro=intro, steps=steps, is_shown=bool(steps) and text in shown))
        shown.add(text)
    return found


def lines_of(remedies: Iterable[Remedy]) -> int:
    """Return how many lines to be copied these have, without those that were shown before."""
    return sum(len(step.lines) for remedy in remedies if not remedy.is_shown for step in remedy.steps)


def codes(hazards: Iterable[Hazard]) -> str:
    """Return the codes of these hazards, each once."""
    return ", ".join(dict.fromkeys(hazard.code for hazard in hazards))


def place(hazard: Hazard) -> str:
    """Return ``002 statement 4, public.users``."""
    where = one_line(hazard.revision)
    where += f" statement {hazard.statement}" if hazard.statement is not None else ""
    return f"{where}, {one_line(hazard.table)}" if hazard.table else where


def manner(revision: ReviewedRevision, direction: str) -> list[str]:
    """Return the file, the direction, whether it is one transaction, and how long it takes."""
    words = [one_line(revision.revision.path.name), direction]
    if revision.shown:
        words.append("one transaction" if revision.transactional else "not one transaction")
        words += filter(None, [takes([revision])])
    return words


def common_undo(revision: ReviewedRevision) -> str:
    """Return how any statement of the revision is undone, where that is the same for all; else nothing."""
    ways = {statement.undo for statement in revision.statements}
    return ways.pop() if len(ways) == 1 and revision.transactional else ""


def undo(revision: ReviewedRevision) -> str:
    """Return how the revision is undone, before it is committed and after."""
    return "; then ".join(one_line(way) for way in (common_undo(revision), revision.undo) if way)


def effects(table: TouchedTable) -> str:
    """Return what a statement does to a table that production has."""
    words = [f"{table.lock}, blocks {table.blocks}"]
    words += ["rewrites it"] if table.rewrites else []
    words += ["scans it"] if table.scans and not table.rewrites else []
    words += [held] if (held := _held_since(table.held_since)) else []
    return "; ".join(words)


def size(table: TouchedTable) -> str:
    """Return ``2,000,000 rows, 310 MB``; empty where it is not known."""
    return _amount(table.rows, table.bytes)


def _amount(rows: int | None, size: int | None) -> str:
    words = [counted(rows, "row")] if rows is not None else []
    words += [show_bytes(size)] if size is not None else []
    return ", ".join(words)


def new_tables(statement: ReviewedStatement) -> tuple[str, ...]:
    return tuple(one_line(table.name) for table in statement.tables if table.is_new)


def old_tables(statement: ReviewedStatement) -> tuple[TouchedTable, ...]:
    return tuple(table for table in statement.tables if not table.is_new)


def inherited(statement: ReviewedStatement) -> tuple[tuple[str, ...], str]:
    """Return the other tables that earlier statements keep locked, and whom only that blocks."""
    own = {table.name for table in statement.tables}
    others = tuple(one_line(name) for name in statement.holding if name not in own)
    is_more = statement.blocks not in {table.blocks for table in statement.tables}
    return others, f"blocks {statement.blocks}" if others and is_more else ""


def duration(estimate: Estimate) -> str:
    """Return how long a statement takes, and how that was reached."""
    seconds, how = f"about {_seconds(estimate.seconds)}", one_line(estimate.how)
    return f"{seconds}: {how}" if how else seconds


def short_duration(estimate: Estimate) -> str:
    """Return how long a statement takes, without how that was reached."""
    return _seconds(estimate.seconds)


def listed(names: Sequence[str]) -> str:
    """Return ``a, b, c and 4 more``."""
    left = len(names) - 3
    return f"{', '.join(names[:3])} and {left:,} more" if left > 0 else ", ".join(names)


def counted(number: int, noun: str) -> str:
    """Return ``1 row``, ``2,000 rows``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _recipes(remedy: str) -> list[list[str]]:
    """Split a remedy where a line is not indented: there another way begins."""
    recipes: list[list[str]] = []
    for line in remedy.split("\n"):
        if not line.strip():
            continue
        if not recipes or not line.startswith(" "):
            recipes.append([])
        recipes[-1].append(line)
    return recipes


def _steps(recipe: Sequence[str]) -> tuple[str, tuple[Step, ...]]:
    intro, title = "", ""
    steps: list[Step] = []
    for is_code, block in groupby(recipe, key=lambda line: line.startswith(_CODE)):
        lines = tuple(block)
        if is_code:
            steps.append(Step(title=title, lines=tuple(line.removeprefix(_CODE) for line in lines)))
            continue
        intro = intro or lines[0]
        title = one_line(lines[-1]) if lines[-1].startswith(" ") else ""
    return one_line(intro), tuple(steps)


def _numbers(hazards: Iterable[Hazard]) -> list[tuple[Severity, int]]:
    listed = tuple(hazards)
    found = ((severity, len(of_severity(listed, severity))) for severity in (Severity.HIGH, Severity.NOTICE))
    return [(severity, number) for severity, number in found if number]


def _seconds(seconds: float) -> str:
    return show_duration(round(seconds) if seconds >= 10 else seconds)


def _held_since(number: int | None) -> str:
    if number is None:
        return ""
    return f"held since statement {number}" if number else "held since before the first statement"
