"""What a plan's changes make worth counting on production, as SELECTs in production's own names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent_factory.migrate.db.definitions import (
    bare,
    check_expression,
    foreign_key,
    index_keys,
    is_column,
    is_not_valid,
    not_null_column,
    quoted,
    row_change,
    using_expression,
)
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.evidence import Step, steps
from agent_factory.migrate.review.hazards.types import is_lossless, length_limit


class Ask(StrEnum):
    """What is counted."""

    NULLS = "rows without a value"
    VIOLATIONS = "rows that a CHECK refuses"
    ORPHANS = "rows that refer to nothing"
    DUPLICATES = "values that are there more than once"
    CONFLICTS = "rows that exclude each other"
    TOO_LONG = "values that are too long"
    ALTERED = "values that a new type does not hold as they are"
    VALUES = "values of a column"
    ROWS = "rows that go"
    UPDATED = "rows that change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a count is of: one change of one statement. ``table`` is production's name for it."""

    revision: str
    statement: int
    ask: Ask
    table: str
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """``count`` gives the number. ``first`` gives 1 when there is any, which may be known sooner; None where
    it is not. ``look`` shows some of the rows. ``change`` is None for an UPDATE and a DELETE."""

    subject: Subject
    count: str
    first: str | None
    look: str
    change: Change | None


def questions(revisions: Sequence[RehearsedRevision]) -> tuple[Question, ...]:
    """Return what is worth counting. What the plan itself has made, production cannot count."""
    return tuple(question for step in steps(revisions) for question in questions_of(step))


def questions_of(step: Step) -> tuple[Question, ...]:
    """Return what is worth counting for one statement."""
    of_changes = (question for change in step.statement.changes for question in _of_change(step, change))
    return (*of_changes, *_of_rows(step))


