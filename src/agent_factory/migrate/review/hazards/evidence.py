"""What a rehearsal has shown, in order, and what production calls the things that a plan renames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind, TracedStatement
from agent_factory.migrate.review.hazards.rules import RULES, Hazard, HazardCode, Severity


class Past:
    """What the plan has changed before a statement runs; tables are called what production calls them."""

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
        return name in self._views

    def learn(self, statement: TracedStatement) -> None:
        """Take in what a statement has done."""
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
class Step:
    """Statement ``number``, from 1, of a revision. ``past`` is what was before it, until the next step."""

    revision: Revision
    number: int
    statement: TracedStatement
    past: Past

    @property
    def is_checked(self) -> bool:
        """Whether the statement reads rows that production has, and so may meet some that it refuses."""
        return any((e.scans or e.rewrites) and not e.is_new for e in self.statement.effects)

    def table(self, name: str) -> str | None:
        """Return what production calls the table, None for one that the plan makes."""
        return table_before(self.statement, name, self.past)

    def hazard(
        self, code: HazardCode, severity: Severity, table: str | None, said: str, remedy: str
    ) -> Hazard:
        """Return a hazard of this statement, of which ``said`` says what it does."""
        return Hazard(
            code=code,
            severity=severity,
            revision=self.revision.id,
            statement=self.number,
            table=table,
            message=f"statement {self.number} {said}",
            remedy=remedy or RULES[code].remedy,
        )


def steps(revisions: Sequence[RehearsedRevision]) -> Iterator[Step]:
    """Go through all statements in the order in which they run."""
    past = Past()
    for rehearsed in revisions:
        for number, statement in enumerate(rehearsed.statements, 1):
            yield Step(revision=rehearsed.revision, number=number, statement=statement, past=past)
            past.learn(statement)


def table_before(statement: TracedStatement, table: str, past: Past) -> str | None:
    """Return what production calls a table of this statement, None for one that the plan makes."""
    for effect in statement.effects:
        if effect.table == table:
            return None if effect.is_new else effect.first_name or effect.table
    return past.table(table)
