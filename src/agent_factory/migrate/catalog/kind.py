"""What a kind of object is: how it is read, its statements, and which differences follow from others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from agent_factory.migrate.catalog.objects import CatalogObject

Make: TypeAlias = Callable[[CatalogObject], str | None]
"""Returns the statement that makes the object, or the one that drops it; None where none is certain."""

Change: TypeAlias = Callable[[CatalogObject, CatalogObject], str | None]
"""Returns what turns the second object, which was found, into the first, which is wanted."""

Pair: TypeAlias = tuple[CatalogObject | None, CatalogObject | None]
"""An object as wanted and as found; one may be missing, not both."""

Follows: TypeAlias = Callable[[Pair, tuple[CatalogObject, CatalogObject]], bool]
"""Says whether the difference of an object follows from that of its parent, which is in both and differs."""

RECREATE = "drop it and make it again, with its parts"
"""The answer of a Change for an object that cannot be altered in this way."""


@dataclass(frozen=True, slots=True)
class Field:
    """One part of an object's description.

    ``sql`` gives its clause, NULL for none; ``before`` is a version of PostgreSQL and what is asked of an
    older one instead. ``same`` says why two databases of one schema have it in common: after dump and
    restore, on two minor releases, on two machines. A setting is how an object is kept or used, not what it
    is: where it differs in a fresh copy, it can be left out of a comparison. What is ``of_server`` another
    server need not have in common, and is compared within one database alone. What ``is_printed``, PostgreSQL
    may spell differently once it has parsed its own words.
    """

    name: str
    sql: str
    same: str
    is_setting: bool = False
    of_server: bool = False
    is_printed: bool = False
    before: tuple[int, str] | None = None

    def of(self, one: CatalogObject) -> str | None:
        """Return the object's clause for this field, None where it has none."""
        return one.clauses[one.fields.index(self.name)] if self.name in one.fields else None

    def sql_on(self, version: int) -> str:
        """Return the SQL for a server of this version."""
        return self.before[1] if self.before is not None and version < self.before[0] else self.sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A SELECT on PostgreSQL's catalogs that finds the objects of a kind, or of several that are kept alike.

    Every text is SQL. ``source`` is what follows FROM; it may use ``schemas`` and ``relations``, those in
    scope. ``kind`` says which kind a row is of where there are several; NULL where only its comment and its
    grants are read. ``address`` is the object as COMMENT ON and GRANT ON name it. ``owner`` is a role's oid,
    read where ``owner_if`` is true, ``acl`` an aclitem[] and the character by which acldefault() knows the
    kind of object, ``comment_of`` catalog, oid and column number; ``where`` may call the comment's row ``d``.
    """

    fields: tuple[Field, ...]
    kind: str | None = None
    name: str
    table: str = "NULL"
    parent: tuple[str, str] = ("NULL", "NULL")
    address: str = "NULL"
    source: str
    where: str = "true"
    owner: str | None = None
    owner_if: str | None = None
    acl: tuple[str, str] | None = None
    comment_of: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of object; every object of a catalog is of one.

    ``make``, ``drop`` and ``change`` give the statements for an object; None where no statement is certain,
    or it would delete rows. ``follows`` says which differences need none. ``queries`` read the objects from
    PostgreSQL: the fields of the first are those of the kind, another one has the first few of them. What
    ``is_remark``, a comment, an owner or a grant, is read with the object that it is of, without a query.

    ``comes_by_itself``: the statement that makes its parent makes it. ``dropped_empty``: it is dropped only
    where it has no parts but remarks. ``filled_by``: the kind of the part that says that it holds rows;
    without such a part it is made WITH NO DATA. ``shown_with``: the kind of what is listed behind the
    definition of one that is missing. ``defined_by``: fields that are settings of other kinds of the same
    query, and part of the definition of this one. ``comment_is_of_server``: another server need not have the
    comment in common.
    """

    name: str
    queries: tuple[Query, ...] = ()
    make: Make | None = None
    drop: Make | None = None
    change: Change | None = None
    follows: Follows | None = None
    is_remark: bool = False
    comes_by_itself: bool = False
    dropped_empty: bool = False
    filled_by: "Kind | None" = None
    shown_with: "Kind | None" = None
    defined_by: tuple[Field, ...] = ()
    comment_is_of_server: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.queries[0].fields if self.queries else ()

    @property
    def settings(self) -> frozenset[str]:
        """The names of the fields that are settings."""
        return frozenset(
            field.name for field in self.fields if field.is_setting and field not in self.defined_by
        )

    @property
    def printed(self) -> frozenset[str]:
        """The names of the fields that PostgreSQL prints from what it has parsed."""
        return frozenset(field.name for field in self.fields if field.is_printed)


def by_name(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """Return the kinds by their names; raises ValueError where two have the same."""
    found: dict[str, Kind] = {}
    for kind in kinds:
        if kind.name in found:
            raise ValueError(f"two kinds of object are called {kind.name}")
        found[kind.name] = kind
    return found
