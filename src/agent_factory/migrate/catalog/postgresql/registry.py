"""The kinds of object of a PostgreSQL database: those of every module in ``kinds``, so a new file is all."""

import importlib
import pkgutil
from collections.abc import Iterator

from agent_factory.migrate.catalog.kind import Kind, by_name
from agent_factory.migrate.catalog.postgresql import kinds


def _found() -> Iterator[Kind]:
    for module in pkgutil.iter_modules(kinds.__path__, f"{kinds.__name__}."):
        yield from importlib.import_module(module.name).KINDS


KINDS = by_name(_found())
