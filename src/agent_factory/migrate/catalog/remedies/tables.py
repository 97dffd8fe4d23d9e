"""Tables and views, constraints and indexes."""

import re

from agent_factory.migrate.catalog.objects import CatalogObject, is_attached
from agent_factory.migrate.catalog.remedies.clauses import (
    RECREATE,
    clause,
    only_in,
    option_actions,
    own_name,
)

_SWITCHES = {  # clause: how it is switched on, and off
    "UNLOGGED": ("SET UNLOGGED", "SET LOGGED"),
    "ENABLE ROW LEVEL SECURITY": ("ENABLE ROW LEVEL SECURITY", "DISABLE ROW LEVEL SECURITY"),
    "FORCE ROW LEVEL SECURITY": ("FORCE ROW LEVEL SECURITY", "NO FORCE ROW LEVEL SECURITY"),
}
_CHOICES = {  # beginning of a clause of which there is one or none: what to say for none
    "REPLICA IDENTITY ": "REPLICA IDENTITY DEFAULT",
    "CLUSTER ON ": "SET WITHOUT CLUSTER",
}
_PARTITION = re.compile(r"PARTITION OF (?P<parent>.+?) (?P<bound>FOR VALUES .*|DEFAULT)")
_DEFERRABLE = re.compile(r" DEFERRABLE(?: INITIALLY DEFERRED)?")
_BUILD = re.compile(r"CREATE (UNIQUE )?INDEX ")


def change_table(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """ALTER TABLE for what can be switched; what a table is made of cannot."""
    missing, surplus = only_in(wanted, there), only_in(there, wanted)
    attached = _PARTITION.fullmatch(missing[0]) if len(missing) == 1 and not surplus else None
    if attached is not None:
        return f"ALTER TABLE {attached['parent']} ATTACH PARTITION {wanted.name} {attached['bound']}"
    actions = []
    for text in missing:
        if text in _SWITCHES:
            actions.append(_SWITCHES[text][0])
        elif text.startswith(tuple(_CHOICES)):
            actions.append(text)
        elif not text.startswith("WITH ("):
            return None
    for text in surplus:
        beginning = next((choice for choice in _CHOICES if text.startswith(choice)), None)
        if text in _SWITCHES:
            actions.append(_SWITCHES[text][1])
        elif beginning is not None:
            actions += [_CHOICES[beginning]] if clause(wanted, beginning) is None else []
        elif not text.startswith("WITH ("):
            return None
    actions += option_actions(wanted, there)
    return f"ALTER {wanted.kind.upper()} {wanted.name} {', '.join(actions)}"


def make_view(one: CatalogObject) -> str:
    parts = (clause(one, beginning) for beginning in ("USING ", "WITH (", "AS "))
    return " ".join((f"CREATE {one.kind.upper()} {one.name}", *(part for part in parts if part)))


def change_view(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """CREATE OR REPLACE VIEW can add columns at the end, and no more."""
    if clause(wanted, "AS ") == clause(there, "AS "):
        actions = option_actions(wanted, there)
        return f"ALTER VIEW {wanted.name} {actions[0]}" if len(actions) == 1 else None
    columns, others = (str(clause(one, "("))[1:-1] for one in (wanted, there))
    if columns != others and not columns.startswith(f"{others}, "):
        return None
    return make_view(wanted).replace("CREATE VIEW", "CREATE OR REPLACE VIEW", 1)


def change_materialized_view(wanted: CatalogObject, there: CatalogObject) -> str | None:
    return change_table(wanted, there) if clause(wanted, "AS ") == clause(there, "AS ") else None


def refresh(one: CatalogObject) -> str:
    return f"REFRESH MATERIALIZED VIEW {one.name}"


def _alter(one: CatalogObject) -> str:
    of = "TABLE" if one.table is not None else "DOMAIN"
    return f"ALTER {of} {one.name.removesuffix(f'.{own_name(one)}')}"


def make_constraint(one: CatalogObject) -> str | None:
    if is_attached(one) or len(one.clauses) > 1:
        return None
    return f"{_alter(one)} ADD CONSTRAINT {own_name(one)} {one.definition}"


def drop_constraint(one: CatalogObject) -> str | None:
    return None if is_attached(one) else f"{_alter(one)} DROP CONSTRAINT {own_name(one)}"


def change_constraint(wanted: CatalogObject, there: CatalogObject) -> str | None:
    if is_attached(wanted) or len(wanted.clauses) > 1 or len(there.clauses) > 1:
        return None
    alter, name = _alter(wanted), own_name(wanted)
    if there.definition == f"{wanted.definition} NOT VALID":
        return f"{alter} VALIDATE CONSTRAINT {name}"
    without = [_DEFERRABLE.sub("", one.definition) for one in (wanted, there)]
    if wanted.definition.startswith("FOREIGN KEY ") and without[0] == without[1]:
        deferrable = _DEFERRABLE.search(wanted.definition)
        return f"{alter} ALTER CONSTRAINT {name}{deferrable[0] if deferrable else ' NOT DEFERRABLE'}"
    return RECREATE


def _is_of_partitions(one: CatalogObject) -> bool:
    return f" ON ONLY {one.table} " in one.clauses[0]


def make_index(one: CatalogObject) -> str | None:
    """The index's own statement, CONCURRENTLY where PostgreSQL can do that."""
    if len(one.clauses) > 1:
        return None
    if _is_of_partitions(one):
        return one.definition.replace(f" ON ONLY {one.table} ", f" ON {one.table} ", 1)
    return _BUILD.sub(lambda match: f"{match[0]}CONCURRENTLY ", one.definition, count=1)


def drop_index(one: CatalogObject) -> str | None:
    if is_attached(one):
        return None
    return f"DROP INDEX {'' if _is_of_partitions(one) else 'CONCURRENTLY '}{one.name}"


def change_index(wanted: CatalogObject, there: CatalogObject) -> str | None:
    if there.clauses == (*wanted.clauses, "INVALID"):
        return None if _is_of_partitions(there) else f"REINDEX INDEX CONCURRENTLY {wanted.name}"
    return RECREATE
