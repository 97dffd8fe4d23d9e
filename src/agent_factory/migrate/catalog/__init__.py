"""The catalog fingerprint: every object of a database's schemas as plain data with a hash, and comparison.

Two databases that were made alike have equal catalogs, also after dump and restore. Differences are found
object by object, with the statement that would fix each where that is certain.
"""

from agent_factory.migrate.catalog.compare import Difference, compare
from agent_factory.migrate.catalog.defaults import (
    find_constant_defaults,
    find_other_constants,
    with_defaults_of,
)
from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key, is_attached
from agent_factory.migrate.catalog.postgresql.read import read_schemas
from agent_factory.migrate.catalog.read import read_catalog
from agent_factory.migrate.catalog.scope import Scope
from agent_factory.migrate.catalog.spellings import (
    NO_SPELLINGS,
    Spellings,
    in_words_of,
    learn_spellings,
    spelled_differently,
)
from agent_factory.migrate.catalog.unkept import (
    NONE_UNKEPT,
    UnkeptSettings,
    changed_between,
    find_unkept_settings,
    some_setting_differs,
    without_settings,
)

__all__ = [
    "NONE_UNKEPT",
    "NO_SPELLINGS",
    "Catalog",
    "CatalogObject",
    "Difference",
    "Key",
    "Scope",
    "Spellings",
    "UnkeptSettings",
    "changed_between",
    "compare",
    "find_constant_defaults",
    "find_other_constants",
    "find_unkept_settings",
    "in_words_of",
    "is_attached",
    "learn_spellings",
    "read_catalog",
    "read_schemas",
    "some_setting_differs",
    "spelled_differently",
    "with_defaults_of",
    "without_settings",
]
