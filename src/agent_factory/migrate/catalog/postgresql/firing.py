"""When a trigger, a rule or an event trigger fires."""

from agent_factory.migrate.catalog.kind import RECREATE, Field
from agent_factory.migrate.catalog.objects import CatalogObject, is_attached
from agent_factory.migrate.catalog.postgresql.expressions import DUMPED
from agent_factory.migrate.catalog.statements import own_name, statements


def enabled(column: str) -> Field:
    """Return the field for when it fires; ``column`` has one letter for it. By default there is no clause."""
    return Field(
        "enabled",
        f"CASE {column} WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA'"
        " WHEN 'A' THEN 'ENABLE ALWAYS' END",
        DUMPED,
    )


ENABLED = enabled("enabled")


def drop_from_table(one: CatalogObject) -> str | None:
    return None if is_attached(one) else f"DROP {one.kind.upper()} {own_name(one)} ON {one.table}"


def make_firing(one: CatalogObject) -> str | None:
    """Its definition is the statement, and another one is needed where it does not fire as by default."""
    if is_attached(one):
        return None
    return statements(one.clauses[0], *([_switch(one)] if ENABLED.of(one) else []))


def change_firing(wanted: CatalogObject, there: CatalogObject) -> str:
    return _switch(wanted) if wanted.clauses[0] == there.clauses[0] else RECREATE


def _switch(one: CatalogObject) -> str:
    """ALTER TABLE for when a trigger or a rule fires."""
    return f"ALTER TABLE {one.table} {ENABLED.of(one) or 'ENABLE'} {one.kind.upper()} {own_name(one)}"
