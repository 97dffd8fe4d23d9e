"""Drift: where a database differs from what its migrations make.

The one to compare with was migrated from its beginning on a throwaway server. Owners, rights and whether a
materialized view holds rows are not compared: they hang on the roles and the rows of the real one.
"""

from collections.abc import Collection, Mapping, Sequence

from agent_factory.migrate.catalog import (
    Catalog,
    CatalogObject,
    Difference,
    Key,
    compare,
    in_words_of,
    is_attached,
    with_defaults_of,
    without_settings,
)
from agent_factory.migrate.db.sql import bare, schema_of
from agent_factory.migrate.model.findings import Finding, finding, is_ignored
from agent_factory.migrate.project.configuration import Configuration
from agent_factory.migrate.rehearsal.history import History
from agent_factory.migrate.rehearsal.rehearsed import touched_by
from agent_factory.migrate.rehearsal.run import Rehearsal

_OF_PARTITIONS = ("PARTITION OF ", "PARTITION BY ", "WITH (")
"""Clauses by which a partition may differ from its table, which has no storage of its own."""

_NOT_PASSED_ON = frozenset({"ENABLE ROW LEVEL SECURITY", "FORCE ROW LEVEL SECURITY"})
"""Clauses that a partition may lack."""


def find_drift(rehearsal: Rehearsal, configuration: Configuration) -> tuple[Difference, ...]:
    """Return the drift in the tables that a rehearsed plan touches; not what the project ignores.

    Empty where no history was replayed. The copy has to show it as well: that is on the server of the
    replay, and servers of two versions print some definitions differently.
    """
    history = rehearsal.history
    if history is None or history.catalog is None:
        return ()
    expected = without_settings(history.catalog, rehearsal.unkept)
    original, copied = (
        in_words_of(
            expected,
            with_defaults_of(expected, without_settings(catalog, rehearsal.unkept), history.computed),
            history.spellings,
        )
        for catalog in (rehearsal.original, rehearsal.before)
    )
    differences = compare_with_migrations(expected, original)
    if rehearsal.is_copied:
        differences = confirmed(differences, compare(expected, copied))
    touched = touched_by(rehearsal.revisions)
    return tuple(
        item
        for item in differences
        if (item.table in touched or item.name in touched)
        and not is_invalid_index(item)
        and _is_looked_at(item, configuration.schemas)
        and not is_ignored(drift_finding(item), configuration.ignore)
    )


def compare_with_migrations(expected: Catalog, found: Catalog) -> tuple[Difference, ...]:
    """Return where a database differs from what its migrations make.

    Partitions that were added to a table of theirs, and are as that is, are none: jobs make them in time.
    """
    differences = compare(expected, found)
    extra = {item.name for item in differences if item.kind == "table" and item.expected is None}
    plain = _plain_partitions(found, extra) if extra else frozenset()
    return tuple(item for item in differences if item.kind != "table" or item.name not in plain)


def confirmed(differences: Sequence[Difference], others: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences of objects that the others have as well."""
    keys = {(item.kind, item.name) for item in others}
    return tuple(item for item in differences if (item.kind, item.name) in keys)


def _plain_partitions(catalog: Catalog, extra: Collection[str]) -> frozenset[str]:
    """Return the extra tables that are partitions and have nothing that their table has not."""
    objects = {one.key: one for one in catalog.objects}
    others = {
        one.table for one in catalog.objects if one.table in extra and not _is_like_its_parent(one, objects)
    }
    return frozenset(extra) - others


def _is_like_its_parent(one: CatalogObject, objects: Mapping[Key, CatalogObject]) -> bool:
    """Say whether it belongs to the same thing of the parent table, and is like it.

    PostgreSQL never gives a partition the row level security of its table.
    """
    parent = objects.get(one.parent) if one.parent is not None and is_attached(one) else None
    if parent is None or one.kind not in ("table", "column"):
        return parent is not None  # PostgreSQL attaches only what is the same
    differing = {*one.clauses} ^ {*parent.clauses}
    may_lack = {*parent.clauses} & _NOT_PASSED_ON
    return all(clause.startswith(_OF_PARTITIONS) for clause in differing - may_lack)


def _is_looked_at(difference: Difference, schemas: Collection[str] | None) -> bool:
    schema = schema_of(difference.table or difference.name)
    return schemas is None or (schema is not None and bare(schema) in schemas)


def is_invalid_index(difference: Difference) -> bool:
    """Say whether it is an index that a failed build left: a run fixes its own, and warns of the others."""
    found = difference.found or ""
    return difference.kind == "index" and found.endswith(" INVALID")


def drift_notes(history: History, drift: Sequence[Difference]) -> tuple[str, ...]:
    """Return what is to be said of drift beside a plan."""
    if history.catalog is None:
        return (f"drift was not checked: {history.why_not}",)
    return tuple(f"drift: {said(item)}" for item in drift)


def said(difference: Difference) -> str:
    """Return in a few words what differs."""
    if difference.found is None:
        return f"{difference.kind} {difference.name} is missing"
    if difference.expected is None:
        return f"{difference.kind} {difference.name} is made by no migration"
    return f"{difference.kind} {difference.name} is not as the migrations make it"


def computed_default_finding(key: Key, expected: Catalog, found: Catalog) -> Finding:
    """Return the finding of a default that the migrations make another one each time, named by its key."""
    shown = [one.definition for catalog in (expected, found) for one in catalog.objects if one.key == key]
    return finding(
        "default-made-at-run-time",
        f"the default of {' '.join(key)} is computed when its revision runs: each database has another",
        object=key[1],
        details=tuple(f"{word:<9} {text}" for word, text in zip(("one run", "found"), shown, strict=True)),
    )


def drift_finding(difference: Difference) -> Finding:
    """Return the finding of a difference between what the migrations make and what there is."""
    return finding(
        "drift",
        said(difference),
        object=difference.name,
        details=(
            f"expected  {difference.expected or 'none'}",
            f"found     {difference.found or 'none'}",
        ),
        remedy=difference.remedy,
    )
