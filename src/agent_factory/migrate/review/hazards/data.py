"""Hazards of the rows that production has: those that would be gone, and those that make a statement fail."""

from collections.abc import Iterator, Mapping, Sequence

from agent_factory.migrate.db.definitions import (
    bare,
    column_parts,
    foreign_key,
    index_keys,
    is_column,
    quoted,
    row_change,
)
from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.columns import keep_column, new_type, required_column
from agent_factory.migrate.review.hazards.count import Answer, Counted
from agent_factory.migrate.review.hazards.evidence import Step, steps
from agent_factory.migrate.review.hazards.questions import Ask, Question, questions_of
from agent_factory.migrate.review.hazards.remedies import keep_rows, unchecked
from agent_factory.migrate.review.hazards.rules import Hazard, HazardCode, Severity

_GONE = {Ask.ROWS, Ask.VALUES, Ask.ALTERED}
_UNIQUE = {ChangeKind.ADD_INDEX, ChangeKind.ADD_UNIQUE, ChangeKind.ADD_PRIMARY_KEY}
_REFUSED = {Ask.NULLS, Ask.VIOLATIONS, Ask.ORPHANS, Ask.DUPLICATES, Ask.CONFLICTS, Ask.TOO_LONG}


def find_data_hazards(
    revisions: Sequence[RehearsedRevision], sizes: Mapping[str, TableSize], counted: Counted
) -> Iterator[Hazard]:
    """Find what deletes rows or values that production has, and what fails because of them."""
    replaced = _replaced_tables(revisions)
    for step in steps(revisions):
        asked = questions_of(step)
        parts = {
            (part, question.subject.name)
            for question in asked
            if (size := sizes.get(question.subject.table))
            for part in size.partitions
        }
        for question in asked:
            subject = question.subject
            if (subject.table, subject.name) in parts:  # counted with the table that it is a part of
                continue
            answer, size = counted.answer(subject), sizes.get(subject.table)
            if answer.rows == 0 or (answer.rows is None and size is not None and not size.rows):
                continue
            if answer.error is not None:
                yield _fails(step, question, f"PostgreSQL says: {answer.error}", Severity.HIGH)
            elif subject.ask in _GONE:
                name = question.change.table if question.change else ""
                successor = replaced.get((subject.revision, name), "")
                if not _is_batch_copy(successor):
                    yield from _gone(step, question, answer, size, counted, successor)
            elif subject.ask in _REFUSED:
                yield from _refused(step, question, answer)
        if step.statement.command == "DELETE" and not any(question.change is None for question in asked):
            yield from _uncounted_delete(step, sizes)
        yield from _new_columns(step, sizes)


def _gone(
    step: Step, question: Question, answer: Answer, size: TableSize | None, counted: Counted, successor: str
) -> Iterator[Hazard]:
    table, name, change = question.subject.table, question.subject.name or "", question.change
    all_rows = f"about {size.rows:,} rows" if size else "its rows"
    severity = Severity.HIGH
    if change is None:
        some = f"{_of(answer, all_rows)} of" if size else _some(answer, "row of", "rows of")
        said = f"deletes {some if answer.rows is not None else f'up to {all_rows} ({answer.why}) of'} {table}"
        rows = row_change(step.statement.sql)
        remedy = keep_rows(table, rows.condition, rows.alias) if rows else keep_rows(table)
    elif question.subject.ask is Ask.VALUES:
        some = _some(answer, "value", "values") if answer.rows is not None else f"values ({answer.why})"
        said = f"drops {_column(step, question)}: {some} in {all_rows}"
        remedy = keep_column(change.table, name, counted)
    elif question.subject.ask is Ask.ALTERED:
        said = f"changes {_column(step, question)} from {change.before} to {change.after}: "
        if answer.rows is not None:
            said += f"{_some(answer, 'value is', 'values are')} not the same afterwards"
        else:
            said += f"whether all values stay the same is unknown ({answer.why})"
            severity = Severity.NOTICE
        remedy = new_type(step, change)
    else:
        some = _some(answer, "row", "rows") if answer.rows is not None else f"{all_rows} ({answer.why})"
        said = f"{'drops' if change.kind is ChangeKind.DROP_TABLE else 'empties'} {table}: {some}"
        remedy = keep_rows(change.table)
        if successor:
            said += f"; {successor} takes its place: are they all there?"
            severity = Severity.NOTICE
    yield step.hazard(HazardCode.DELETES_DATA, severity, table, said, remedy.text)


def _uncounted_delete(step: Step, sizes: Mapping[str, TableSize]) -> Iterator[Hazard]:
    """A DELETE that takes other tables in, or runs many times, is not counted."""
    for effect in step.statement.effects:
        table = step.table(effect.table)
        size = sizes.get(table) if table else None
        if table and size and size.rows and effect.lock is LockMode.ROW_EXCLUSIVE:
            said = f"deletes up to about {size.rows:,} rows (not counted) of {table}"
            remedy = keep_rows(effect.table).text
            yield step.hazard(HazardCode.DELETES_DATA, Severity.HIGH, table, said, remedy)


def _refused(step: Step, question: Question, answer: Answer) -> Iterator[Hazard]:
    if answer.rows is not None:
        yield _fails(step, question, _violation(step, question, answer), Severity.HIGH)
    elif not answer.needs_plan:
        said = f"whether {_violation(step, question, None)} is unknown ({answer.why})"
        yield _fails(step, question, said, Severity.NOTICE)


