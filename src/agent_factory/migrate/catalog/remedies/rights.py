"""Comments, owners, grants and default privileges."""

import re
from collections.abc import Iterable, Mapping

from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.remedies.clauses import clause, statements

_GRANTED_AS = {  # what GRANT calls other than COMMENT and ALTER do
    "VIEW": "TABLE",
    "MATERIALIZED VIEW": "TABLE",
    "FOREIGN TABLE": "TABLE",
    "AGGREGATE": "FUNCTION",
    "SERVER": "FOREIGN SERVER",
}
_OPTION = " WITH GRANT OPTION"

Privileges = Mapping[str, bool]
"""Privileges, and whether they may be granted on."""


def make_comment(one: CatalogObject) -> str:
    return f"COMMENT ON {one.name} IS {one.definition}"


def drop_comment(one: CatalogObject) -> str:
    return f"COMMENT ON {one.name} IS NULL"


def change_comment(wanted: CatalogObject, _there: CatalogObject) -> str:
    return make_comment(wanted)


def change_owner(wanted: CatalogObject, there: CatalogObject) -> str | None:
    owner = wanted.clauses[0]
    if owner != there.clauses[0]:
        return f"ALTER {wanted.name} OWNER TO {owner}" if len(wanted.clauses) == 1 else None
    lacks, others = (
        _privileges((clause(one, "WITHOUT ") or "").removeprefix("WITHOUT ")) for one in (wanted, there)
    )
    return _grant_and_revoke(_granted_as(wanted.name), owner, wanted=others, there=lacks)


def make_grant(one: CatalogObject) -> str | None:
    return _regrant(one, _privileges(one.definition), {})


def drop_grant(one: CatalogObject) -> str | None:
    return _regrant(one, {}, _privileges(one.definition))


def change_grant(wanted: CatalogObject, there: CatalogObject) -> str | None:
    return _regrant(wanted, _privileges(wanted.definition), _privileges(there.definition))


def _regrant(one: CatalogObject, wanted: Privileges, there: Privileges) -> str | None:
    of, _, grantee = one.name.rpartition(" TO ")
    of_column = f"COLUMN {one.table}."
    if of.startswith(of_column):
        column = of.removeprefix(of_column)
        return _grant_and_revoke(f"TABLE {one.table}", grantee, wanted=wanted, there=there, column=column)
    return _grant_and_revoke(_granted_as(of), grantee, wanted=wanted, there=there)


def _granted_as(of: str) -> str:
    """An object's name with the word that GRANT has for its kind."""
    found = re.match("|".join(f"{word}(?= )" for word in _GRANTED_AS), of)
    return of.replace(found[0], _GRANTED_AS[found[0]], 1) if found else of


def _privileges(listed: str) -> Privileges:
    names = [name for name in listed.split(", ") if name]
    return {name.removesuffix(_OPTION): name.endswith(_OPTION) for name in names}


def _grant_and_revoke(
    on: str, grantee: str, *, wanted: Privileges, there: Privileges, column: str | None = None
) -> str | None:
    def told(privileges: Iterable[str]) -> str:
        return ", ".join(f"{name} ({column})" if column else name for name in privileges)

    plain = [name for name, option in wanted.items() if not option and name not in there]
    with_option = [name for name, option in wanted.items() if option and not there.get(name)]
    only_option = [name for name, option in there.items() if option and wanted.get(name) is False]
    gone = [name for name in there if name not in wanted]
    return statements(
        *([f"GRANT {told(plain)} ON {on} TO {grantee}"] if plain else []),
        *([f"GRANT {told(with_option)} ON {on} TO {grantee}{_OPTION}"] if with_option else []),
        *([f"REVOKE GRANT OPTION FOR {told(only_option)} ON {on} FROM {grantee}"] if only_option else []),
        *([f"REVOKE {told(gone)} ON {on} FROM {grantee}"] if gone else []),
    )


def make_default_privileges(one: CatalogObject) -> str | None:
    return _alter_default_privileges(one.name, one.clauses)


def drop_default_privileges(one: CatalogObject) -> str | None:
    """Take what was given, give what was taken."""
    opposite = {"GRANT": "REVOKE", "REVOKE": "GRANT"}
    turned = [f"{opposite[word]} {listed}" for word, _, listed in (c.partition(" ") for c in one.clauses)]
    return _alter_default_privileges(one.name, turned)


def change_default_privileges(wanted: CatalogObject, there: CatalogObject) -> str | None:
    return statements(drop_default_privileges(there), make_default_privileges(wanted))


def _alter_default_privileges(name: str, clauses: Iterable[str]) -> str | None:
    """``name`` is ``FOR ROLE x IN SCHEMA y ON TABLES TO z``, each clause GRANT or REVOKE and privileges."""
    scope, _, grantee = name.rpartition(" TO ")
    role_and_schema, _, kinds = scope.rpartition(" ON ")
    changes = []
    for text in clauses:
        word, _, listed = text.partition(" ")
        privileges = _privileges(listed)
        for with_option in (False, True):
            names = [name for name, option in privileges.items() if option is with_option]
            if names:
                what = f"{', '.join(names)} ON {kinds}"
                whom = (
                    f"TO {grantee}{_OPTION if with_option else ''}" if word == "GRANT" else f"FROM {grantee}"
                )
                changes.append(f"ALTER DEFAULT PRIVILEGES {role_and_schema} {word} {what} {whom}")
    return statements(*changes)
