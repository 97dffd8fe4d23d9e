"""The statement that makes an object of a catalog into what it should be.

Only where the two definitions say it for certain, and never one that deletes rows: no kind has a DROP TABLE,
a DROP COLUMN, a DROP SEQUENCE or a DROP EXTENSION. A statement that does not fit what catalogs do not have,
such as a constraint that rows violate or a type that is in use, is refused by the database and changes
nothing.
"""

from agent_factory.migrate.catalog.kind import RECREATE
from agent_factory.migrate.catalog.objects import CatalogObject, Key, is_attached
from agent_factory.migrate.catalog.snapshot import Snapshot
from agent_factory.migrate.catalog.statements import statements


def find_remedy(key: Key, wanted: Snapshot, there: Snapshot) -> str | None:
    """Return what to run where ``there`` is and ``wanted`` should be, None where that is not certain."""
    expected, found = wanted.get(key), there.get(key)
    if expected is None:
        return _drop(found, there) if found is not None else None
    if found is None:
        return _make(expected, wanted)
    change = wanted.kind_of(expected).change
    remedy = change(expected, found) if change is not None else None
    return _recreate(expected, wanted, found, there) if remedy is RECREATE else remedy


def _make(one: CatalogObject, snapshot: Snapshot) -> str | None:
    """Make it with its parts: a view's triggers, a domain's checks, all comments and grants."""
    kind, parts = snapshot.kind_of(one), snapshot.parts_of(one)
    itself = kind.make(one) if kind.make is not None else None
    if itself is not None and kind.filled_by and kind.filled_by.name not in {part.kind for part in parts}:
        itself = f"{itself} WITH NO DATA"
    # PostgreSQL makes by itself what is attached, and the sequence of an identity.
    own_parts = (
        part for part in parts if not is_attached(part) and not snapshot.kind_of(part).comes_by_itself
    )
    return statements(itself, *(_make(part, snapshot) for part in own_parts))


def _drop(one: CatalogObject, snapshot: Snapshot) -> str | None:
    kind = snapshot.kind_of(one)
    if kind.dropped_empty and not all(snapshot.kind_of(part).is_remark for part in snapshot.parts_of(one)):
        return None
    return kind.drop(one) if kind.drop is not None else None


def _recreate(expected: CatalogObject, wanted: Snapshot, found: CatalogObject, there: Snapshot) -> str | None:
    drop, make = _drop(found, there), _make(expected, wanted)
    alter = f"ALTER TABLE {expected.table} "
    if drop is not None and make is not None and drop.startswith(alter) and make.startswith(alter):
        return f"{drop}, {make.removeprefix(alter)}"  # in one statement, so that no row comes in between
    return statements(drop, make)
