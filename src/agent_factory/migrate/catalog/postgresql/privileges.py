"""GRANT and REVOKE, from privileges as the catalog has them: ``INSERT, SELECT WITH GRANT OPTION``."""

import re
from collections.abc import Iterable, Mapping

from agent_factory.migrate.catalog.statements import statements
from agent_factory.migrate.db.sql import NAME

WITH_GRANT_OPTION = " WITH GRANT OPTION"

Privileges = Mapping[str, bool]
"""Privileges, and whether they may be granted on."""

_GRANTED_AS = {  # what GRANT calls other than COMMENT and ALTER do
    "VIEW": "TABLE",
    "MATERIALIZED VIEW": "TABLE",
    "FOREIGN TABLE": "TABLE",
    "AGGREGATE": "FUNCTION",
    "SERVER": "FOREIGN SERVER",
}


_GRANT = re.compile(rf"(?P<of>.+) TO (?P<grantee>{NAME})", re.DOTALL)


def object_and_grantee(name: str) -> tuple[str, str]:
    """Return of what a grant is and whom it is to: ``TABLE public.users`` and ``app``, both as SQL has them.

    Either may have a name in quotes with the word TO in it.
    """
    found = _GRANT.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no grant's name")
    return found["of"], found["grantee"]


def privileges(listed: str) -> Privileges:
    names = [name for name in listed.split(", ") if name]
    return {name.removesuffix(WITH_GRANT_OPTION): name.endswith(WITH_GRANT_OPTION) for name in names}


def granted_as(of: str) -> str:
    """Return an object's name with the word that GRANT has for its kind."""
    found = re.match("|".join(f"{word}(?= )" for word in _GRANTED_AS), of)
    return of.replace(found[0], _GRANTED_AS[found[0]], 1) if found else of


def grant_and_revoke(
    on: str, grantee: str, *, wanted: Privileges, there: Privileges, column: str | None = None
) -> str | None:
    """Return the statements after which the grantee has the wanted privileges instead of those there."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"{name} ({column})" if column else name for name in names)

    plain = [name for name, option in wanted.items() if not option and name not in there]
    with_option = [name for name, option in wanted.items() if option and not there.get(name)]
    only_option = [name for name, option in there.items() if option and wanted.get(name) is False]
    gone = [name for name in there if name not in wanted]
    return statements(
        *([f"GRANT {listed(plain)} ON {on} TO {grantee}"] if plain else []),
        *([f"GRANT {listed(with_option)} ON {on} TO {grantee}{WITH_GRANT_OPTION}"] if with_option else []),
        *([f"REVOKE GRANT OPTION FOR {listed(only_option)} ON {on} FROM {grantee}"] if only_option else []),
        *([f"REVOKE {listed(gone)} ON {on} FROM {grantee}"] if gone else []),
    )
