"""A reviewed plan as Markdown, to be read as a comment on a pull request."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.folding import fold_sql
from agent_factory.migrate.report.markup import (
    LIMIT,
    LONGEST_NAME,
    LONGEST_TEXT,
    code_in_table,
    cut,
    fence,
    folded,
    html_prose,
    inline_code,
    joined,
    prose,
    shortened,
)
from agent_factory.migrate.review.build import PlanResult, Review, ReviewedRevision, ReviewedStatement
from agent_factory.migrate.review.hazards import Hazard, Severity

COLUMNS = 96
"""What a comment has room for: GitHub does not break the lines of code."""
MOST_ROWS = 100
"""Rows of a table that has to be short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """How much is shown. ``statements``: those of ``all`` revisions, of those with hazards, or none."""

    statements: str
    longest_sql: int
    note: str


_EXTENTS = (
    _Extent(statements="all", longest_sql=LIMIT, note=""),
    _Extent(statements="all", longest_sql=2_000, note="Statements are cut after 2,000 characters."),
    _Extent(statements="all", longest_sql=300, note="Statements are cut after 300 characters."),
    _Extent(
        statements="hazardous",
        longest_sql=2_000,
        note="Statements of revisions without hazards are left out, others are cut after 2,000 characters.",
    ),
    _Extent(
        statements="hazardous",
        longest_sql=300,
        note="Statements of revisions without hazards are left out, others are cut after 300 characters.",
    ),
    _Extent(statements="none", longest_sql=0, note="The statements are left out."),
)
"""What is tried in turn until it fits."""


def render_markdown(result: PlanResult) -> str:
    """Return the plan as GitHub's Markdown, in at most ``LIMIT`` characters; what is left out is said."""
    result = words.cleaned(result)
    if not result.review.plan.steps:
        return f"### Nothing to do\n\n{_facts(result)}\n"
    *larger, smallest = _EXTENTS
    for extent in larger:
        text = joined(_parts(result, extent))
        if text is not None:
            return text
    parts = [*_parts(result, smallest)]
    return joined(parts) or cut(parts, "`--format html`")


def _parts(result: PlanResult, extent: _Extent) -> Iterator[str]:
    """Give the parts of the document, each of which stands by itself."""
    review = result.review
    yield f"### Plan: {review.plan.direction} to {_names(review.plan.after)}"
    yield _summary(result)
    yield _facts(result)
    if result.warnings:
        yield "### Warnings"
        yield "\n".join(f"- {prose(warning.message, LONGEST_TEXT)}" for warning in result.warnings)
    yield from _table(review, most=MOST_ROWS if extent.statements == "none" else None)
    shown: set[str] = set()
    high = words.of_severity(review.hazards, Severity.HIGH)
    if high:
        yield f"### {words.amount(Severity.HIGH, len(high))}"
        yield from (_hazard(group, shown) for group in words.together(high))
    notices = words.of_severity(review.hazards, Severity.NOTICE)
    if notices:
        title = words.amount(Severity.NOTICE, len(notices))
        yield from folded(title, [_hazard(group, shown) for group in words.together(notices)])
    if review.notes:
        yield "### Notes"
        yield "\n".join(f"- {prose(note, LONGEST_TEXT)}" for note in review.notes)
    yield "### Statements"
    if extent.note:
        yield f"*{extent.note} `--format html` and `--format sql` have all of them.*"
    hazards = words.by_statement(review.hazards)
    hazardous = {hazard.revision for hazard in review.hazards}
    for revision in review.revisions:
        if extent.statements == "all" or (
            extent.statements == "hazardous" and revision.revision.id in hazardous
        ):
            yield "\n\n".join(_revision(review, revision, hazards, extent))


def _summary(result: PlanResult) -> str:
    review = result.review
    worst = words.worst(review.high)
    found = _capital(words.findings(review)) + (f"; the worst is {inline_code(worst[0])}" if worst else "")
    said = f"**{words.amounts(review)}. {found}.**"
    return f"{said} To run, it needs\n\n{fence(result.allow, '')}" if result.allow else said


def _facts(result: PlanResult) -> str:
    return "\n".join(f"- {name}: {prose(value)}" for name, value in words.facts(result))


def _table(review: Review, *, most: int | None) -> Iterator[str]:
    hazards = words.by_revision(review.hazards)
    rows = ["| # | revision | message | statements | takes | hazards |", "|--:|---|---|--:|---|---|"]
    for number, revision in enumerate(review.revisions[:most], start=1):
        step = revision.revision
        found = hazards.get(step.id, ())
        count = f"{len(revision.statements):,}" if revision.shown else "?"
        takes = words.takes([revision]).replace(" ", "&nbsp;")
        cells = [code_in_table(step.id), prose(step.message), count, takes]
        rows.append(f"| {number} | {' | '.join([*cells, _codes(found)])} |")
    left = len(review.revisions) - len(rows) + 2
    rows += [f"| | | *{left:,} more* | | | |"] if left else []
    if len(review.revisions) > words.ROWS_IN_SIGHT:
        yield from folded(words.counted(len(review.revisions), "revision"), ["\n".join(rows)])
    else:
        yield "\n".join(rows)


