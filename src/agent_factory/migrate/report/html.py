"""A reviewed plan as one HTML file, which needs nothing else: no other file, no script, no network."""

import html
from collections.abc import Iterable, Iterator, Sequence

from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.folding import one_line
from agent_factory.migrate.report.html_style import STYLE
from agent_factory.migrate.review.build import PlanResult, Review, ReviewedRevision, ReviewedStatement
from agent_factory.migrate.review.hazards import Hazard, Severity

OPEN_STATEMENTS = 40
"""Up to this many statements all are in sight; of more, those of revisions with a high hazard."""

COLUMNS = 100
"""What a line of a remedy has room for."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_Anchors = dict[tuple[str, int | None], str]


def render_html(result: PlanResult) -> str:
    """Return the plan as a page of its own."""
    result = words.cleaned(result)
    title = f"Plan: {words.route(result.review.plan)}"
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        "<head>",
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{_text(title)}</title>",
        f"<style>{STYLE}</style>",
        "</head>",
        "<body>",
        *_body(result, title),
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _body(result: PlanResult, title: str) -> Iterator[str]:
    review = result.review
    yield "<header>"
    yield f"<h1>{_text(title)}</h1>"
    if review.plan.steps:
        yield f'<p class="summary">{words.amounts(review)}. {words.findings(review)}.</p>'
    else:
        yield '<p class="summary">Nothing to do.</p>'
    if result.allow:
        yield f'<p class="needs">To run, it needs <code>{_text(result.allow)}</code></p>'
    yield from _pairs(((name, _text(value)) for name, value in words.facts(result)), "facts")
    yield "</header>"
    if not review.plan.steps:
        return
    anchors = _anchors(review)
    yield from _listed("Warnings", (warning.message for warning in result.warnings))
    yield from _table(review)
    shown: set[str] = set()
    for severity in (Severity.HIGH, Severity.NOTICE):
        found = words.of_severity(review.hazards, severity)
        if found:
            yield f"<section><h2>{words.amount(severity, len(found))}</h2>"
            for group in words.together(found):
                yield from _hazard(group, anchors, shown)
            yield "</section>"
    yield from _listed("Notes", review.notes)
    yield "<section><h2>Statements</h2>"
    hazards = words.by_statement(review.hazards)
    high = {hazard.revision for hazard in review.high}
    all_open = sum(len(revision.statements) for revision in review.revisions) <= OPEN_STATEMENTS
    for revision in review.revisions:
        is_open = all_open or revision.revision.id in high
        yield from _revision(review, revision, hazards, anchors, is_open=is_open)
    yield "</section>"


def _listed(title: str, texts: Iterable[str]) -> Iterator[str]:
    items = [f"<li>{_text(text)}</li>" for text in texts]
    if items:
        yield from [f"<section><h2>{title}</h2><ul>", *items, "</ul></section>"]


def _table(review: Review) -> Iterator[str]:
    hazards = words.by_revision(review.hazards)
    amount = words.counted(len(review.revisions), "revision")
    is_long = len(review.revisions) > words.ROWS_IN_SIGHT
    yield "<section><h2>Revisions</h2>"
    if is_long:
        yield f"<details><summary>{amount}</summary>"
    yield '<div class="inside scroll"><table>' if is_long else '<div class="scroll"><table>'
    yield '<thead><tr><th class="number">#</th><th>revision</th><th>message</th>'
    yield '<th class="number wide">statements</th><th>takes</th><th>hazards</th></tr></thead><tbody>'
    for number, revision in enumerate(review.revisions, start=1):
        step = revision.revision
        count = f"{len(revision.statements):,}" if revision.shown else "?"
        name = f'<a href="#r{number}"><code>{_text(step.id)}</code></a>'
        yield (
            f'<tr><td class="number">{number}</td><td>{name}</td>'
            f'<td class="message">{_text(step.message)}</td><td class="number wide">{count}</td>'
            f'<td class="time">{words.takes([revision])}</td>'
            f'<td class="hazards">{_codes(hazards.get(step.id, ()))}</td></tr>'
        )
    yield "</tbody></table></div>"
    yield "</details></section>" if is_long else "</section>"


def _hazard(hazards: Sequence[Hazard], anchors: _Anchors, shown: set[str]) -> Iterator[str]:
    first = hazards[0]
    yield f'<div class="hazard {first.severity}">'
    place = _text(words.place(first))
    anchor = anchors.get((first.revision, first.statement)) or anchors.get((first.revision, None))
    place = f'<a href="#{anchor}">{place}</a>' if anchor else place
    yield f"<h3>{_codes(hazards)} {place}</h3>"
    yield from (f"<p>{_text(hazard.message)}</p>" for hazard in hazards)
    remedies = words.remedies(first, shown)
    is_short = words.lines_of(remedies) <= words.REMEDY_IN_SIGHT
    for remedy in remedies:
        yield from _remedy(remedy, is_open=is_short)
    yield "</div>"


def _remedy(remedy: words.Remedy, *, is_open: bool) -> Iterator[str]:
    intro = f"Remedy: {_text(remedy.intro.removesuffix(':'))}"
    if remedy.is_shown or not remedy.steps:
        yield f"<p>{intro}{' (see above)' if remedy.is_shown else ''}</p>"
        return
    yield f'<details class="remedy"{" open" if is_open else ""}><summary>{intro}</summary>'
    for step in remedy.steps:
        if step.title:
            yield f'<p class="step">{_text(step.title)}</p>'
        yield f"<pre><code>{_lines(chr(10).join(step.folded(COLUMNS)))}</code></pre>"
    yield "</details>"


def _revision(
    review: Review,
    revision: ReviewedRevision,
    hazards: dict[tuple[str, int], tuple[Hazard, ...]],
    anchors: _Anchors,
    *,
    is_open: bool,
) -> Iterator[str]:
    step = revision.revision
    anchor = anchors[step.id, None]
    yield f'<details id="{anchor}" open>' if is_open else f'<details id="{anchor}">'
    number, manner = anchor.removeprefix("r"), ", ".join(words.manner(revision, review.plan.direction))
    yield (
        f"<summary>{number}. <code>{_text(step.id)}</code> <strong>{_text(step.message)}</strong>"
        f'<span class="manner">{_text(manner)}</span></summary>'
    )
    yield '<div class="inside">'
    if not revision.shown:
        yield f"<p>Its statements cannot be shown: {_text(revision.why_not)}</p>"
    elif not revision.statements:
        yield "<p>No statements.</p>"
    if (revision.statements or not revision.shown) and (undo := words.undo(revision)):
        yield from _pairs([("undo", _text(undo))])
    for statement in revision.statements:
        found = hazards.get((step.id, statement.number), ())
        yield f'<div class="statement" id="{anchors[step.id, statement.number]}">'
        yield f"<h3>{statement.number} {_codes(found)}</h3>"
        yield f"<pre><code>{_lines(statement.sql.strip())}</code></pre>"
        yield from _pairs(_about(revision, statement))
        yield "</div>"
    yield "</div></details>"


def _about(revision: ReviewedRevision, statement: ReviewedStatement) -> Iterator[tuple[str, str]]:
    if statement.times > 1:
        yield "runs", f"{words.counted(statement.times, 'time')}, with other values"
    label = "locks"
    for table in words.old_tables(statement):
        size = words.size(table)
        name = _code(table.name) + (f' <span class="size">({size})</span>' if size else "")
        yield label, f"{name}: {_text(words.effects(table))}"
        label = ""
    new = words.new_tables(statement)
    if new:
        yield label, f"{', '.join(map(_code, new))}: new, nobody waits"
    others, blocking = words.inherited(statement)
    if others:
        held = f"{', '.join(map(_code, others))}, by earlier statements"
        yield "held", f"{held}: {blocking}" if blocking else held
    if statement.estimate is not None:
        yield "takes", _text(words.duration(statement.estimate))
    if statement.undo and not words.common_undo(revision):
        yield "undo", _text(statement.undo)


def _anchors(review: Review) -> _Anchors:
    """Return what revisions and statements are called in addresses: numbers, for ids may be anything."""
    anchors: _Anchors = {}
    for number, revision in enumerate(review.revisions, start=1):
        anchors[revision.revision.id, None] = f"r{number}"
        for statement in revision.statements:
            anchors[revision.revision.id, statement.number] = f"r{number}s{statement.number}"
    return anchors


def _pairs(pairs: Iterable[tuple[str, str]], style: str = "") -> Iterator[str]:
    """Lay out names and their values, which are HTML already."""
    yield f'<dl class="{style}">' if style else "<dl>"
    yield from (f"<dt>{name}</dt><dd>{value}</dd>" for name, value in pairs)
    yield "</dl>"


def _codes(hazards: Sequence[Hazard]) -> str:
    return " ".join(
        f'<span class="code {severity}" title="{severity}">{code}</span>'
        for code, severity in words.severity_by_code(hazards).items()
    )


def _code(name: str) -> str:
    return f"<code>{_text(name)}</code>"


def _text(text: str) -> str:
    return html.escape(one_line(text))


def _lines(text: str) -> str:
    return html.escape(text)
