"""Drift: what a database has otherwise than its migrations make it.

The one to compare with was migrated from its beginning on a throwaway server. Owners, rights and whether a
materialized view holds rows are not compared: they hang on the roles and the rows of the real one.
"""

from collections.abc import Iterable, Sequence

from agent_factory.migrate.catalog import Catalog, Difference, compare
from agent_factory.migrate.findings import Finding, finding
from agent_factory.migrate.hazards import RehearsedRevision
from agent_factory.migrate.rehearsal import History, Rehearsal


def find_drift(rehearsal: Rehearsal, found: Catalog) -> tuple[Difference, ...]:
    """Return the drift in the tables that a rehearsed plan touches; ``found`` is the real database's.

    Empty where no history was replayed. The copy has to show it as well: that is on the server of the
    replay, and servers of two versions print some definitions otherwise.
    """
    if rehearsal.history is None or rehearsal.history.catalog is None:
        return ()
    expected = rehearsal.history.catalog
    differences = compare(expected, found)
    if rehearsal.before is not expected:
        differences = confirmed(differences, compare(expected, rehearsal.before))
    touched = touched_by(rehearsal.revisions)
    return tuple(
        item
        for item in differences
        if (item.table in touched or item.name in touched) and not is_invalid_index(item)
    )


def confirmed(differences: Sequence[Difference], others: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return the differences of objects that the others have as well."""
    keys = {(item.kind, item.name) for item in others}
    return tuple(item for item in differences if (item.kind, item.name) in keys)


def touched_by(revisions: Iterable[RehearsedRevision]) -> frozenset[str]:
    """Return the tables and types that these revisions lock or change, as the database calls them."""
    touched = set()
    for revision in revisions:
        for statement in revision.statements:
            touched |= {effect.first_name or effect.table for effect in statement.effects}
            touched |= {change.table for change in statement.changes}
    return frozenset(touched)


def is_invalid_index(difference: Difference) -> bool:
    """Say whether it is an index that a failed build left: a run mends its own, and warns of the others."""
    found = difference.found or ""
    return difference.kind == "index" and found.endswith(" INVALID")


def drift_notes(history: History, drift: Sequence[Difference]) -> tuple[str, ...]:
    """Return what is to be said of drift beside a plan."""
    if history.catalog is None:
        return (f"drift was not looked for: {history.why_not}",)
    return tuple(f"drift: {said(item)}" for item in drift)


def said(difference: Difference) -> str:
    """Return in a few words what is otherwise."""
    if difference.found is None:
        return f"{difference.kind} {difference.name} is missing"
    if difference.expected is None:
        return f"{difference.kind} {difference.name} is made by no migration"
    return f"{difference.kind} {difference.name} is not as the migrations make it"


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
