"""deletes-data: rows or values that production has are gone when the statement has run."""

import re
import shlex
from collections.abc import Iterator

from agent_factory.migrate.db.clauses import row_change
from agent_factory.migrate.db.sql import bare, quoted
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.evidence import (
    Counted,
    CountedRows,
    CountKind,
    Evidence,
    RehearsedStatement,
    number_of,
    queries_of,
)
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import (
    MigrationStep,
    SafeRewrite,
    by_hand,
    in_schema_of,
    new_type,
)

_GONE = {CountKind.ROWS, CountKind.VALUES, CountKind.ALTERED}


def _in_counted_rows(rows: CountedRows, evidence: Evidence) -> Iterator[Hazard]:
    """Find rows that are dropped or deleted, values of a dropped column, and values that a type changes."""
    change, kind = rows.query.change, rows.query.target.kind
    if kind not in _GONE or rows.answer.error is not None:
        return
    replaced = evidence.replaced_tables[rows.statement.revision.id]
    successor = replaced.get(change.table, "") if change else ""
    if _is_batch_copy(successor):
        return
    severity = Severity.HIGH
    if change is None:
        said, remedy = _deleted(rows)
    elif kind is CountKind.VALUES:
        said, remedy = _dropped_values(rows, change, evidence.counted)
    elif kind is CountKind.ALTERED:
        said, remedy = _altered(rows, change)
        severity = Severity.HIGH if rows.answer.rows is not None else Severity.NOTICE
    else:
        said, remedy = _dropped_rows(rows, change, successor)
        severity = Severity.NOTICE if successor else Severity.HIGH
    table = rows.query.target.table
    if change is not None and evidence.direction is Direction.DOWNGRADE:  # by the names before all of it
        column = rows.statement.renames.column(table, change.name) if change.name else None
        remedy = _keep_column(table, column, evidence.counted) if column else _keep_rows(table)
    yield DELETES_DATA.hazard(rows.statement, severity, table, said, _kept(remedy, table, evidence))


def _in_uncounted_rows(statement: RehearsedStatement, evidence: Evidence) -> Iterator[Hazard]:
    """Find a DELETE that takes other tables in, or runs many times: it is not counted."""
    if statement.traced.command != "DELETE" or any(query.change is None for query in queries_of(statement)):
        return
    for effect in statement.traced.effects:
        table = statement.table(effect.table)
        size = evidence.size(table)
        if table and size and effect.lock is LockMode.ROW_EXCLUSIVE:
            said = f"deletes up to about {size.rows:,} rows (not counted) of {table}"
            remedy = _kept(_keep_rows(effect.table), table, evidence)
            yield DELETES_DATA.hazard(statement, Severity.HIGH, table, said, remedy)


def _kept(remedy: SafeRewrite, table: str, evidence: Evidence) -> str:
    """Return how to keep what goes: in the revision, or before the downgrade of one that is applied."""
    if evidence.direction is Direction.UPGRADE:
        return remedy.text
    file = re.sub(r"\W+", "_", table).strip("_")
    dump = f'pg_dump --data-only -t {shlex.quote(table)} "$DATABASE_URL" > {file}.sql'
    return f"{by_hand(remedy)}\nor keep a file of them: {dump}"


def _deleted(rows: CountedRows) -> tuple[str, SafeRewrite]:
    table, answer, all_rows = rows.query.target.table, rows.answer, _all_rows(rows)
    if answer.rows is None:
        said = f"deletes up to {all_rows} ({answer.why}) of {table}"
    elif rows.size:
        said = f"deletes {'at least ' if answer.is_least else ''}{answer.rows:,} of {all_rows} of {table}"
    else:
        said = f"deletes {number_of(answer, 'row', 'rows')} of {table}"
    change = row_change(rows.statement.traced.sql)
    return said, _keep_rows(table, change.condition, change.alias) if change else _keep_rows(table)


def _dropped_rows(rows: CountedRows, change: Change, successor: str) -> tuple[str, SafeRewrite]:
    answer = rows.answer
    some = f"{_all_rows(rows)} ({answer.why})" if answer.rows is None else number_of(answer, "row", "rows")
    verb = "drops" if change.kind is ChangeKind.DROP_TABLE else "empties"
    said = f"{verb} {rows.query.target.table}: {some}"
    said += f"; {successor} takes its place: are all rows there?" if successor else ""
    return said, _keep_rows(change.table)


def _dropped_values(rows: CountedRows, change: Change, counted: Counted) -> tuple[str, SafeRewrite]:
    answer = rows.answer
    some = f"values ({answer.why})" if answer.rows is None else number_of(answer, "value", "values")
    remedy = _keep_column(change.table, change.name or "", counted)
    return f"drops {rows.column}: {some} in {_all_rows(rows)}", remedy


def _altered(rows: CountedRows, change: Change) -> tuple[str, SafeRewrite]:
    answer = rows.answer
    if answer.rows is None:
        some = f"whether all values stay the same is unknown ({answer.why})"
    else:
        some = f"{number_of(answer, 'value is', 'values are')} not the same afterwards"
    said = f"changes {rows.column} from {change.before} to {change.after}: {some}"
    return said, new_type(rows.statement, change)


def _all_rows(rows: CountedRows) -> str:
    return f"about {rows.size.rows:,} rows" if rows.size else "its rows"


def _is_batch_copy(table: str) -> bool:
    """Whether this is what Alembic's batch mode has copied a table's rows to."""
    return bool(table) and bare(table).startswith("_alembic_tmp_")


def _keep_rows(table: str, condition: str | None = None, alias: str | None = None) -> SafeRewrite:
    """Return how to keep the rows of a table that go, all or those that meet a condition."""
    where = f" AS {alias}" if alias else ""
    where += f" WHERE {condition}" if condition else ""
    copy = f"CREATE TABLE {in_schema_of(table, bare(table), 'kept')} AS SELECT * FROM {table}{where}"  # noqa: S608
    return SafeRewrite(
        intro=f"keep the rows of {table} until nobody needs them", revisions=((MigrationStep(sql=copy),),)
    )


def _keep_column(table: str, column: str, counted: Counted) -> SafeRewrite:
    """Return how to keep the values of a column that goes; the names are those of now."""
    key = counted.keys.get(table, ())
    columns = ", ".join(map(quoted, [*key, *([] if column in key else [column])])) if key else "*"
    copy = f"CREATE TABLE {in_schema_of(table, bare(table), column, 'kept')} AS"
    copy += f" SELECT {columns} FROM {table} WHERE {quoted(column)} IS NOT NULL"  # noqa: S608
    return SafeRewrite(
        intro=f"when no code uses {quoted(column)} any more, keep its values until nobody needs them",
        revisions=((MigrationStep(sql=copy),),),
    )


DELETES_DATA = HazardRule(
    code="deletes-data",
    number=5,
    rank=10,
    text="rows or values of production are lost: DROP, DELETE, TRUNCATE, a narrower type",
    high="whenever there are any, or they could not be counted",
    remedy="keep a copy until nobody needs it",
    in_counted_rows=_in_counted_rows,
    in_uncounted_rows=_in_uncounted_rows,
)
