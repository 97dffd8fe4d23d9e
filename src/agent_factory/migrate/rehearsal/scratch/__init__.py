"""A throwaway PostgreSQL to try a plan on, and production's schema in it."""

from agent_factory.migrate.rehearsal.scratch.access import roles_of
from agent_factory.migrate.rehearsal.scratch.copy import (
    Copied,
    copy_schema,
    copy_settings,
    dump_without_owners,
)
from agent_factory.migrate.rehearsal.scratch.database import (
    Scratch,
    ScratchUnavailableError,
    StoppedBySignalError,
    another_database,
    scratch_database,
)
from agent_factory.migrate.rehearsal.scratch.dump import CannotCopyError
from agent_factory.migrate.rehearsal.scratch.entries import SETTING, Entry, read_entries
from agent_factory.migrate.rehearsal.scratch.locales import Locale, read_locale

__all__ = [
    "SETTING",
    "CannotCopyError",
    "Copied",
    "Entry",
    "Locale",
    "Scratch",
    "ScratchUnavailableError",
    "StoppedBySignalError",
    "another_database",
    "copy_schema",
    "copy_settings",
    "dump_without_owners",
    "read_entries",
    "read_locale",
    "roles_of",
    "scratch_database",
]