def _hazard(hazards: Sequence[Hazard], shown: set[str]) -> str:
    first = hazards[0]
    place = inline_code(first.revision) + (
        f" statement {first.statement}" if first.statement is not None else ""
    )
    place += f", {inline_code(first.table)}" if first.table else ""
    codes = ", ".join(inline_code(code) for code in dict.fromkeys(hazard.code for hazard in hazards))
    parts = [f"#### {codes}: {place}"]
    parts += [prose(hazard.message, LONGEST_TEXT) for hazard in hazards]
    remedies = words.remedies(first, shown)
    is_short = words.lines_of(remedies) <= words.REMEDY_IN_SIGHT
    for remedy in remedies:
        intro = remedy.intro.removesuffix(":")
        if remedy.is_shown:
            parts.append(f"Remedy: {prose(intro, LONGEST_TEXT)} (see above)")
        elif remedy.steps and not is_short:
            parts += folded(f"Remedy: {html_prose(intro, LONGEST_TEXT)}", _steps(remedy))
        else:
            parts += [f"Remedy: {prose(intro, LONGEST_TEXT)}", *_steps(remedy)]
    return "\n\n".join(parts)


def _steps(remedy: words.Remedy) -> list[str]:
    parts: list[str] = []
    room = LONGEST_TEXT
    for step in remedy.steps:
        parts += [prose(step.title)] if step.title else []
        text = "\n".join(step.folded(COLUMNS))
        parts.append(fence(shortened(text, room, "#" if step.language == "python" else "--"), step.language))
        room = max(room - len(text), LONGEST_NAME)
    return parts


def _revision(
    review: Review,
    revision: ReviewedRevision,
    hazards: dict[tuple[str, int], tuple[Hazard, ...]],
    extent: _Extent,
) -> Iterator[str]:
    step = revision.revision
    amount = words.counted(len(revision.statements), "statement")
    manner = ", ".join(words.manner(revision, review.plan.direction)[2:])
    title = f"<code>{html_prose(step.id)}</code> {html_prose(step.message)}: {amount}" + (
        f", {manner}" if manner else ""
    )
    undo = words.undo(revision)
    parts = [inline_code(step.path.name) + (f"; undo: {prose(undo, LONGEST_TEXT)}" if undo else "")]
    if not revision.shown:
        parts.append(f"Its statements cannot be shown: {prose(revision.why_not, LONGEST_TEXT)}")
    for statement in revision.statements:
        found = hazards.get((step.id, statement.number), ())
        parts += _statement(revision, statement, found, extent)
    yield from folded(title, parts)


def _statement(
    revision: ReviewedRevision, statement: ReviewedStatement, hazards: Sequence[Hazard], extent: _Extent
) -> Iterator[str]:
    yield f"**{statement.number}.** {_codes(hazards)}".rstrip()
    sql = "\n".join(fold_sql(statement.sql.strip(), COLUMNS))
    yield fence(shortened(sql, extent.longest_sql, "--"), "sql")
    items = (
        [f"runs {words.counted(statement.times, 'time')}, with other values"] if statement.times > 1 else []
    )
    for table in words.old_tables(statement):
        size = words.size(table)
        name = inline_code(table.name) + (f" ({size})" if size else "")
        items.append(f"{name}: {words.effects(table)}")
    items += [f"{inline_code(name)}: new, nobody waits" for name in words.new_tables(statement)]
    others, blocking = words.inherited(statement)
    if others:
        held = ", ".join(map(inline_code, others))
        items.append(f"held by earlier statements: {held}" + (f": {blocking}" if blocking else ""))
    if statement.estimate is not None:
        items.append(f"takes {prose(words.duration(statement.estimate), LONGEST_TEXT)}")
    if not words.common_undo(revision) and statement.undo:
        items.append(f"undo: {prose(statement.undo, LONGEST_TEXT)}")
    if items:
        yield "\n".join(f"- {item}" for item in items)


def _codes(hazards: Sequence[Hazard]) -> str:
    by_code = words.severity_by_code(hazards).items()
    return ", ".join(f"**{code}**" if severity is Severity.HIGH else str(code) for code, severity in by_code)


def _names(revisions: Sequence[str]) -> str:
    return ", ".join(map(inline_code, revisions)) or "(no revision)"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
