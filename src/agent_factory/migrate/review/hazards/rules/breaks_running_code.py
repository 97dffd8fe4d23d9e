"""breaks-running-code: code that was deployed before the plan runs goes on for a while after it.

A rename is high: the code fails at once, whatever the team did before, and there is a way without that.
A drop is not, on its own: it is how every expand-and-contract ends, only the team knows whether its code
still uses what goes, and where values would go with it the plan is stopped for that.
"""

from collections.abc import Iterator

from agent_factory.migrate.db.definitions import column_parts
from agent_factory.migrate.db.sql import bare, quoted
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.evidence import Evidence, RehearsedStatement
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import MigrationStep, SafeRewrite, backfill

_DROP_REMEDY = "deploy code that does not use it, and drop it when no older code runs any more"


def _in_statement(statement: RehearsedStatement, evidence: Evidence) -> Iterator[Hazard]:
    """Find what running code uses under a name that nothing has when the revision is done."""
    for change in statement.traced.changes:
        table = statement.table(change.table)
        if table is not None and not statement.renames.has_made_view(change.table):
            yield from _of_change(statement, change, table, evidence)


def _of_change(
    statement: RehearsedStatement, change: Change, table: str, evidence: Evidence
) -> Iterator[Hazard]:
    size = evidence.sizes.get(table)
    severity = Severity.HIGH if size is not None and size.rows else Severity.NOTICE
    rows = f" ({size})" if size is not None else ""
    is_empty = size is not None and not size.rows  # then few lines are enough: there is nothing to carry over
    left = evidence.names_left[statement.revision.id]
    match change.kind:
        case ChangeKind.RENAME_TABLE if (change.table, None) not in left:
            said = f"renames {table}{rows} to {change.after}: running code knows only the old name"
            remedy = "" if is_empty else _rename_table(change.table, change.after or "").text
            yield BREAKS_RUNNING_CODE.hazard(statement, severity, table, said, remedy)
        case ChangeKind.RENAME_COLUMN if (change.table, change.before) not in left:
            column = statement.renames.column(table, change.before or "")
            if column is None:
                return
            new = quoted(change.after or "")
            said = f"renames {table}.{quoted(column)} to {new}{rows}: running code knows only the old name"
            type_ = evidence.counted.types.get((table, column))
            remedy = _rename_column(change, type_).text if type_ and not is_empty else ""
            yield BREAKS_RUNNING_CODE.hazard(statement, severity, table, said, remedy)
        case ChangeKind.DROP_TABLE if (change.table, None) not in left:
            said = f"drops {table}{rows}: is there running code that uses it?"
            yield BREAKS_RUNNING_CODE.hazard(statement, Severity.NOTICE, table, said, _DROP_REMEDY)
        case ChangeKind.DROP_COLUMN if (change.table, change.name) not in left:
            column = statement.renames.column(table, change.name or "")
            if column is not None:
                said = f"drops {table}.{quoted(column)}: is there running code that uses it? An ORM names all"
                said += " the columns that it knows"
                yield BREAKS_RUNNING_CODE.hazard(statement, Severity.NOTICE, table, said, _DROP_REMEDY)
        case ChangeKind.DROP_VIEW | ChangeKind.RENAME_VIEW if (change.table, None) not in left:
            verb = "drops" if change.kind is ChangeKind.DROP_VIEW else "renames"
            said = f"{verb} the view {table}: is there running code that uses it?"
            yield BREAKS_RUNNING_CODE.hazard(statement, Severity.NOTICE, table, said, _DROP_REMEDY)
        case ChangeKind.RENAME_ENUM_VALUE:
            said = f"renames the value {change.before!r} of {table} to {change.after!r}: running code knows"
            said += " only the old one"
            yield BREAKS_RUNNING_CODE.hazard(statement, Severity.NOTICE, table, said)
        case ChangeKind.ADD_COLUMN:  # with rows it fails, and that is another hazard
            parts = column_parts(change.after or "")
            if severity is Severity.NOTICE and parts.is_required and not parts.fills_itself:
                said = f"adds {table}.{quoted(change.name or '')} as NOT NULL without a default: running code"
                said += " inserts rows without it, and fails"
                remedy = "let it be NULL, or have a default, until all running code fills it"
                yield BREAKS_RUNNING_CODE.hazard(statement, Severity.NOTICE, table, said, remedy)


def _rename_table(old: str, new: str) -> SafeRewrite:
    """Return how to give a table another name while code runs that knows only the old one."""
    return SafeRewrite(
        intro="leave a view under the old name, in the same revision, until no code uses it: rows can be"
        " read and written through it",
        revisions=(
            (
                MigrationStep(sql=f"ALTER TABLE {old} RENAME TO {quoted(bare(new))}"),
                MigrationStep(sql=f"CREATE VIEW {old} AS SELECT * FROM {new}"),  # noqa: S608
            ),
        ),
    )


def _rename_column(change: Change, type_: str) -> SafeRewrite:
    """Return how to give a column another name while code runs that knows only the old one."""
    table, old, new = change.table, quoted(change.before or ""), quoted(change.after or "")
    return SafeRewrite(
        intro=f"add {new}, deploy code that writes both, fill it, deploy code that uses only {new}, and drop"
        f" {old} last",
        revisions=(
            (MigrationStep(sql=f"ALTER TABLE {table} ADD COLUMN {new} {type_}"),),
            (backfill(table, new, old, old),),
        ),
    )


BREAKS_RUNNING_CODE = HazardRule(
    code="breaks-running-code",
    number=6,
    rank=30,
    text="running code, until the next deployment, uses what is renamed or dropped",
    high="for a rename in a table that has rows, when nothing takes the old name's place",
    remedy="expand and contract: add the new, deploy code that uses it, and only then drop the old",
    on_downgrade="deploy the code of the revision that it goes back to first, or stop what uses it meanwhile",
    in_statement=_in_statement,
)