def _of_change(step: Step, change: Change) -> Iterator[Question]:
    table = step.table(change.table)
    if table is None:
        return
    asked: _Filter | None = None
    match change.kind:
        case ChangeKind.DROP_TABLE | ChangeKind.TRUNCATE:
            asked = _Filter(ask=Ask.ROWS, table=table, condition=None)
        case ChangeKind.DROP_COLUMN:
            asked = _dropped_column(step, table, change)
        case ChangeKind.SET_NOT_NULL:
            asked = _nulls(step, table, change.name or "") if change.after == "NOT NULL" else None
        case ChangeKind.ADD_CHECK | ChangeKind.ADD_FOREIGN_KEY | ChangeKind.VALIDATE_CONSTRAINT:
            asked = _violations(step, table, change.after or "")
        case ChangeKind.CHANGE_TYPE:
            asked = _retyped(step, table, change)
        case ChangeKind.ADD_INDEX | ChangeKind.ADD_UNIQUE | ChangeKind.ADD_PRIMARY_KEY:
            yield from _duplicates(step, table, change)
        case ChangeKind.ADD_EXCLUSION:
            yield from _conflicts(step, table, change)
    if asked is not None:
        yield asked.question(step, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """Rows of a table, called ``alias`` in the condition; all of them without one."""

    ask: Ask
    table: str
    condition: str | None
    alias: str | None = None

    def question(self, step: Step, change: Change | None) -> Question:
        where = f"FROM {self.table}" + (f" AS {self.alias}" if self.alias else "")
        where += f" WHERE {self.condition}" if self.condition else ""
        return Question(
            subject=_subject(step, self.ask, self.table, change),
            count=f"SELECT count(*) {where}",
            first=_first(where),
            look=f"SELECT * {where} LIMIT 20",
            change=change,
        )


def _first(where: str) -> str:
    return f"SELECT count(*) FROM (SELECT 1 {where} LIMIT 1) AS found"  # noqa: S608 - from the catalog


def _subject(step: Step, ask: Ask, table: str, change: Change | None) -> Subject:
    return Subject(
        revision=step.revision.id,
        statement=step.number,
        ask=ask,
        table=table,
        name=change.name if change else None,
    )


def _dropped_column(step: Step, table: str, change: Change) -> _Filter | None:
    column = step.past.column(table, change.name or "")
    if column is None or "GENERATED ALWAYS AS (" in (change.before or ""):  # what is computed can be again
        return None
    return _Filter(ask=Ask.VALUES, table=table, condition=f"{quoted(column)} IS NOT NULL")


def _nulls(step: Step, table: str, name: str) -> _Filter | None:
    column = step.past.column(table, name)
    if column is None or not step.is_checked:
        return None
    return _Filter(ask=Ask.NULLS, table=table, condition=f"{quoted(column)} IS NULL")


def _violations(step: Step, table: str, definition: str) -> _Filter | None:
    if is_not_valid(definition):
        return None
    if column := not_null_column(definition):
        return _nulls(step, table, bare(column))
    if expression := check_expression(definition):
        return _Filter(ask=Ask.VIOLATIONS, table=table, condition=f"NOT {expression}")
    key = foreign_key(definition)
    if key is None:
        return None
    columns = [step.past.column(table, bare(column)) for column in key.columns]
    found = {e.table: e for e in step.statement.effects if f".{e.table}".endswith(f".{key.table}")}
    among = next((step.table(name) for name in found), key.table)
    if among is None or any(column is None for column in columns):
        return None
    mine = [f"child.{quoted(column)}" for column in columns if column]
    same = " AND ".join(f"parent.{other} = {own}" for other, own in zip(key.referenced, mine, strict=True))
    missing = f"NOT EXISTS (SELECT FROM {among} AS parent WHERE {same})"
    if key.match_full and len(mine) > 1:
        row = f"ROW({', '.join(mine)})"
        condition = f"NOT ({row} IS NULL) AND (NOT ({row} IS NOT NULL) OR {missing})"
    else:
        condition = " AND ".join([*(f"{column} IS NOT NULL" for column in mine), missing])
    return _Filter(ask=Ask.ORPHANS, table=table, condition=condition, alias="child")


def _retyped(step: Step, table: str, change: Change) -> _Filter | None:
    before, after, name = change.before or "", change.after or "", change.name or ""
    column = step.past.column(table, name)
    if column is None or not step.is_checked:
        return None
    own = quoted(column)
    using = using_expression(step.statement.sql, name)
    limit = length_limit(after)
    if using is None and limit is not None and not is_lossless(before, after):
        return _Filter(
            ask=Ask.TOO_LONG, table=table, condition=f"length(rtrim(CAST({own} AS text))) > {limit}"
        )
    if using is None and is_lossless(before, after):
        return None
    # Whatever comes back as another value than it was is not in the new type as it was.
    there_and_back = f"CAST(CAST(({using or own}) AS {after}) AS {before})"
    condition = f"{own} IS NOT NULL AND {there_and_back} IS DISTINCT FROM {own}"
    return _Filter(ask=Ask.ALTERED, table=table, condition=condition)


def _duplicates(step: Step, table: str, change: Change) -> Iterator[Question]:
    keys = index_keys(change.after or "")
    if keys is None or not keys.is_unique or change.before is not None:
        return
    own = [_own_key(step, table, key) for key in keys.keys]
    columns = [key for key in own if key is not None]
    if len(columns) < len(own) or not columns:
        return
    conditions = [keys.predicate] if keys.predicate else []
    if keys.nulls_distinct:
        conditions += [f"{key} IS NOT NULL" for key in columns]
    where = f"FROM {table}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
    groups = f"{where} GROUP BY {', '.join(columns)} HAVING count(*) > 1"
    yield Question(
        subject=_subject(step, Ask.DUPLICATES, table, change),
        count=f"SELECT count(*) FROM (SELECT 1 {groups}) AS found",  # noqa: S608 - from the catalog
        first=None,
        look=f"SELECT {', '.join(columns)}, count(*) {groups} LIMIT 20",
        change=change,
    )


def _conflicts(step: Step, table: str, change: Change) -> Iterator[Question]:
    keys = index_keys(change.after or "")
    if keys is None or change.before is not None or len(keys.operators) != len(keys.keys):
        return
    own = [_own_key(step, table, key) for key in keys.keys]
    if any(key is None for key in own):
        return
    listed = ", ".join(f"{key} AS key_{number}" for number, key in enumerate(own))
    some = f"(SELECT ctid AS af_row, {listed} FROM {table}"  # noqa: S608 - from the catalog
    some += f" WHERE {keys.predicate})" if keys.predicate else ")"
    same = " AND ".join(
        f"one.key_{number} {operator} other.key_{number}" for number, operator in enumerate(keys.operators)
    )
    pairs = f"FROM {some} AS one JOIN {some} AS other ON one.af_row < other.af_row AND {same}"
    yield Question(
        subject=_subject(step, Ask.CONFLICTS, table, change),
        count=f"SELECT count(*) {pairs}",
        first=_first(pairs),
        look=f"SELECT * {pairs} LIMIT 20",
        change=change,
    )


def _own_key(step: Step, table: str, key: str) -> str | None:
    """Return a key of an index in production's names; None for a column that production lacks."""
    if is_column(key):
        column = step.past.column(table, bare(key))
        return quoted(column) if column is not None else None
    return key


def _of_rows(step: Step) -> Iterator[Question]:
    statement = step.statement
    if statement.command not in ("UPDATE", "DELETE") or statement.times > 1:
        return
    written = [e for e in statement.effects if e.lock is LockMode.ROW_EXCLUSIVE]
    rows = row_change(statement.sql)
    if rows is None or len(written) > 1:
        return
    table = step.table(written[0].table if written else rows.table)  # SQLite's statements have no effects
    if table is None:
        return
    ask = Ask.UPDATED if statement.command == "UPDATE" else Ask.ROWS
    alias = rows.alias or quoted(bare(rows.table))
    yield _Filter(ask=ask, table=table, condition=rows.condition, alias=alias).question(step, None)
