"""fails-on-data: production has rows that a statement refuses, so that it fails there."""

from collections.abc import Iterator

from agent_factory.migrate.db.definitions import column_parts, foreign_key, index_keys, is_column
from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.db.sql import bare, quoted
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.evidence import (
    Answer,
    CountedRows,
    CountKind,
    Evidence,
    RehearsedStatement,
    number_of,
)
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import (
    MigrationStep,
    SafeRewrite,
    add_constraint,
    not_null,
)

_ON_DOWNGRADE = "go forward by a new revision instead: the file of an applied one stays as it is"
_UNIQUE = {ChangeKind.ADD_INDEX, ChangeKind.ADD_UNIQUE, ChangeKind.ADD_PRIMARY_KEY}
_REFUSED = {
    CountKind.NULLS,
    CountKind.VIOLATIONS,
    CountKind.ORPHANS,
    CountKind.DUPLICATES,
    CountKind.CONFLICTS,
    CountKind.TOO_LONG,
}


def _in_counted_rows(rows: CountedRows, evidence: Evidence) -> Iterator[Hazard]:
    """Find rows that a constraint, an index or a type refuses; a notice where that is not known."""
    answer = rows.answer
    if answer.error is not None:
        yield _fails(rows, f"PostgreSQL says: {answer.error}", Severity.HIGH, evidence.direction)
    elif rows.query.target.kind in _REFUSED and answer.rows is not None:
        yield _fails(rows, _violation(rows, answer), Severity.HIGH, evidence.direction)
    elif rows.query.target.kind in _REFUSED and not answer.needs_plan:
        said = f"whether {_violation(rows, None)} is unknown ({answer.why})"
        yield _fails(rows, said, Severity.NOTICE, evidence.direction)


def _in_uncounted_rows(statement: RehearsedStatement, evidence: Evidence) -> Iterator[Hazard]:
    """Find new columns that production has rows for, and nothing to put there: it cannot count them."""
    for change in statement.traced.changes:
        table = statement.table(change.table)
        size = evidence.size(table)
        found = _new_column(statement, change, table, size) if table and size and change.name else None
        if found is not None:
            remedy = found[1] if evidence.direction is Direction.UPGRADE else _ON_DOWNGRADE
            yield FAILS_ON_DATA.hazard(statement, Severity.HIGH, table, f"fails: {found[0]}", remedy)


def _fails(rows: CountedRows, said: str, severity: Severity, direction: Direction) -> Hazard:
    change, table = rows.query.change, rows.query.target.table
    verb = "fails" if severity is Severity.HIGH else "may fail"
    if direction is Direction.DOWNGRADE:
        remedy = f"fix them first, by psql; to see them: {rows.query.sample}"
        return FAILS_ON_DATA.hazard(rows.statement, severity, table, f"{verb}: {said}", remedy)
    remedy = f"fix them in an earlier revision; to see them: {rows.query.sample}"
    if change and change.kind in (ChangeKind.ADD_CHECK, ChangeKind.ADD_FOREIGN_KEY):
        remedy += "\n" + _unchecked(change.table, change.name or "", change.after or "").text
    elif change and change.kind is ChangeKind.SET_NOT_NULL:
        check = f"CHECK ({quoted(change.name or '')} IS NOT NULL)"
        remedy += "\n" + _unchecked(change.table, f"{bare(change.table)}_{change.name}_not_null", check).text
    return FAILS_ON_DATA.hazard(rows.statement, severity, table, f"{verb}: {said}", remedy)


