"""One of two catalogs that are compared: its objects by kind and name, and the parts of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent_factory.migrate.catalog.kind import Kind
from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key
from agent_factory.migrate.catalog.registry import kinds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """``parts`` are, by the key of an object, those that come and go with it; ``kinds`` are by name."""

    objects: Mapping[Key, CatalogObject]
    parts: Mapping[Key, tuple[CatalogObject, ...]]
    kinds: Mapping[str, Kind]

    @classmethod
    def of(cls, catalog: Catalog) -> "Snapshot":
        parts: dict[Key, list[CatalogObject]] = {}
        for one in catalog.objects:
            if one.parent is not None:
                parts.setdefault(one.parent, []).append(one)
        return cls(
            objects={one.key: one for one in catalog.objects},
            parts={key: tuple(found) for key, found in parts.items()},
            kinds=kinds_of(catalog.backend),
        )

    def get(self, key: Key | None) -> CatalogObject | None:
        return self.objects.get(key) if key is not None else None

    def kind_of(self, one: CatalogObject) -> Kind:
        return self.kinds[one.kind]

    def parts_of(self, one: CatalogObject) -> tuple[CatalogObject, ...]:
        return self.parts.get(one.key, ())

    def keys_that_differ(self, other: "Snapshot") -> list[Key]:
        """Return, sorted, the keys of the objects that are not the same in both."""
        return sorted(
            key for key in self.objects.keys() | other.objects.keys() if self.get(key) != other.get(key)
        )
