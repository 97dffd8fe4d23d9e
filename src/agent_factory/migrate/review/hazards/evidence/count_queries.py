"""What a plan's changes make worth counting on production, as SELECTs in production's own names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agent_factory.migrate.db.clauses import row_change, using_expression
from agent_factory.migrate.db.definitions import (
    check_expression,
    foreign_key,
    index_keys,
    is_column,
    is_not_valid,
    not_null_column,
)
from agent_factory.migrate.db.sql import bare, quoted
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.evidence.statements import RehearsedStatement, rehearsed_statements
from agent_factory.migrate.review.hazards.evidence.types import is_lossless, length_limit


class CountKind(StrEnum):
    """What is counted."""

    NULLS = "rows without a value"
    VIOLATIONS = "rows that a CHECK refuses"
    ORPHANS = "rows that refer to nothing"
    DUPLICATES = "values that are there more than once"
    CONFLICTS = "rows that exclude each other"
    TOO_LONG = "values that are too long"
    ALTERED = "values that a new type changes"
    VALUES = "values of a column"
    ROWS = "rows that go"
    UPDATED = "rows that change"


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTarget:
    """What a count is of: one change of one statement, or the rows that an UPDATE or a DELETE changes.

    ``table`` is production's name for it; ``name`` that of the column or constraint, None for whole rows.
    """

    revision: str
    statement: int
    kind: CountKind
    table: str
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountQuery:
    """SELECTs for one target: ``count`` returns the number, ``sample`` some of the rows.

    ``first`` returns 1 when there is any, which may be known sooner; None where it is not. ``change`` is
    None for an UPDATE and a DELETE.
    """

    target: CountTarget
    count: str
    first: str | None
    sample: str
    change: Change | None


def count_queries(revisions: Sequence[RehearsedRevision]) -> tuple[CountQuery, ...]:
    """Return what is worth counting for a plan; never of what the plan itself makes, which is not there."""
    return tuple(query for statement in rehearsed_statements(revisions) for query in queries_of(statement))


def queries_of(statement: RehearsedStatement) -> tuple[CountQuery, ...]:
    """Return what is worth counting for one statement."""
    of_changes = (query for change in statement.traced.changes for query in _of_change(statement, change))
    return (*of_changes, *_of_rows(statement))


def _of_change(statement: RehearsedStatement, change: Change) -> Iterator[CountQuery]:
    table = statement.table(change.table)
    if table is None:
        return
    asked: _Filter | None = None
    match change.kind:
        case ChangeKind.DROP_TABLE | ChangeKind.TRUNCATE:
            asked = _Filter(kind=CountKind.ROWS, table=table, condition=None)
        case ChangeKind.DROP_COLUMN:
            asked = _dropped_column(statement, table, change)
        case ChangeKind.SET_NOT_NULL:
            asked = _nulls(statement, table, change.name or "") if change.after == "NOT NULL" else None
        case ChangeKind.ADD_CHECK | ChangeKind.ADD_FOREIGN_KEY | ChangeKind.VALIDATE_CONSTRAINT:
            asked = _violations(statement, table, change.after or "")
        case ChangeKind.CHANGE_TYPE:
            asked = _retyped(statement, table, change)
        case ChangeKind.ADD_INDEX | ChangeKind.ADD_UNIQUE | ChangeKind.ADD_PRIMARY_KEY:
            yield from _duplicates(statement, table, change)
        case ChangeKind.ADD_EXCLUSION:
            yield from _conflicts(statement, table, change)
    if asked is not None:
        yield asked.query(statement, change)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Filter:
    """Rows of a table, called ``alias`` in the condition; all of them without one."""

    kind: CountKind
    table: str
    condition: str | None
    alias: str | None = None

    def query(self, statement: RehearsedStatement, change: Change | None) -> CountQuery:
        where = f"FROM {self.table}" + (f" AS {self.alias}" if self.alias else "")
        where += f" WHERE {self.condition}" if self.condition else ""
        return CountQuery(
            target=_target(statement, self.kind, self.table, change),
            count=f"SELECT count(*) {where}",
            first=_first(where),
            sample=f"SELECT * {where} LIMIT 20",
            change=change,
        )


def _first(where: str) -> str:
    return f"SELECT count(*) FROM (SELECT 1 {where} LIMIT 1) AS found"  # noqa: S608 - from the catalog


def _target(statement: RehearsedStatement, kind: CountKind, table: str, change: Change | None) -> CountTarget:
    return CountTarget(
        revision=statement.revision.id,
        statement=statement.number,
        kind=kind,
        table=table,
        name=change.name if change else None,
    )


def _dropped_column(statement: RehearsedStatement, table: str, change: Change) -> _Filter | None:
    column = statement.renames.column(table, change.name or "")
    if column is None or "GENERATED ALWAYS AS (" in (change.before or ""):  # what is computed can be again
        return None
    return _Filter(kind=CountKind.VALUES, table=table, condition=f"{quoted(column)} IS NOT NULL")


def _nulls(statement: RehearsedStatement, table: str, name: str) -> _Filter | None:
    column = statement.renames.column(table, name)
    if column is None or not statement.is_checked:
        return None
    return _Filter(kind=CountKind.NULLS, table=table, condition=f"{quoted(column)} IS NULL")


def _violations(statement: RehearsedStatement, table: str, definition: str) -> _Filter | None:
    if is_not_valid(definition):
        return None
    if column := not_null_column(definition):
        return _nulls(statement, table, bare(column))
    if expression := check_expression(definition):
        return _Filter(kind=CountKind.VIOLATIONS, table=table, condition=f"NOT {expression}")
    key = foreign_key(definition)
    if key is None:
        return None
    columns = [statement.renames.column(table, bare(column)) for column in key.columns]
    found = {e.table: e for e in statement.traced.effects if f".{e.table}".endswith(f".{key.table}")}
    among = next((statement.table(name) for name in found), key.table)
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
    return _Filter(kind=CountKind.ORPHANS, table=table, condition=condition, alias="child")


def _retyped(statement: RehearsedStatement, table: str, change: Change) -> _Filter | None:
    before, after, name = change.before or "", change.after or "", change.name or ""
    column = statement.renames.column(table, name)
    if column is None or not statement.is_checked:
        return None
    own = quoted(column)
    using = using_expression(statement.traced.sql, name)
    limit = length_limit(after)
    if using is None and limit is not None and not is_lossless(before, after):
        return _Filter(
            kind=CountKind.TOO_LONG, table=table, condition=f"length(rtrim(CAST({own} AS text))) > {limit}"
        )
    if using is None and is_lossless(before, after):
        return None
    cast = f"CAST(({using or own}) AS {after})"
    # Whatever comes back as another value than it was is not in the new type as it was.
    condition = f"{own} IS NOT NULL AND CAST({cast} AS {before}) IS DISTINCT FROM {own}"
    if (before, after) == ("json", "jsonb"):  # json has no equality; of a key that is there twice one stays
        keys = f"(SELECT count(*) FROM json_object_keys({own}))"  # noqa: S608 - from the catalog
        keys_kept = f"(SELECT count(*) FROM jsonb_object_keys({cast}))"  # noqa: S608 - likewise
        condition = f"CASE jsonb_typeof({cast}) WHEN 'object' THEN {keys} <> {keys_kept} ELSE false END"
    return _Filter(kind=CountKind.ALTERED, table=table, condition=condition)


def _duplicates(statement: RehearsedStatement, table: str, change: Change) -> Iterator[CountQuery]:
    keys = index_keys(change.after or "")
    if keys is None or not keys.is_unique or change.before is not None:
        return
    own = [_own_key(statement, table, key) for key in keys.keys]
    columns = [key for key in own if key is not None]
    if len(columns) < len(own) or not columns:
        return
    conditions = [keys.predicate] if keys.predicate else []
    if keys.nulls_distinct:
        conditions += [f"{key} IS NOT NULL" for key in columns]
    where = f"FROM {table}" + (f" WHERE {' AND '.join(conditions)}" if conditions else "")
    groups = f"{where} GROUP BY {', '.join(columns)} HAVING count(*) > 1"
    yield CountQuery(
        target=_target(statement, CountKind.DUPLICATES, table, change),
        count=f"SELECT count(*) FROM (SELECT 1 {groups}) AS found",  # noqa: S608 - from the catalog
        first=None,
        sample=f"SELECT {', '.join(columns)}, count(*) {groups} LIMIT 20",
        change=change,
    )


def _conflicts(statement: RehearsedStatement, table: str, change: Change) -> Iterator[CountQuery]:
    keys = index_keys(change.after or "")
    if keys is None or change.before is not None or len(keys.operators) != len(keys.keys):
        return
    own = [_own_key(statement, table, key) for key in keys.keys]
    if any(key is None for key in own):
        return
    listed = ", ".join(f"{key} AS key_{number}" for number, key in enumerate(own))
    some = f"(SELECT ctid AS af_row, {listed} FROM {table}"  # noqa: S608 - from the catalog
    some += f" WHERE {keys.predicate})" if keys.predicate else ")"
    same = " AND ".join(
        f"one.key_{number} {operator} other.key_{number}" for number, operator in enumerate(keys.operators)
    )
    pairs = f"FROM {some} AS one JOIN {some} AS other ON one.af_row < other.af_row AND {same}"
    yield CountQuery(
        target=_target(statement, CountKind.CONFLICTS, table, change),
        count=f"SELECT count(*) {pairs}",
        first=_first(pairs),
        sample=f"SELECT * {pairs} LIMIT 20",
        change=change,
    )


def _own_key(statement: RehearsedStatement, table: str, key: str) -> str | None:
    """Return a key of an index in production's names; None for a column that production lacks."""
    if is_column(key):
        column = statement.renames.column(table, bare(key))
        return quoted(column) if column is not None else None
    return key


def _of_rows(statement: RehearsedStatement) -> Iterator[CountQuery]:
    traced = statement.traced
    if traced.command not in ("UPDATE", "DELETE") or traced.times > 1:
        return
    written = [e for e in traced.effects if e.lock is LockMode.ROW_EXCLUSIVE]
    rows = row_change(traced.sql)
    if rows is None or len(written) > 1:
        return
    table = statement.table(written[0].table if written else rows.table)  # SQLite's have no effects
    if table is None:
        return
    kind = CountKind.UPDATED if traced.command == "UPDATE" else CountKind.ROWS
    alias = rows.alias or quoted(bare(rows.table))
    yield _Filter(kind=kind, table=table, condition=rows.condition, alias=alias).query(statement, None)
