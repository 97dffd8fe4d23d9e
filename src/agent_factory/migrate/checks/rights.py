"""Owners and grants: those that the migrations set, and grants that neither they nor a default gives.

Who runs the migrations owns what they make, and that is another role on the throwaway server. So an owner is
compared where the migrations give an object away, and a grant where they grant or revoke something.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from agent_factory.migrate.catalog import Catalog, CatalogObject, Difference, compare
from agent_factory.migrate.catalog.platforms import ROLES as PLATFORM_ROLES
from agent_factory.migrate.catalog.postgresql.privileges import (
    WITH_GRANT_OPTION,
    Privileges,
    object_and_grantee,
    privileges,
)
from agent_factory.migrate.checks.drift import drift_finding
from agent_factory.migrate.model.findings import Finding, Level, finding

SHOWN_GRANTS = 20

_NONE: Privileges = {}
_BUILT_IN = {
    "FUNCTION": {"EXECUTE": False},
    "PROCEDURE": {"EXECUTE": False},
    "AGGREGATE": {"EXECUTE": False},
    "TYPE": {"USAGE": False},
    "DOMAIN": {"USAGE": False},
}
"""What PostgreSQL lets PUBLIC do, by the word of the object's kind."""

_OPENS_NOTHING = {"SCHEMA": {"USAGE": False}}
"""What anybody may have, since it shows no row; a platform gives it to its own roles."""

