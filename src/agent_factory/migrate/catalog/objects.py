"""A catalog as plain data: every object of a database's schemas, in SQL's words."""

import hashlib
from dataclasses import dataclass, field

VERSION_TABLE = "alembic_version"

Key = tuple[str, str]
"""Kind and name: what an object is known by within its catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogObject:
    """One thing that a database has.

    ``kind`` is PostgreSQL's word for it in lower case. ``name`` is as SQL needs it: ``public.users.email``; a
    comment, an owner and a grant are named by what they are of, ``TABLE public.users``. ``table`` is the
    table or view that it is or belongs to. ``clauses`` say what it is, each an independent part of it;
    ``settings`` has beside each the name of the setting that it is, None where it is a part of the
    definition; it is empty where nothing is known to be a setting. ``parent`` is what it goes and comes with:
    a column's table, an index's partitioned index.
    """

    kind: str
    name: str
    table: str | None
    clauses: tuple[str, ...]
    settings: tuple[str | None, ...] = field(default=(), compare=False)
    parent: Key | None = field(default=None, compare=False)

    @property
    def key(self) -> Key:
        return self.kind, self.name

    @property
    def definition(self) -> str:
        return " ".join(self.clauses)


def is_attached(one: CatalogObject) -> bool:
    """Say whether it belongs to the same thing of a parent table, as a partition's index may."""
    return one.parent is not None and one.parent[0] == one.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The objects of a database, sorted; no two have the same kind and name.

    It does not depend on when, by whom or through which connection it was read, nor on the order in which
    the objects were made, so two databases that were made alike have equal catalogs.
    """

    backend: str
    objects: tuple[CatalogObject, ...]

    @property
    def sha256(self) -> str:
        """The fingerprint, in hexadecimal."""
        content = "\0\0".join(
            "\0".join((one.kind, one.name, one.table or "", *one.clauses)) for one in self.objects
        )
        return hashlib.sha256(f"{self.backend}\0\0{content}".encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which objects are told.

    ``schemas`` None is every schema but the system's, the platforms', those of extensions, and af-db's own.
    Naming them leaves out what is in no schema: event triggers, publications, casts, foreign servers.
    ``leave_out_kinds`` is for what two databases cannot have in common: ``owner``, ``grant`` and
    ``default privileges`` of a copy made without roles, ``populated`` of one made without rows.
    Unless it is for ``one_server``, what two servers need not have in common is left out of each object as
    well, such as the version of an extension.
    """

    schemas: tuple[str, ...] | None = None
    leave_out_kinds: frozenset[str] = frozenset()
    one_server: bool = True
    version_table: str = VERSION_TABLE
