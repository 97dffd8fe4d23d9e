"""The schema as the last statement left it: read once, then again only where something changed."""

from collections.abc import Iterable, Mapping

from agent_factory.migrate.db.driver import Cursor
from agent_factory.migrate.rehearsal.trace.changes import compare_enums
from agent_factory.migrate.rehearsal.trace.relations import (
    Relation,
    read_enum_mark,
    read_enums,
    read_marks,
    read_relations,
    read_some_relations,
)
from agent_factory.migrate.rehearsal.trace.statements import Change

Update = tuple[Relation | None, Relation | None]
"""A relation before and after; None where it was not there, or is gone."""


class SchemaSnapshot:
    """The relations of a database, by oid, and what they were called when the trace began."""

    def __init__(self, cursor: Cursor, version_table: str) -> None:
        self._version_table = version_table
        self._relations = read_relations(cursor, version_table)
        self._first_names = {oid: relation.name for oid, relation in self._relations.items()}
        self._dropped: dict[int, Relation] = {}
        self._table_of_index: dict[int, int] = {}
        self._left_out: set[int] = set()
        self._enums = read_enums(cursor)
        self._enum_mark: str | None = read_enum_mark(cursor)
        for relation in self._relations.values():
            self._note_indexes(relation)
        self._first_indexes = frozenset(self._table_of_index)

    def name(self, oid: int) -> str:
        """Return what a table is called, or was when the open transaction dropped it."""
        return (self._relations.get(oid) or self._dropped[oid]).name

    def table_of(self, oid: int) -> int | None:
        """Return the table that a lock on this relation is reported as: an index's table, a sequence's owner.

        None for one that is unknown or left out.
        """
        oid = self._table_of_index.get(oid, oid)
        relation = self._relations.get(oid) or self._dropped.get(oid)
        return (relation.owner or oid) if relation else None

    def is_new(self, oid: int) -> bool:
        """Say whether the relation was made since the trace began."""
        return oid not in self._first_names

    def is_new_index(self, oid: int) -> bool:
        """Say whether it is an index made since the trace began: a lock on it keeps nobody waiting."""
        return oid in self._table_of_index and oid not in self._first_indexes

    def first_name(self, oid: int) -> str | None:
        """Return the relation's name from when the trace began."""
        return self._first_names.get(oid)

    def forget_dropped(self) -> None:
        """The transaction has ended: its locks on what it dropped are gone."""
        self._dropped.clear()

    def update(
        self, cursor: Cursor, marks: Mapping[int, str | None], seen: Iterable[int] = ()
    ) -> dict[int, Update]:
        """Read the relations again whose mark is another than before, and those seen for the first time.

        An index among the marks stands for its table, where that has none itself: ALTER INDEX does not
        lock it.
        """
        unknown = {oid for oid in (*seen, *marks) if not self._is_known(oid)}
        changed = {
            oid for oid, mark in marks.items() if oid in self._relations and self._relations[oid].mark != mark
        }
        tables = {self._table_of_index[oid] for oid in marks.keys() & self._table_of_index.keys()}
        changed |= (tables & self._relations.keys()) - marks.keys()
        fresh = read_some_relations(cursor, self._version_table, changed | unknown)
        updates: dict[int, Update] = {oid: (self._relations.get(oid), fresh.get(oid)) for oid in changed}
        updates |= {oid: (None, fresh[oid]) for oid in unknown & fresh.keys()}
        for oid, (_old, new) in updates.items():
            if new is not None:
                self._relations[oid] = new
                self._note_indexes(new)
            elif oid in self._relations:
                self._dropped[oid] = self._relations.pop(oid)
        self._left_out |= unknown - fresh.keys() - self._table_of_index.keys()
        return updates

    def update_enums(self, cursor: Cursor, mark: str | None) -> tuple[Change, ...]:
        """Look again at the enum types when this is another mark than before."""
        if mark == self._enum_mark:
            return ()
        before, self._enums, self._enum_mark = self._enums, read_enums(cursor), mark
        return compare_enums(before, self._enums)

    def update_all(self, cursor: Cursor) -> dict[int, Update]:
        """Read every relation's mark, and read again the relations whose mark changed."""
        marks: dict[int, str | None] = dict.fromkeys(self._relations)
        return self.update(cursor, marks | read_marks(cursor))

    def reload(self, cursor: Cursor) -> None:
        """A rollback has undone changes: find out which."""
        self._relations |= self._dropped
        self._dropped.clear()
        self.update_all(cursor)
        self._dropped.clear()
        self.update_enums(cursor, read_enum_mark(cursor))

    def _is_known(self, oid: int) -> bool:
        places = (self._relations, self._table_of_index, self._left_out, self._dropped)
        return any(oid in place for place in places)

    def _note_indexes(self, relation: Relation) -> None:
        self._table_of_index |= dict.fromkeys(relation.index_oids, relation.oid)
