"""Queries that are asked around every statement, planned once: to plan them takes longer than to run them."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent_factory.migrate.db.driver import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A query that a session keeps under a name; ``sql`` has its values as ``$1``, ``$2``."""

    name: str
    sql: str
    types: tuple[str, ...] = ()

    @property
    def execute(self) -> str:
        """The statement that asks it, for psycopg2."""
        values = f"({', '.join('%s' for _ in self.types)})" if self.types else ""
        return f"EXECUTE {self.name}{values}"


def prepare(cursor: Cursor, queries: Iterable[Prepared]) -> None:
    """Have the session keep those queries that it does not have. A rollback does not undo it."""
    cursor.execute("SELECT name FROM pg_catalog.pg_prepared_statements")
    names = {name for (name,) in cursor.fetchall()}
    for query in queries:
        if query.name not in names:
            types = f"({', '.join(query.types)})" if query.types else ""
            cursor.execute(f"PREPARE {query.name}{types} AS {query.sql}")


def forget(cursor: Cursor, queries: Iterable[Prepared]) -> None:
    """Have the session drop these queries."""
    for query in queries:
        cursor.execute(f"DEALLOCATE {query.name}")
