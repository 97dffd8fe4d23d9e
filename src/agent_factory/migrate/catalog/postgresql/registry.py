"""The one list of a PostgreSQL database's kinds of object: those that the modules of ``kinds/`` define."""

import importlib
import pkgutil
from types import ModuleType

from agent_factory.migrate.catalog.kind import Kind, by_name
from agent_factory.migrate.catalog.postgresql import kinds


def read_kinds(package: ModuleType) -> dict[str, Kind]:
    """Return the ``KINDS`` of each module of the package by name; raises ValueError where two share one."""
    modules = (module.name for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."))
    return by_name(kind for module in modules for kind in importlib.import_module(module).KINDS)


KINDS = read_kinds(kinds)
"""All kinds by their names."""
