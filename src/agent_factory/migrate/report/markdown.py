"""A reviewed plan as Markdown, to be read as a comment on a pull request."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent_factory.migrate.hazards import Hazard, Severity
from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.folding import fold_sql, one_line
from agent_factory.migrate.review import PlanResult, Review, ReviewedRevision, ReviewedStatement

LIMIT = 65_000
"""Characters; GitHub takes 65,536 for a comment, and a little is left for what others put around it."""
COLUMNS = 96
"""What a comment has room for: GitHub does not break the lines of code."""
MOST_ROWS = 100
"""Rows of a table that has to be short."""
LONGEST_NAME = 200
LONGEST_TEXT = 4_000

_MARKED = re.compile(r"[\\`*_\[\]~$]")
_FIRST = re.compile(r"^(\d*)([-+=#.)])")
_LINKED = re.compile(r"(?<=[@#])|(?<=\bwww)(?=\.)|(?<=:)(?=//)|(?<=\bGH)(?=-)", re.IGNORECASE)
"""Where GitHub would see a person to notify, an issue to refer to or an address; code is not looked at."""
_GAP = "\0"
_ZERO_WIDTH = "&#8203;"
_BAR = "&#124;"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Extent:
    """How much is told. ``statements``: those of ``all`` revisions, of those with hazards, or none."""

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
        text = _joined(_parts(result, extent))
        if text is not None:
            return text
    parts = [*_parts(result, smallest)]
    return _joined(parts) or _cut(parts)


def _joined(parts: Iterable[str]) -> str | None:
    """Return the parts as one text, None as soon as they are too long."""
    kept, length = [], 0
    for part in parts:
        kept.append(part)
        length += len(part) + 2
        if length > LIMIT:
            return None
    return "\n\n".join(kept) + "\n"


def _parts(result: PlanResult, extent: _Extent) -> Iterator[str]:
    """Give the parts of the document, each of which stands by itself."""
    review = result.review
    yield f"### Plan: {review.plan.direction} to {_names(review.plan.after)}"
    yield _summary(result)
    yield _facts(result)
    yield from _table(review, most=MOST_ROWS if extent.statements == "none" else None)
    told: set[str] = set()
    high = words.of_severity(review.hazards, Severity.HIGH)
    if high:
        yield f"### {words.amount(Severity.HIGH, len(high))}"
        yield from (_hazard(group, told) for group in words.together(high))
    notices = words.of_severity(review.hazards, Severity.NOTICE)
    if notices:
        title = words.amount(Severity.NOTICE, len(notices))
        yield from _folded(title, [_hazard(group, told) for group in words.together(notices)])
    if review.notes:
        yield "### Notes"
        yield "\n".join(f"- {_text(note, LONGEST_TEXT)}" for note in review.notes)
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
    found = _capital(words.findings(review)) + (f"; the worst is {_code(worst[0])}" if worst else "")
    said = f"**{words.amounts(review)}. {found}.**"
    return f"{said} To run, it needs\n\n{_fence(result.allow, '')}" if result.allow else said


def _facts(result: PlanResult) -> str:
    return "\n".join(f"- {name}: {_text(value)}" for name, value in words.facts(result))


def _table(review: Review, *, most: int | None) -> Iterator[str]:
    hazards = words.by_revision(review.hazards)
    rows = ["| # | revision | message | statements | takes | hazards |", "|--:|---|---|--:|---|---|"]
    for number, revision in enumerate(review.revisions[:most], start=1):
        step = revision.revision
        found = hazards.get(step.id, ())
        count = f"{len(revision.statements):,}" if revision.shown else "?"
        takes = words.takes([revision]).replace(" ", "&nbsp;")
        cells = [_code_in_table(step.id), _text(step.message), count, takes]
        rows.append(f"| {number} | {' | '.join([*cells, _codes(found)])} |")
    left = len(review.revisions) - len(rows) + 2
    rows += [f"| | | *{left:,} more* | | | |"] if left else []
    if len(review.revisions) > words.ROWS_IN_SIGHT:
        yield from _folded(words.counted(len(review.revisions), "revision"), ["\n".join(rows)])
    else:
        yield "\n".join(rows)


def _hazard(hazards: Sequence[Hazard], told: set[str]) -> str:
    first = hazards[0]
    place = _code(first.revision) + (f" statement {first.statement}" if first.statement is not None else "")
    place += f", {_code(first.table)}" if first.table else ""
    codes = ", ".join(_code(code) for code in dict.fromkeys(hazard.code for hazard in hazards))
    parts = [f"#### {codes}: {place}"]
    parts += [_text(hazard.message, LONGEST_TEXT) for hazard in hazards]
    remedies = words.remedies(first, told)
    is_short = words.lines_of(remedies) <= words.REMEDY_IN_SIGHT
    for remedy in remedies:
        intro = remedy.intro.removesuffix(":")
        if remedy.is_told:
            parts.append(f"Remedy: {_text(intro, LONGEST_TEXT)} (told above)")
        elif remedy.steps and not is_short:
            parts += _folded(f"Remedy: {_html(intro, LONGEST_TEXT)}", _steps(remedy))
        else:
            parts += [f"Remedy: {_text(intro, LONGEST_TEXT)}", *_steps(remedy)]
    return "\n\n".join(parts)


def _steps(remedy: words.Remedy) -> list[str]:
    parts: list[str] = []
    room = LONGEST_TEXT
    for step in remedy.steps:
        parts += [_text(step.title)] if step.title else []
        text = "\n".join(step.folded(COLUMNS))
        parts.append(
            _fence(_shortened(text, room, "#" if step.language == "python" else "--"), step.language)
        )
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
    title = f"<code>{_html(step.id)}</code> {_html(step.message)}: {amount}" + (
        f", {manner}" if manner else ""
    )
    undo = words.undo(revision)
    parts = [_code(step.path.name) + (f"; undo: {_text(undo, LONGEST_TEXT)}" if undo else "")]
    if not revision.shown:
        parts.append(f"Its statements cannot be shown: {_text(revision.why_not, LONGEST_TEXT)}")
    for statement in revision.statements:
        found = hazards.get((step.id, statement.number), ())
        parts += _statement(revision, statement, found, extent)
    yield from _folded(title, parts)


def _statement(
    revision: ReviewedRevision, statement: ReviewedStatement, hazards: Sequence[Hazard], extent: _Extent
) -> Iterator[str]:
    yield f"**{statement.number}.** {_codes(hazards)}".rstrip()
    sql = "\n".join(fold_sql(statement.sql.strip(), COLUMNS))
    yield _fence(_shortened(sql, extent.longest_sql, "--"), "sql")
    items = (
        [f"runs {words.counted(statement.times, 'time')}, with other values"] if statement.times > 1 else []
    )
    for table in words.old_tables(statement):
        size = words.size(table)
        name = _code(table.name) + (f" ({size})" if size else "")
        items.append(f"{name}: {words.effects(table)}")
    items += [f"{_code(name)}: new, nobody waits" for name in words.new_tables(statement)]
    others, blocking = words.inherited(statement)
    if others:
        held = ", ".join(map(_code, others))
        items.append(f"held by earlier statements: {held}" + (f": {blocking}" if blocking else ""))
    if statement.estimate is not None:
        items.append(f"takes {_text(words.duration(statement.estimate), LONGEST_TEXT)}")
    if not words.common_undo(revision) and statement.undo:
        items.append(f"undo: {_text(statement.undo, LONGEST_TEXT)}")
    if items:
        yield "\n".join(f"- {item}" for item in items)


def _codes(hazards: Sequence[Hazard]) -> str:
    by_code = words.severity_by_code(hazards).items()
    return ", ".join(f"**{code}**" if severity is Severity.HIGH else str(code) for code, severity in by_code)


def _cut(parts: Iterable[str]) -> str:
    """Join as many parts as there is room for, and say how many there are more."""
    kept, left, room = [], 0, LIMIT - 200
    for part in parts:
        if left or len(part) + 2 > room:
            left += 1
        else:
            kept.append(part)
            room -= len(part) + 2
    kept.append(f"*{left:,} more parts are too long for a comment: `--format html` has all of it.*")
    return "\n\n".join(kept) + "\n"


def _folded(title: str, parts: Sequence[str]) -> Iterator[str]:
    """Put parts behind a click. The empty lines have Markdown read again inside."""
    yield "\n\n".join([f"<details><summary>{title}</summary>", *parts, "</details>"])


def _names(revisions: Sequence[str]) -> str:
    return ", ".join(map(_code, revisions)) or "(no revision)"


def _text(text: str, longest: int = LONGEST_NAME) -> str:
    """Return one line of prose, in which nothing is markup, a mention or a link."""
    line = _LINKED.sub(_GAP, _shortened(one_line(text), longest, ""))
    escaped = _MARKED.sub(r"\\\g<0>", html.escape(line, quote=False))
    escaped = _FIRST.sub(r"\1\\\2", escaped)
    return escaped.replace("|", _BAR).replace(_GAP, _ZERO_WIDTH)


def _html(text: str, longest: int = LONGEST_NAME) -> str:
    """The same inside of HTML, where Markdown is not read."""
    line = _LINKED.sub(_GAP, _shortened(one_line(text), longest, ""))
    return html.escape(line, quote=False).replace(_GAP, _ZERO_WIDTH)


def _code(text: str) -> str:
    """Return a name as code, in more backticks than it has itself."""
    line = _shortened(one_line(text), LONGEST_NAME, "")
    if not line:
        return ""
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def _code_in_table(text: str) -> str:
    """A bar ends a cell of a table even in code, whatever is before it."""
    return f"<code>{_text(text)}</code>" if "|" in text else _code(text)


def _fence(text: str, language: str) -> str:
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)


def _shortened(text: str, longest: int, comment: str) -> str:
    if len(text) <= longest:
        return text
    if not comment:
        return f"{text[: longest - 3]}..."
    return f"{text[:longest].rstrip()}\n{comment} ... {len(text) - longest:,} more characters"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
