"""The statements of a rehearsed plan, in order, each with what production calls the things that it names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind, TracedStatement


class Renames:
    """What the statements so far have made, renamed and written, by the names that production knows.

    Invariant: all of it is of statements that ran before; ``record`` takes in the next one.
    """

    def __init__(self) -> None:
        self._tables: dict[str, str | None] = {}
        self._added: dict[tuple[str, str], str] = {}
        self._renamed: dict[tuple[str, str], str] = {}
        self._views: set[str] = set()
        self._written: set[str] = set()

    def table(self, name: str) -> str | None:
        """Return what production calls the table of this name; None when it has none."""
        return self._tables.get(name, name)

    def column(self, table: str, name: str) -> str | None:
        """Return what production calls the column of this table, both unquoted; None when it has none."""
        if (table, name) in self._added:
            return None
        return self._renamed.get((table, name), name)

    def added(self, table: str, name: str) -> str | None:
        """Return the definition of a column that the plan has added itself."""
        return self._added.get((table, name))

    def has_written(self, table: str) -> bool:
        """Say whether a statement before has inserted, updated or deleted rows."""
        return table in self._written

    def has_made_view(self, name: str) -> bool:
        """Say whether the view of this name is the plan's own."""
        return name in self._views

    def record(self, statement: TracedStatement) -> None:
        """Add what a statement has done, once it has run."""
        for effect in statement.effects:
            if effect.lock is LockMode.ROW_EXCLUSIVE:
                self._written.add(effect.first_name or effect.table)
        for change in statement.changes:
            table = table_before(statement, change.table, self)
            if change.kind is ChangeKind.CREATE_TABLE:
                self._tables[change.table] = None
            elif change.kind is ChangeKind.RENAME_TABLE:
                self._tables[change.after or ""] = table
            elif change.kind is ChangeKind.CREATE_VIEW:
                self._views.add(change.table)
            if table is None or change.name is None:
                continue
            key = (table, change.name)
            if change.kind is ChangeKind.ADD_COLUMN:
                self._added[key] = change.after or ""
                self._renamed.pop(key, None)
            elif change.kind is ChangeKind.DROP_COLUMN:
                self._added.pop(key, None)
                self._renamed.pop(key, None)
            elif change.kind is ChangeKind.RENAME_COLUMN:
                self._rename(table, change)

    def _rename(self, table: str, change: Change) -> None:
        old, new = (table, change.before or ""), (table, change.after or "")
        if old in self._added:
            self._added[new] = self._added.pop(old)
        else:
            self._renamed[new] = self._renamed.pop(old, old[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedStatement:
    """Statement ``number``, from 1, of a revision, and what the rehearsal saw of it.

    ``renames`` is what the statements before it have done, and changes as soon as the next one is asked for.
    """

    rehearsed: RehearsedRevision
    number: int
    traced: TracedStatement
    renames: Renames

    @property
    def revision(self) -> Revision:
        return self.rehearsed.revision

    @property
    def is_checked(self) -> bool:
        """Whether it reads rows that production has, and so may find some that it refuses."""
        return any((e.scans or e.rewrites) and not e.is_new for e in self.traced.effects)

    def table(self, name: str) -> str | None:
        """Return what production calls the table, None for one that the plan makes."""
        return table_before(self.traced, name, self.renames)


def rehearsed_statements(revisions: Sequence[RehearsedRevision]) -> Iterator[RehearsedStatement]:
    """Return all statements in the order in which they run."""
    renames = Renames()
    for rehearsed in revisions:
        for number, traced in enumerate(rehearsed.statements, 1):
            yield RehearsedStatement(rehearsed=rehearsed, number=number, traced=traced, renames=renames)
            renames.record(traced)


def table_before(statement: TracedStatement, table: str, renames: Renames) -> str | None:
    """Return what production calls a table of this statement, None for one that the plan makes."""
    for effect in statement.effects:
        if effect.table == table:
            return None if effect.is_new else effect.first_name or effect.table
    return renames.table(table)
