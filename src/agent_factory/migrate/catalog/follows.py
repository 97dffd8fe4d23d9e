"""Which differences of a partition's or a child table's parts follow from those of the parent's."""

from agent_factory.migrate.catalog.kind import Pair
from agent_factory.migrate.catalog.objects import CatalogObject, is_attached


def comes_with_parent(pair: Pair, _parents: tuple[CatalogObject, CatalogObject]) -> bool:
    """Answer for a kind of which a partition has one because its table has one, such as an index."""
    one = pair[0] or pair[1]
    return one is not None and is_attached(one)


def changes_with_parent(pair: Pair, parents: tuple[CatalogObject, CatalogObject]) -> bool:
    """Answer for a kind that PostgreSQL changes in a partition or a child table together with the parent."""
    wanted, there = pair
    if wanted is None or there is None or not is_attached(wanted):
        return False
    return changes(wanted, there) == changes(*parents)


def changes(before: CatalogObject, after: CatalogObject) -> tuple[frozenset[str], frozenset[str]]:
    """Return the clauses that go and those that come, the name of the table left out."""
    gone, come = (
        frozenset(clause.replace(str(one.table), "") for clause in one.clauses) for one in (before, after)
    )
    return gone - come, come - gone