def _violation(rows: CountedRows, answer: Answer | None) -> str:
    """Return which rows violate what, with their number where it is known."""
    target, change = rows.query.target, rows.query.change
    table, name = target.table, quoted(target.name or "")
    definition = (change.after or "") if change else ""
    match target.kind:
        case CountKind.NULLS:
            return f"{number_of(answer, 'row has', 'rows have')} no {rows.column}"
        case CountKind.ORPHANS:
            key = foreign_key(definition)
            some = number_of(answer, f"row of {table} refers", f"rows of {table} refer")
            return f"{some} to what {key.table if key else 'the other table'} does not have"
        case CountKind.DUPLICATES:
            keys = index_keys(definition)
            of_keys = f"of ({', '.join(keys.keys if keys else ())})"
            some = number_of(answer, f"value {of_keys} is", f"values {of_keys} are")
            return f"{some} in {table} more than once"
        case CountKind.CONFLICTS:
            some = number_of(answer, f"pair of rows of {table} excludes", f"pairs of rows of {table} exclude")
            return f"{some} each other by {name}"
        case CountKind.TOO_LONG:
            some = number_of(answer, f"value of {rows.column} is", f"values of {rows.column} are")
            return f"{some} too long for {definition}"
        case _:
            some = number_of(answer, f"row of {table} violates", f"rows of {table} violate")
            return f"{some} {name}, {definition}"


def _new_column(
    statement: RehearsedStatement, change: Change, table: str, size: TableSize
) -> tuple[str, str] | None:
    """Return what is wrong with a change to a column that production does not have yet, and its remedy."""
    name, column = change.name or "", quoted(change.name or "")
    if change.kind is ChangeKind.ADD_COLUMN:
        parts = column_parts(change.after or "")
        if parts.is_required and not parts.fills_itself:
            said = f"{table}.{column} is NOT NULL without a default, and there are rows ({size})"
            return said, _required_column(change.table, name, parts.type).text
    elif change.kind is ChangeKind.SET_NOT_NULL and statement.is_checked:
        added = statement.renames.added(table, name)
        is_empty = added is not None and not column_parts(added).fills_itself
        if is_empty and not statement.renames.has_written(table):
            said = f"{table}.{column} is new, and no row has a value in it ({size})"
            return said, f"fill {column} in an earlier revision, in batches that commit one by one"
    elif change.kind in _UNIQUE and size.rows > 1 and _is_one_value(statement, table, change):
        said = f"all rows of {table} have the same value in the new columns of {column} ({size})"
        return said, "give the rows values of their own in an earlier revision, in batches"
    return None


def _is_one_value(statement: RehearsedStatement, table: str, change: Change) -> bool:
    """Whether what is to be unique are new columns, filled by a default that is the same for all rows."""
    keys, renames = index_keys(change.after or ""), statement.renames
    if keys is None or not keys.is_unique or keys.predicate or change.before or renames.has_written(table):
        return False
    added = {
        other.name: other.after
        for other in statement.traced.changes
        if other.kind is ChangeKind.ADD_COLUMN and other.table == change.table
    }
    definitions = [
        added.get(bare(key)) or renames.added(table, bare(key)) if is_column(key) else None
        for key in keys.keys
    ]
    defaults = [column_parts(definition).default if definition else None for definition in definitions]
    return all(default is not None and "(" not in default for default in defaults)


def _unchecked(table: str, name: str, definition: str) -> SafeRewrite:
    """Return how to add a constraint that only new rows are checked for, and check the others later."""
    return SafeRewrite(
        intro="or let only new rows be checked at first, and fix the others meanwhile",
        revisions=((add_constraint(table, name, f"{definition} NOT VALID"),),),
    )


def _required_column(table: str, column: str, type_: str) -> SafeRewrite:
    """Return how to add a NOT NULL column without a default to a table that has rows."""
    return SafeRewrite(
        intro=f"add {quoted(column)} without NOT NULL, fill it in batches, and require it then",
        revisions=(
            (MigrationStep(sql=f"ALTER TABLE {table} ADD COLUMN {quoted(column)} {type_}"),),
            *not_null(table, column),
        ),
    )


FAILS_ON_DATA = HazardRule(
    code="fails-on-data",
    number=7,
    rank=20,
    text="rows that production has violate what the statement demands of them",
    high="when a count on production found such rows",
    remedy="fix the rows in an earlier revision",
    in_counted_rows=_in_counted_rows,
    in_uncounted_rows=_in_uncounted_rows,
)
