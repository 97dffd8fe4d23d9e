"""The kinds of object of each database that af-db speaks to, by their names."""

from collections.abc import Mapping

from agent_factory.migrate.catalog.kind import Kind
from agent_factory.migrate.catalog.postgresql.registry import KINDS as OF_POSTGRESQL
from agent_factory.migrate.catalog.sqlite.kinds import KINDS as OF_SQLITE

ALL_KINDS = frozenset(OF_POSTGRESQL) | frozenset(OF_SQLITE)


def kinds_of(backend: str) -> Mapping[str, Kind]:
    """Return the kinds that a catalog of this backend may have."""
    return OF_SQLITE if backend == "sqlite" else OF_POSTGRESQL
