"""Which objects of a database are read."""

from dataclasses import dataclass

from agent_factory.migrate.catalog.registry import ALL_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which objects are read.

    ``schemas`` None is every schema but the system's, the platforms', those of extensions, and af-db's own.
    Naming them leaves out what is in no schema: event triggers, publications, casts, foreign servers.
    ``leave_out_schemas`` is for those of other histories, where no schemas are named. ``leave_out_kinds`` is
    for what two databases cannot have in common: ``owner``, ``grant`` and ``default privileges`` of a copy
    made without roles, ``populated`` of one made without rows; a name that is no kind's is a ValueError.
    Unless it is for ``one_server``, what two servers need not have in common is left out of each object as
    well, such as the version of an extension.
    """

    schemas: tuple[str, ...] | None = None
    leave_out_schemas: frozenset[str] = frozenset()
    leave_out_kinds: frozenset[str] = frozenset()
    one_server: bool = True
    version_table: str = "alembic_version"

    def __post_init__(self) -> None:
        unknown = self.leave_out_kinds - ALL_KINDS
        if unknown:
            raise ValueError(f"no kind of object is called {', '.join(sorted(unknown))}")
