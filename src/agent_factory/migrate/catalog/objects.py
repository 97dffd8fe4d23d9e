"""A catalog as plain data: every object of a database's schemas, in SQL's words."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace

Key = tuple[str, str]
"""Kind and name: what an object is known by within its catalog."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogObject:
    """One thing that a database has.

    ``kind`` is PostgreSQL's word for it in lower case. ``name`` is as SQL needs it: ``public.users.email``; a
    comment, an owner and a grant have the name of what they are of, ``TABLE public.users``. ``table`` is the
    table or view that it is or belongs to. ``clauses`` describe it, each an independent part of it;
    ``fields`` has beside each clause the name of that part, and is empty where the parts have no names.
    ``parent`` is what it comes and goes with: a column's table, an index's partitioned index.
    """

    kind: str
    name: str
    table: str | None
    clauses: tuple[str, ...]
    fields: tuple[str, ...] = field(default=(), compare=False)
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


def key_of_table(one: CatalogObject) -> Key | None:
    """Return the key of the table that it belongs to, None for a table and for what belongs to none."""
    return ("table", one.table) if one.table is not None and one.kind != "table" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """The objects of a database, sorted; no two have the same kind and name.

    It does not depend on when, by whom or through which connection it was read, nor on the order in which
    the objects were made, so two databases that were made alike have equal catalogs.
    """

    backend: str
    objects: tuple[CatalogObject, ...]

    def without_kinds(self, kinds: Collection[str]) -> "Catalog":
        """Return the catalog without the objects of these kinds."""
        return replace(self, objects=tuple(one for one in self.objects if one.kind not in kinds))

    @property
    def sha256(self) -> str:
        """The fingerprint, in hexadecimal."""
        content = "\0\0".join(
            "\0".join((one.kind, one.name, one.table or "", *one.clauses)) for one in self.objects
        )
        return hashlib.sha256(f"{self.backend}\0\0{content}".encode()).hexdigest()
