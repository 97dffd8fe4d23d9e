"""Comments, owners and grants, which are read with the object that they are of and have its name."""

from agent_factory.migrate.catalog.kind import Kind
from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.postgresql.privileges import (
    Privileges,
    grant_and_revoke,
    granted_as,
    object_and_grantee,
    privileges,
)


def _make_comment(one: CatalogObject) -> str:
    return f"COMMENT ON {one.name} IS {one.definition}"


def _change_owner(wanted: CatalogObject, there: CatalogObject) -> str | None:
    owner, *lacks = wanted.clauses
    other_owner, *other_lacks = there.clauses
    if owner != other_owner:
        return None if lacks else f"ALTER {wanted.name} OWNER TO {owner}"
    given_up, others = (privileges("".join(some).removeprefix("WITHOUT ")) for some in (lacks, other_lacks))
    return grant_and_revoke(granted_as(wanted.name), owner, wanted=others, there=given_up)


def _regrant(one: CatalogObject, wanted: Privileges, there: Privileges) -> str | None:
    of, grantee = object_and_grantee(one.name)
    of_column = f"COLUMN {one.table}."
    if of.startswith(of_column):
        column = of.removeprefix(of_column)
        return grant_and_revoke(f"TABLE {one.table}", grantee, wanted=wanted, there=there, column=column)
    return grant_and_revoke(granted_as(of), grantee, wanted=wanted, there=there)


COMMENT = Kind(
    name="comment",
    make=_make_comment,
    drop=lambda one: f"COMMENT ON {one.name} IS NULL",
    change=lambda wanted, _there: _make_comment(wanted),
    is_remark=True,
)
OWNER = Kind(name="owner", change=_change_owner, is_remark=True, comes_by_itself=True)
GRANT = Kind(
    name="grant",
    make=lambda one: _regrant(one, privileges(one.definition), {}),
    drop=lambda one: _regrant(one, {}, privileges(one.definition)),
    change=lambda wanted, there: _regrant(
        wanted, privileges(wanted.definition), privileges(there.definition)
    ),
    is_remark=True,
)

KINDS = (COMMENT, OWNER, GRANT)
