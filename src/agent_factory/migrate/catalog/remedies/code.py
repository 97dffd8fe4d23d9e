"""What runs in the database or watches over its rows: functions, triggers, rules, policies, statistics."""

from agent_factory.migrate.catalog.objects import CatalogObject, is_attached
from agent_factory.migrate.catalog.remedies.clauses import (
    RECREATE,
    first_words,
    only_in,
    own_name,
    statements,
)

_FIRING = ("DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS")


def make_as_told(one: CatalogObject) -> str:
    """Its definition is the statement."""
    return one.clauses[0]


def change_function(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """CREATE OR REPLACE, which cannot change what comes before the language: arguments and result."""
    heads = [one.definition.partition("\n LANGUAGE ")[0] for one in (wanted, there)]
    return wanted.definition if heads[0] == heads[1] else None


def drop_from_table(one: CatalogObject) -> str | None:
    return None if is_attached(one) else f"DROP {one.kind.upper()} {own_name(one)} ON {one.table}"


def _switch(one: CatalogObject) -> str:
    """ALTER TABLE for when a trigger or a rule fires."""
    how = one.clauses[1] if len(one.clauses) > 1 else "ENABLE"
    return f"ALTER TABLE {one.table} {how} {one.kind.upper()} {own_name(one)}"


def make_firing(one: CatalogObject) -> str | None:
    if is_attached(one):
        return None
    return statements(one.clauses[0], *([_switch(one)] if len(one.clauses) > 1 else []))


def change_firing(wanted: CatalogObject, there: CatalogObject) -> str:
    if wanted.clauses[0] == there.clauses[0]:
        return _switch(wanted)
    return RECREATE


def make_policy(one: CatalogObject) -> str:
    return f"CREATE POLICY {own_name(one)} ON {one.table} {one.definition}"


def change_policy(wanted: CatalogObject, there: CatalogObject) -> str:
    """ALTER POLICY changes roles and expressions; it cannot take an expression away."""
    changed = only_in(wanted, there)
    same_parts = first_words(wanted.clauses) == first_words(there.clauses)
    if same_parts and not first_words(changed) & {"AS", "FOR"}:
        return f"ALTER POLICY {own_name(wanted)} ON {wanted.table} {' '.join(changed)}"
    return RECREATE


def make_statistics(one: CatalogObject) -> str | None:
    return statements(one.clauses[0], *(f"ALTER STATISTICS {one.name} {text}" for text in one.clauses[1:]))


def change_statistics(wanted: CatalogObject, there: CatalogObject) -> str:
    if wanted.clauses[0] == there.clauses[0]:
        target = wanted.clauses[1] if len(wanted.clauses) > 1 else "SET STATISTICS -1"
        return f"ALTER STATISTICS {wanted.name} {target}"
    return RECREATE


def make_event_trigger(one: CatalogObject) -> str | None:
    words = " ".join(text for text in one.clauses if text not in _FIRING)
    switches = [f"ALTER EVENT TRIGGER {one.name} {text}" for text in one.clauses if text in _FIRING]
    return statements(f"CREATE EVENT TRIGGER {one.name} {words}", *switches)


def change_event_trigger(wanted: CatalogObject, there: CatalogObject) -> str:
    if any(text not in _FIRING for text in (*only_in(wanted, there), *only_in(there, wanted))):
        return RECREATE
    how = next((text for text in wanted.clauses if text in _FIRING), "ENABLE")
    return f"ALTER EVENT TRIGGER {wanted.name} {how}"


def change_publication(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """ALTER PUBLICATION sets what is published and how; FOR ALL TABLES is for ever."""
    members, settings = (
        next((text for text in only_in(wanted, there) if text.startswith(word)), None)
        for word in ("FOR ", "WITH ")
    )
    if any(text == "FOR ALL TABLES" for text in (*only_in(wanted, there), *only_in(there, wanted))):
        return None
    return statements(
        *([f"ALTER PUBLICATION {wanted.name} SET {members.removeprefix('FOR ')}"] if members else []),
        *([f"ALTER PUBLICATION {wanted.name} SET {settings.removeprefix('WITH ')}"] if settings else []),
    )