def _fails(step: Step, question: Question, said: str, severity: Severity) -> Hazard:
    change, table = question.change, question.subject.table
    verb = "fails" if severity is Severity.HIGH else "may fail"
    remedy = f"mend them in an earlier revision; to see them: {question.look}"
    definition = change.after or "" if change else ""
    if change and change.kind in (ChangeKind.ADD_CHECK, ChangeKind.ADD_FOREIGN_KEY):
        remedy += "\n" + unchecked(change.table, change.name or "", definition).text
    elif change and change.kind is ChangeKind.SET_NOT_NULL:
        check = f"CHECK ({quoted(change.name or '')} IS NOT NULL)"
        remedy += "\n" + unchecked(change.table, f"{bare(change.table)}_{change.name}_not_null", check).text
    return step.hazard(HazardCode.FAILS_ON_DATA, severity, table, f"{verb}: {said}", remedy)


def _violation(step: Step, question: Question, answer: Answer | None) -> str:
    subject, change = question.subject, question.change
    table, name = subject.table, quoted(subject.name or "")
    definition = (change.after or "") if change else ""
    match subject.ask:
        case Ask.NULLS:
            return f"{_some(answer, 'row has', 'rows have')} no {_column(step, question)}"
        case Ask.ORPHANS:
            key = foreign_key(definition)
            rows = _some(answer, f"row of {table} refers", f"rows of {table} refer")
            return f"{rows} to what {key.table if key else 'the other table'} does not have"
        case Ask.DUPLICATES:
            keys = index_keys(definition)
            of_keys = f"of ({', '.join(keys.keys if keys else ())})"
            values = _some(answer, f"value {of_keys} is", f"values {of_keys} are")
            return f"{values} in {table} more than once"
        case Ask.CONFLICTS:
            pairs = _some(answer, f"pair of rows of {table} excludes", f"pairs of rows of {table} exclude")
            return f"{pairs} each other by {name}"
        case Ask.TOO_LONG:
            column = _column(step, question)
            values = _some(answer, f"value of {column} is", f"values of {column} are")
            return f"{values} too long for {definition}"
        case _:
            rows = _some(answer, f"row of {table} violates", f"rows of {table} violate")
            return f"{rows} {name}, {definition}"


def _new_columns(step: Step, sizes: Mapping[str, TableSize]) -> Iterator[Hazard]:
    """Find what new columns cannot have: production has rows for them, and nothing to put there."""
    for change in step.statement.changes:
        table = step.table(change.table)
        size = sizes.get(table) if table else None
        if table is None or size is None or not size.rows or change.name is None:
            continue
        column = quoted(change.name)
        if change.kind is ChangeKind.ADD_COLUMN:
            parts = column_parts(change.after or "")
            if parts.is_required and not parts.fills_itself:
                said = f"fails: {table}.{column} is NOT NULL without a default, and there are rows ({size})"
                remedy = required_column(change.table, change.name, change.after or "").text
                yield step.hazard(HazardCode.FAILS_ON_DATA, Severity.HIGH, table, said, remedy)
        elif change.kind is ChangeKind.SET_NOT_NULL and step.is_checked:
            added = step.past.added(table, change.name)
            if added is None or column_parts(added).fills_itself or step.past.has_written(table):
                continue
            said = f"fails: {table}.{column} is new, and no row has a value in it ({size})"
            remedy = f"fill {column} in an earlier revision, in batches that commit one by one"
            yield step.hazard(HazardCode.FAILS_ON_DATA, Severity.HIGH, table, said, remedy)
        elif change.kind in _UNIQUE and size.rows > 1 and _is_one_value(step, table, change):
            said = f"fails: all rows of {table} have the same value in the new columns of {column} ({size})"
            remedy = "give the rows values of their own in an earlier revision, in batches"
            yield step.hazard(HazardCode.FAILS_ON_DATA, Severity.HIGH, table, said, remedy)


def _is_one_value(step: Step, table: str, change: Change) -> bool:
    """Whether what is to be unique are new columns, filled by a default that is the same for all rows."""
    keys = index_keys(change.after or "")
    if keys is None or not keys.is_unique or keys.predicate or change.before or step.past.has_written(table):
        return False
    added = {
        other.name: other.after
        for other in step.statement.changes
        if other.kind is ChangeKind.ADD_COLUMN and other.table == change.table
    }
    definitions = [
        added.get(bare(key)) or step.past.added(table, bare(key)) if is_column(key) else None
        for key in keys.keys
    ]
    defaults = [column_parts(definition).default if definition else None for definition in definitions]
    return all(default is not None and "(" not in default for default in defaults)


def _replaced_tables(revisions: Sequence[RehearsedRevision]) -> dict[tuple[str, str], str]:
    """By revision and name, the tables that are renamed to a name which another one had."""
    return {
        (step.revision.id, change.after): change.before or ""
        for step in steps(revisions)
        for change in step.statement.changes
        if change.kind is ChangeKind.RENAME_TABLE and change.after
    }


def _is_batch_copy(table: str) -> bool:
    """Whether this is what Alembic's batch mode has copied a table's rows to."""
    return bool(table) and bare(table).startswith("_alembic_tmp_")


def _column(step: Step, question: Question) -> str:
    """The column as production calls it."""
    table, name = question.subject.table, question.subject.name or ""
    return f"{table}.{quoted(step.past.column(table, name) or name)}"


def _some(answer: Answer | None, one: str, many: str) -> str:
    """The number that was counted, with the words that go with it; ``some`` where there is none."""
    if answer is None or answer.rows is None:
        return f"some {many}"
    return f"{'at least ' if answer.is_least else ''}{answer.rows:,} {one if answer.rows == 1 else many}"


def _of(answer: Answer, whole: str) -> str:
    return f"{'at least ' if answer.is_least else ''}{answer.rows or 0:,} of {whole}"
