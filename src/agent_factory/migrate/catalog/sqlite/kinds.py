"""The kinds of object of a SQLite file. What is part of a table's own statement only a rebuild can change."""

from agent_factory.migrate.catalog.kind import RECREATE, Kind, by_name
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.statements import drop, run_definition


def _recreate(_wanted: CatalogObject, _there: CatalogObject) -> str:
    return RECREATE


_COLUMN = Kind(name="column")

KINDS = by_name(
    (
        Kind(name="table", shown_with=_COLUMN),
        _COLUMN,
        Kind(name="constraint"),
        Kind(name="index", make=run_definition, drop=drop("INDEX"), change=_recreate),
        Kind(name="trigger", make=run_definition, drop=drop("TRIGGER"), change=_recreate),
        Kind(name="view", make=run_definition, drop=drop("VIEW"), change=_recreate),
    )
)