_TO_READ = {"SELECT": False}
_OF_ROWS = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"})
_SINCE_17 = "MAINTAIN"
_DEFAULTS = re.compile(
    r"FOR ROLE (?P<role>.+?)(?: IN SCHEMA (?P<schema>.+))? ON (?P<objects>[A-Z ]+) TO (?P<to>.+)"
)
_BY_DEFAULT = {
    "TABLES": ("TABLE", "VIEW", "MATERIALIZED VIEW", "FOREIGN TABLE"),
    "SEQUENCES": ("SEQUENCE",),
    "FUNCTIONS": ("FUNCTION", "PROCEDURE", "AGGREGATE"),
    "TYPES": ("TYPE", "DOMAIN"),
    "SCHEMAS": ("SCHEMA",),
}
_CHECKS_ROWS_ITSELF = re.compile(r"security_invoker=(?:true|on|yes|1)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grant:
    """What one role may do with one object: ``TABLE public.users``. ``one`` is how the catalog has it."""

    one: CatalogObject

    @property
    def of(self) -> str:
        return object_and_grantee(self.one.name)[0]

    @property
    def grantee(self) -> str:
        return object_and_grantee(self.one.name)[1]

    @property
    def word(self) -> str:
        """The kind of the object as GRANT and COMMENT call it."""
        words = re.match(r"[A-Z]+(?: [A-Z]+)*(?= )", self.of)
        return words[0] if words else ""

    @property
    def privileges(self) -> Privileges:
        return privileges(self.one.definition)

    @property
    def built_in(self) -> Privileges:
        return _BUILT_IN.get(self.word, _NONE) if self.grantee == "PUBLIC" else _NONE

    def of_these(self, some: Privileges) -> CatalogObject | None:
        """Return the grant with these privileges alone, None where there are none."""
        return replace(self.one, clauses=(_listed(some),), parent=None) if some else None


def check_rights(
    expected: Catalog, found: Catalog, *, migrated_as: str, checked_as: str, is_other_version: bool
) -> tuple[Finding, ...]:
    """Return what is not as the migrations set it, and the grants that nothing accounts for.

    Both catalogs have owners, grants and default privileges; ``migrated_as`` is the role that has made what
    is expected, ``checked_as`` the one that reads for this check, and may read. What one of them lacks
    altogether is not compared: that is drift of another kind.
    """
    there = {one.key for one in expected.objects} & {one.key for one in found.objects}
    wanted, given = (
        [grant for grant in _grants(catalog) if grant.one.parent in there] for catalog in (expected, found)
    )
    if is_other_version:
        wanted, given = ([_without(_SINCE_17, grant) for grant in some] for some in (wanted, given))
    owners = {one.name: one.clauses[0] for one in found.objects if one.kind == "owner"}
    return (
        *map(drift_finding, _other_owners(expected, owners, migrated_as)),
        *map(drift_finding, _missing(wanted, given, owners)),
        *_unexpected(wanted, given, owners, found, checked_as),
    )


def _grants(catalog: Catalog) -> Iterator[_Grant]:
    return (_Grant(one=one) for one in catalog.objects if one.kind == "grant")


def _without(name: str, grant: _Grant) -> _Grant:
    kept = {each: option for each, option in grant.privileges.items() if each != name}
    return replace(grant, one=replace(grant.one, clauses=(_listed(kept),)))


def _listed(some: Privileges) -> str:
    return ", ".join(f"{name}{WITH_GRANT_OPTION if some[name] else ''}" for name in sorted(some))


def _other_owners(expected: Catalog, owners: Mapping[str, str], migrated_as: str) -> tuple[Difference, ...]:
    """Compare the owners of what the migrations give to another role, but a role that PostgreSQL has made."""
    wanted = [
        replace(one, clauses=one.clauses[:1], parent=None)
        for one in expected.objects
        if one.kind == "owner"
        and one.name in owners
        and one.clauses[0] != migrated_as
        and not one.clauses[0].startswith("pg_")
    ]
    return _compare(wanted, [replace(one, clauses=(owners[one.name],)) for one in wanted])


def _missing(
    wanted: Iterable[_Grant], given: Iterable[_Grant], owners: Mapping[str, str]
) -> tuple[Difference, ...]:
    """Return the grants of the migrations that are not there; an owner needs none."""
    there = {grant.one.key: grant.privileges for grant in given}
    expected, found = [], []
    for grant in wanted:
        beyond = _beyond(grant.privileges, grant.built_in)
        if not beyond or _owner_of(grant, owners) == grant.grantee:
            continue
        has = there.get(grant.one.key, _NONE)
        expected.append(grant.of_these(beyond))
        found.append(grant.of_these({name: has[name] and beyond[name] for name in beyond if name in has}))
    return _compare(expected, found)


def _unexpected(
    wanted: Iterable[_Grant],
    given: Iterable[_Grant],
    owners: Mapping[str, str],
    catalog: Catalog,
    reader: str,
) -> Iterator[Finding]:
    """Yield the grants that nothing accounts for: one finding for each role, and for each level."""
    expected = {grant.one.key: grant.privileges for grant in wanted}
    defaults = list(_default_privileges(catalog))
    open_relations = _open_relations(catalog)
    by_role: dict[tuple[bool, str], list[tuple[_Grant, Privileges]]] = {}
    for grant in given:
        if grant.grantee in PLATFORM_ROLES:
            continue
        owner = _owner_of(grant, owners)
        extra = _beyond(grant.privileges, expected.get(grant.one.key, _NONE))
        extra = _beyond(extra, _OPENS_NOTHING.get(grant.word, _NONE))
        extra = _beyond(extra, _TO_READ if grant.grantee == reader else _NONE)
        for default in defaults:
            extra = _beyond(extra, default.gives(grant, owner))
        if extra:
            is_open = grant.one.table in open_relations and bool(extra.keys() & _OF_ROWS)
            by_role.setdefault((not is_open, grant.grantee), []).append((grant, extra))
    for (is_closed, role), grants in sorted(by_role.items(), key=lambda item: item[0]):
        yield _unexpected_grant(role, grants, is_open=not is_closed)


def _unexpected_grant(role: str, grants: Iterable[tuple[_Grant, Privileges]], *, is_open: bool) -> Finding:
    differences = _compare([], [grant.of_these(extra) for grant, extra in grants])
    names = sorted({str(item.table or object_and_grantee(item.name)[0]) for item in differences})
    named = names[0] if len(names) == 1 else f"{len(names)} objects"
    where = ", without row level security" if is_open else ""
    lines = [item.remedy for item in differences if item.remedy is not None]
    left = len(lines) - SHOWN_GRANTS
    found = finding(
        "unexpected-grant",
        f"{role} has rights on {named}{where}, which no migration and no default privilege gives",
        object=role,
        details=(*lines[:SHOWN_GRANTS], *([f"and {left} more"] if left > 0 else [])),
    )
    return found if is_open else replace(found, level=Level.NOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Default:
    """What a role gives to another with each object of a kind that it makes, in one schema or in all."""

    role: str
    schema: str | None
    words: tuple[str, ...]
    to: str
    privileges: Privileges

    def gives(self, grant: _Grant, owner: str | None) -> Privileges:
        """Return what a grant may have from it."""
        if grant.word not in self.words or self.to != grant.grantee or self.role != owner:
            return _NONE
        name = grant.of.removeprefix(f"{grant.word} ")
        is_there = self.schema is None or name.startswith(f"{self.schema}.")
        return self.privileges if is_there else _NONE


def _default_privileges(catalog: Catalog) -> Iterator[_Default]:
    for one in catalog.objects:
        said = _DEFAULTS.fullmatch(one.name) if one.kind == "default privileges" else None
        given = [clause.removeprefix("GRANT ") for clause in one.clauses if clause.startswith("GRANT ")]
        if said is not None and given:
            yield _Default(
                role=said["role"],
                schema=said["schema"],
                words=_BY_DEFAULT.get(said["objects"], ()),
                to=said["to"],
                privileges=privileges(given[0]),
            )


def _open_relations(catalog: Catalog) -> frozenset[str]:
    """Return the tables and views that show each of their rows to whoever may read them."""
    return frozenset(
        one.name
        for one in catalog.objects
        if (one.kind == "table" and "ENABLE ROW LEVEL SECURITY" not in one.clauses)
        or (one.kind == "view" and not any(map(_CHECKS_ROWS_ITSELF.search, one.clauses[:-1])))
        or one.kind in ("materialized view", "foreign table")
    )


def _owner_of(grant: _Grant, owners: Mapping[str, str]) -> str | None:
    """Return who owns the object; a column, or a column's sequence, is of the owner of its table."""
    names = (grant.of, *(f"{word} {grant.one.table}" for word in _BY_DEFAULT["TABLES"]))
    return next((owners[name] for name in names if name in owners), None)


def _beyond(some: Privileges, others: Privileges) -> Privileges:
    """Return the privileges that are not among the others, or may be granted on and the others may not."""
    return {
        name: option for name, option in some.items() if name not in others or (option and not others[name])
    }


def _compare(
    expected: Iterable[CatalogObject | None], found: Iterable[CatalogObject | None]
) -> tuple[Difference, ...]:
    return compare(
        *(
            Catalog(backend="postgresql", objects=tuple(one for one in some if one is not None))
            for some in (expected, found)
        )
    )
