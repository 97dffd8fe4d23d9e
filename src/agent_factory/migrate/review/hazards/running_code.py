"""The hazard of code that was deployed before the plan runs, and goes on for a while after it.

A rename is serious: the code fails at once, whatever the team did before, and there is a way without that.
A drop is not, on its own: it is how every expand-and-contract ends, only the team knows whether its code
still uses what goes, and where values would go with it the plan is stopped for that.
"""

from collections.abc import Iterator, Mapping, Sequence

from agent_factory.migrate.db.definitions import column_parts, quoted
from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.columns import rename_column
from agent_factory.migrate.review.hazards.count import Counted
from agent_factory.migrate.review.hazards.evidence import Step, steps
from agent_factory.migrate.review.hazards.recipe import together
from agent_factory.migrate.review.hazards.remedies import rename_table
from agent_factory.migrate.review.hazards.rules import Hazard, HazardCode, Severity

_TAKES_NAME = {ChangeKind.CREATE_TABLE, ChangeKind.CREATE_VIEW}
_RENAMES = {ChangeKind.RENAME_TABLE, ChangeKind.RENAME_VIEW}

_DROP_REMEDY = "deploy code that does not use it, and drop it when the code before that is gone everywhere"


def find_breaks(
    revisions: Sequence[RehearsedRevision], sizes: Mapping[str, TableSize], counted: Counted
) -> Iterator[Hazard]:
    """Find what running code uses under a name that nothing has when the revision is done."""
    taken = set(_taken_names(revisions))
    for step in steps(revisions):
        for change in step.statement.changes:
            yield from _of_change(step, change, taken, sizes, counted)


def _of_change(
    step: Step,
    change: Change,
    taken: set[tuple[str, str, str | None]],
    sizes: Mapping[str, TableSize],
    counted: Counted,
) -> Iterator[Hazard]:
    table, revision = step.table(change.table), step.revision.id
    if table is None or step.past.has_made_view(change.table):
        return
    size = sizes.get(table)
    severity = Severity.HIGH if size is not None and size.rows else Severity.NOTICE
    rows = f" ({size})" if size is not None else ""
    match change.kind:
        case ChangeKind.RENAME_TABLE if (revision, change.table, None) not in taken:
            said = f"renames {table}{rows} to {change.after}: running code knows only the old name"
            remedy = together(rename_table(change.table, change.after or ""))
            yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, severity, table, said, remedy)
        case ChangeKind.RENAME_COLUMN if (revision, change.table, change.before) not in taken:
            column = step.past.column(table, change.before or "")
            if column is None:
                return
            new = quoted(change.after or "")
            said = f"renames {table}.{quoted(column)} to {new}{rows}: running code knows only the old name"
            type_ = counted.types.get((table, column))
            names = change.before or "", change.after or ""
            forms = [rename_column(change.table, *names, type_)] if type_ else []
            yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, severity, table, said, together(*forms))
        case ChangeKind.DROP_TABLE if (revision, change.table, None) not in taken:
            said = f"drops {table}{rows}: is there running code that uses it?"
            yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, Severity.NOTICE, table, said, _DROP_REMEDY)
        case ChangeKind.DROP_COLUMN if (revision, change.table, change.name) not in taken:
            column = step.past.column(table, change.name or "")
            if column is not None:
                said = f"drops {table}.{quoted(column)}: is there running code that uses it? An ORM names all"
                said += " the columns that it knows"
                yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, Severity.NOTICE, table, said, _DROP_REMEDY)
        case ChangeKind.DROP_VIEW | ChangeKind.RENAME_VIEW if (revision, change.table, None) not in taken:
            verb = "drops" if change.kind is ChangeKind.DROP_VIEW else "renames"
            said = f"{verb} the view {table}: is there running code that uses it?"
            yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, Severity.NOTICE, table, said, _DROP_REMEDY)
        case ChangeKind.RENAME_ENUM_VALUE:
            said = f"renames the value {change.before!r} of {table} to {change.after!r}: running code knows"
            said += " only the old one"
            yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, Severity.NOTICE, table, said, "")
        case ChangeKind.ADD_COLUMN:  # with rows it fails, and that is told
            parts = column_parts(change.after or "")
            if severity is Severity.NOTICE and parts.is_required and not parts.fills_itself:
                said = f"adds {table}.{quoted(change.name or '')} as NOT NULL without a default: running code"
                said += " inserts rows without it, and fails"
                remedy = "let it be NULL, or have a default, until all running code fills it"
                yield step.hazard(HazardCode.BREAKS_RUNNING_CODE, Severity.NOTICE, table, said, remedy)


def _taken_names(revisions: Sequence[RehearsedRevision]) -> Iterator[tuple[str, str, str | None]]:
    """Names that something has when it is done: the revision, the table, the column where it is one."""
    for rehearsed in revisions:
        for statement in rehearsed.statements:
            for change in statement.changes:
                if change.kind in _TAKES_NAME:
                    yield rehearsed.revision.id, change.table, None
                elif change.kind in _RENAMES and change.after:
                    yield rehearsed.revision.id, change.after, None
                elif change.kind is ChangeKind.ADD_COLUMN:
                    yield rehearsed.revision.id, change.table, change.name
                elif change.kind is ChangeKind.RENAME_COLUMN:
                    yield rehearsed.revision.id, change.table, change.after
