"""A reviewed plan as text: whole for ``plan``, and short enough to decide on before the question of a run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.folding import cells, fold_sql, fold_words, one_line, shorten
from agent_factory.migrate.report.screen import Part, Screen
from agent_factory.migrate.review.build import PlanResult, Review, ReviewedRevision, ReviewedStatement
from agent_factory.migrate.review.hazards import Hazard, Severity

Line = tuple[Part, ...]
_Numbered = tuple[int, ReviewedRevision]
_Hazards = Mapping[str, Sequence[Hazard]]

MEASURE = 110
"""No line is laid out wider than this: the eye does not find the next one."""
GLANCE = 80
"""Lines that are still shown before a question; a longer plan is shortened."""
SHORT_SQL = 4
"""Lines of a statement before the question of a long plan, on a terminal."""
SHOWN_HAZARDS = 8
"""Hazards that are shown before the question of a long plan; the others are named."""
FEW_NOTES = 10
"""Notes before a question, on a terminal."""
FEW_REMEDIES = 3
"""Remedies of a hazard that is shown in short."""
LISTED = 30
"""Revisions that a table before a question lists one by one, on a terminal."""

EDGE = 2
"""Revisions that stay in sight at both ends of a run of them that is folded."""
WIDE = 120
"""Columns from which a table has room for files and statements."""

_INDENT = 6
_LABEL = 8
_NARROWEST = 20
_STYLES = {Severity.HIGH: "bold red", Severity.NOTICE: "yellow"}
_UNWRAPPED = frozenset({"#", "revision", "takes"})


def show_plan(screen: Screen, result: PlanResult, *, full: bool = False) -> None:
    """Print the plan: what the application will feel, how it is undone, hazards, and each statement.

    A statement without a hazard is one line, unless all that is known is wanted by ``full``.
    """
    result = words.cleaned(result)
    review, width = result.review, _measure(screen)
    screen.facts(words.facts(result))
    if not review.plan.steps:
        screen.lines([(), (("nothing to do", "bold"),)])
        return
    screen.lines(
        [
            *_overview(review, width),
            *_hazards(review.hazards, width),
            *(_revisions(review, width) if full else _folded(review, width)),
            *_notes(review.notes, width),
            *_warnings((warning.message for warning in result.warnings), width),
            *_summary(review, result.allow, width),
        ]
    )


def show_question(screen: Screen, result: PlanResult, warnings: Iterable[str] = ()) -> None:
    """Print what has to be known before a yes: of a long plan a table, and what of it is dangerous.

    Off a terminal nobody is asked, and the log keeps every hazard in full.
    """
    result = words.cleaned(result)
    review, width = result.review, _measure(screen)
    screen.facts(words.facts(result))
    screen.lines(_overview(review, width))
    whole = [*_revisions(review, width), *_hazards(review.hazards, width)]
    if len(whole) <= GLANCE:
        screen.lines(whole)
    else:
        if len(review.revisions) > 1 or not review.high:
            screen.line()
            _show_table(screen, review)
        if screen.is_terminal:
            said = "this is shortened: plan --full shows all statements, and remedies to copy"
            screen.lines(
                [
                    *_dangerous(review, review.high[:SHOWN_HAZARDS], width, SHORT_SQL),
                    *_hazards_in_short(review.hazards, width),
                    (),
                    *_hanging(("", ""), said, width, style="dim"),
                ]
            )
        else:
            screen.lines([*_dangerous(review, review.high, None, None), *_hazards(review.hazards, None)])
    notes = review.notes
    if screen.is_terminal and len(notes) > FEW_NOTES:
        notes = (*notes[:FEW_NOTES], f"and {len(notes) - FEW_NOTES:,} more")
    screen.lines(
        [
            *_notes(notes, width),
            *_warnings(warnings, width),
            *_summary(review, result.allow, width),
            (),
        ]
    )


def _measure(screen: Screen) -> int | None:
    return min(screen.width, MEASURE) if screen.is_terminal else None


def _revisions(review: Review, width: int | None) -> list[Line]:
    hazards = words.by_statement(review.hazards)
    lines: list[Line] = []
    for number, revision in enumerate(review.revisions, start=1):
        lines += _head(review, number, revision, width)
        for statement in revision.statements:
            found = hazards.get((revision.revision.id, statement.number), ())
            lines += [(), *_statement(revision, statement, found, width)]
    return lines


def _overview(review: Review, width: int | None) -> list[Line]:
    """Say first what decides: who waits, for how long, and whether it can be undone."""
    lines: list[Line] = [(), (("what the application will feel", "bold"),)] if words.waits(review) else []
    for wait in words.waits(review):
        lines += _hanging(("  ", ""), wait, width, indent=4)
    return [*lines, (), *_hanging(("undo  ", "bold"), words.undo_of_plan(review), width)]


def _folded(review: Review, width: int | None) -> list[Line]:
    """Show the statements that have a hazard whole, and each of the others as a line."""
    hazards = words.by_statement(review.hazards)
    lines: list[Line] = []
    is_folded = False
    for number, revision in enumerate(review.revisions, start=1):
        lines += [*_head(review, number, revision, width, with_undo=False), ()]
        for statement in revision.statements:
            if found := hazards.get((revision.revision.id, statement.number), ()):
                lines += [*([()] if lines[-1] else []), *_statement(revision, statement, found, width), ()]
            else:
                is_folded = True
                lines.append(_one_line_of(statement, width))
        if not lines[-1]:
            lines.pop()
    said = "statements without a hazard are shortened; with their locks, and how they are undone: --full"
    return [*lines, *([(), *_hanging(("", ""), said, width, style="dim")] if is_folded else [])]


def _one_line_of(statement: ReviewedStatement, width: int | None) -> Line:
    notes = [f"{statement.times:,} times"] if statement.times > 1 else []
    notes += [f"about {words.short_duration(statement.estimate)}"] if statement.estimate else []
    end = f"  ({', '.join(notes)})" if notes else ""
    sql, room = one_line(statement.sql), (width or MEASURE) - _INDENT - cells(end)
    sql = sql if cells(sql) <= room else f"{sql[: max(room - 3, _NARROWEST)]}..."
    return ((f"{statement.number:>{_INDENT - 2}}  ", "dim"), (sql, ""), (end, "dim"))


def _head(
    review: Review, number: int, revision: ReviewedRevision, width: int | None, *, with_undo: bool = True
) -> list[Line]:
    count = f"[{number}/{len(review.revisions)}] "
    title = f"{one_line(revision.revision.id)} {one_line(revision.revision.message)}".rstrip()
    lines: list[Line] = [(), *_hanging((count, ""), title, width, style="bold")]
    indent = (" " * _INDENT, "")
    lines += _hanging(indent, ", ".join(words.manner(revision, review.plan.direction)), width, style="dim")
    if not revision.shown:
        why = one_line(revision.why_not) or "the reason is not known"
        lines += _hanging(indent, f"its statements cannot be shown: {why}", width, style="yellow")
    elif not revision.statements:
        lines += _hanging(indent, "no statements", width, style="dim")
    if with_undo and (revision.statements or not revision.shown):
        lines += _labelled("undo", words.undo(revision), width)
    return lines


def _statement(
    revision: ReviewedRevision,
    statement: ReviewedStatement,
    hazards: Sequence[Hazard],
    width: int | None,
    most: int | None = None,
) -> Iterator[Line]:
    sql = fold_sql(statement.sql.strip(), width and width - _INDENT)
    for index, line in enumerate(sql if most is None else shorten(sql, most)):
        number = f"{statement.number:>{_INDENT - 2}}  " if index == 0 else " " * _INDENT
        yield ((number, "dim"), (line, ""))
    if statement.times > 1:
        yield from _labelled("runs", f"{words.counted(statement.times, 'time')}, with other values", width)
    yield from _locks(statement, width)
    if statement.estimate is not None:
        yield from _labelled("takes", words.duration(statement.estimate), width)
    if not words.common_undo(revision):
        yield from _labelled("undo", one_line(statement.undo), width)
    for severity, found in groupby(hazards, key=lambda hazard: hazard.severity):
        yield from _labelled(str(severity), words.codes(found), width, style=_STYLES[severity])


def _locks(statement: ReviewedStatement, width: int | None) -> Iterator[Line]:
    label = "locks"
    for table in words.old_tables(statement):
        size = words.size(table)
        name = f"{one_line(table.name)} ({size})" if size else one_line(table.name)
        yield from _labelled(label, f"{name}: {words.effects(table)}", width)
        label = ""
    new = words.new_tables(statement)
    if new:
        yield from _labelled(label, f"{', '.join(new)}: new, nobody waits", width)
    others, blocking = words.inherited(statement)
    if others:
        held = f"{words.listed(others)}, by earlier statements"
        yield from _labelled("held", f"{held}: {blocking}" if blocking else held, width)


def _hazards(hazards: Sequence[Hazard], width: int | None) -> list[Line]:
    lines: list[Line] = []
    shown: set[str] = set()
    for severity in (Severity.HIGH, Severity.NOTICE):
        found = words.of_severity(hazards, severity)
        lines += _heading(severity, len(found)) if found else []
        for group in words.together(found):
            lines += [(), *_hazard(group, width, shown)]
    return lines


def _hazards_in_short(hazards: Sequence[Hazard], width: int | None) -> list[Line]:
    """Show the first of the high hazards, name the others, and count the notices."""
    lines: list[Line] = []
    shown: set[str] = set()
    high = words.of_severity(hazards, Severity.HIGH)
    lines += _heading(Severity.HIGH, len(high)) if high else []
    for group in words.together(high[:SHOWN_HAZARDS]):
        lines += [(), *_hazard(group, width, shown, with_code=False)]
    lines += [()] if len(high) > SHOWN_HAZARDS else []
    for hazard in high[SHOWN_HAZARDS:]:
        lines += _hanging((f"  {hazard.code}  ", "red"), words.place(hazard), width, indent=6)
    notices = words.of_severity(hazards, Severity.NOTICE)
    lines += _heading(Severity.NOTICE, len(notices)) if notices else []
    for code in words.worst(notices):
        number = sum(hazard.code is code for hazard in notices)
        lines.append((("  ", ""), (str(code), ""), (f"  {number:,}", "dim")))
    return lines


def _heading(severity: Severity, number: int) -> list[Line]:
    return [(), ((words.amount(severity, number), _STYLES[severity]),)]


def _hazard(
    hazards: Sequence[Hazard], width: int | None, earlier: set[str], *, with_code: bool = True
) -> Iterator[Line]:
    """Show hazards of one statement that have one remedy."""
    lead = f"  {words.codes(hazards)}  "
    yield from _hanging((lead, "bold"), words.place(hazards[0]), width, indent=6)
    for hazard in hazards:
        yield from _hanging(("    ", ""), hazard.message, width)
    remedies = words.remedies(hazards[0], earlier)
    shown = remedies if with_code else remedies[:FEW_REMEDIES]
    for remedy in shown:
        has_code = with_code and not remedy.is_shown
        intro = remedy.intro if has_code else remedy.intro.removesuffix(":")
        intro += " (see above)" if remedy.is_shown else ""
        yield from _hanging(("    remedy: ", "dim"), intro, width, indent=4)
        for step in remedy.steps if has_code else ():
            yield from _hanging(("    ", ""), step.title, width, style="dim")
            yield from _code(step, width)
    if len(remedies) > len(shown):
        yield (("    remedy: ", "dim"), (f"and {len(remedies) - len(shown)} more", ""))


def _code(step: words.Step, width: int | None) -> Iterator[Line]:
    for line in step.folded(width and width - _INDENT):
        yield ((" " * _INDENT, ""), (line, "cyan"))


def _dangerous(review: Review, shown: Sequence[Hazard], width: int | None, most: int | None) -> list[Line]:
    """The statements of the hazards that are shown, under the heads of their revisions."""
    hazards = words.by_statement(shown)
    lines: list[Line] = []
    for number, revision in enumerate(review.revisions, start=1):
        found = [
            (statement, hazards[key])
            for statement in revision.statements
            if (key := (revision.revision.id, statement.number)) in hazards
        ]
        if found:
            lines += _head(review, number, revision, width)
        for statement, its in found:
            lines += [(), *_statement(revision, statement, its, width, most)]
    return lines


def _show_table(screen: Screen, review: Review) -> None:
    """Print a row for each revision; on a terminal, long runs of those that need no consent are folded."""
    wide = not screen.is_terminal or screen.width >= WIDE
    hazards = words.by_revision(review.hazards)
    numbered = list(enumerate(review.revisions, start=1))
    rows = []
    for run in _runs(numbered, hazards) if screen.is_terminal else [numbered]:
        if len(run) > 2 * EDGE + 1 and screen.is_terminal and len(numbered) > LISTED:
            rows += [_row([item], hazards, wide=wide) for item in run[:EDGE]]
            rows += [_row(run[EDGE:-EDGE], hazards, wide=wide)]
            rows += [_row([item], hazards, wide=wide) for item in run[-EDGE:]]
        else:
            rows += [_row([item], hazards, wide=wide) for item in run]
    columns = [("#", "dim"), ("revision", "bold"), ("message", "")]
    columns += [("file", "dim"), ("statements", "")] if wide else []
    screen.table([*columns, ("takes", ""), ("hazards", "")], rows, unwrapped=_UNWRAPPED)


def _runs(numbered: Sequence[_Numbered], hazards: _Hazards) -> Iterator[list[_Numbered]]:
    """Split the revisions into those with a high hazard, each by itself, and the runs between them."""
    for is_high, run in groupby(numbered, key=lambda item: _is_high(hazards.get(item[1].revision.id, ()))):
        items = list(run)
        yield from ([item] for item in items) if is_high else [items]


def _row(numbered: Sequence[_Numbered], hazards: _Hazards, *, wide: bool) -> tuple[list[str], str]:
    """Return the cells and the style of a revision, or of several as one row."""
    revisions = [revision for _number, revision in numbered]
    found = [hazard for item in revisions for hazard in hazards.get(item.revision.id, ())]
    (number, _), step = numbered[0], revisions[0].revision
    if len(revisions) == 1:
        start = [str(number), one_line(step.id), one_line(step.message)]
    else:
        start = ["", "...", f"{len(revisions):,} more"]
    file = one_line(step.path.name) if len(revisions) == 1 else ""
    middle = [file, f"{sum(len(item.statements) for item in revisions):,}"] if wide else []
    style = "red" if _is_high(found) else "dim" if len(revisions) > 1 else ""
    return [*start, *middle, words.takes(revisions), words.severities(found)], style


def _is_high(hazards: Sequence[Hazard]) -> bool:
    return any(hazard.severity is Severity.HIGH for hazard in hazards)


def _notes(notes: Sequence[str], width: int | None) -> list[Line]:
    if not notes:
        return []
    lines: list[Line] = [(), (("notes", "bold"),)]
    for note in notes:
        lines += _hanging(("  ", ""), one_line(note), width)
    return lines


def _warnings(warnings: Iterable[str], width: int | None) -> list[Line]:
    lines: list[Line] = []
    for warning in warnings:
        lines += _hanging(("warning: ", "bold yellow"), one_line(warning), width, indent=2)
    return [(), *lines] if lines else []


def _summary(review: Review, allow: str, width: int | None) -> list[Line]:
    lines: list[Line] = [()]
    lines += _hanging(("in all  ", "dim"), words.amounts(review), width)
    lines += _hanging(("        ", ""), words.findings(review), width)
    if allow:
        lines.append((("needs   ", "dim"), (allow, "bold")))
    return lines


def _labelled(label: str, text: str, width: int | None, *, style: str = "") -> list[Line]:
    return _hanging((f"{' ' * _INDENT}{label:<{_LABEL}}", style or "dim"), text, width, style=style)


def _hanging(
    lead: Part, text: str, width: int | None, *, style: str = "", indent: int | None = None
) -> list[Line]:
    """Return the text behind its lead, further lines under the first one's text, or at ``indent``."""
    if not text:
        return []
    before = cells(lead[0])
    hang = before if indent is None else indent
    first, *others = fold_words(
        text, width and max(width - hang, _NARROWEST), first=width and max(width - before, _NARROWEST)
    )
    return [(lead, (first, style)), *(((" " * hang, ""), (line, style)) for line in others)]
