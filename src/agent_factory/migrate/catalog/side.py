"""One of two catalogs that are compared: its objects by name, and what each is made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """``parts`` are the objects that come and go with another, by what that is."""

    objects: Mapping[Key, CatalogObject]
    parts: Mapping[Key, tuple[CatalogObject, ...]]

    @classmethod
    def of(cls, catalog: Catalog) -> "Side":
        parts: dict[Key, list[CatalogObject]] = {}
        for one in catalog.objects:
            if one.whole is not None:
                parts.setdefault(one.whole, []).append(one)
        return cls(
            objects={one.key: one for one in catalog.objects},
            parts={key: tuple(found) for key, found in parts.items()},
        )

    def get(self, key: Key | None) -> CatalogObject | None:
        return self.objects.get(key) if key is not None else None

    def parts_of(self, one: CatalogObject) -> tuple[CatalogObject, ...]:
        return self.parts.get(one.key, ())

    def keys_that_differ(self, other: "Side") -> list[Key]:
        """Return, sorted, what is not the same on both sides."""
        return sorted(
            key for key in self.objects.keys() | other.objects.keys() if self.get(key) != other.get(key)
        )
