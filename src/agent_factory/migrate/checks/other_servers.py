"""Where a database differs from what its migrations make, on whatever server each of the two is."""

import sqlalchemy as sa

from agent_factory.migrate.catalog import (
    NO_SPELLINGS,
    Catalog,
    Difference,
    Scope,
    Spellings,
    UnkeptSettings,
    compare,
    find_unkept_settings,
    in_words_of,
    learn_spellings,
    read_catalog,
    some_setting_differs,
    without_settings,
)
from agent_factory.migrate.checks.drift import compare_with_migrations, confirmed
from agent_factory.migrate.db import server
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.rehearsal.replay import Blank, scratch_like
from agent_factory.migrate.rehearsal.scratch import CannotCopyError, ScratchUnavailableError, copy_schema
from agent_factory.migrate.rehearsal.spellings import Printed, find_spellings


def differences_of_database(
    target: Target,
    read_connection: sa.Connection,
    blank: Blank,
    expected: Catalog,
    found: Catalog,
    scope: Scope,
    options: RehearsalOptions,
    skipped: list[str],
) -> tuple[Difference, ...]:
    """Return the differences that are somebody's doing: not the words or the settings of a server.

    Databases are restored beside the blank one only where something differs that this may explain. What a
    copy cannot show is added to ``skipped``.
    """
    differences = compare_with_migrations(expected, found)
    if not differences or blank.scratch is None:
        return differences
    is_another = is_other_version(blank, read_connection)
    copied, spellings = None, NO_SPELLINGS
    if is_another or some_setting_differs(expected, found):
        copied = _catalog_of_copy(target, read_connection, blank, scope, options)
    if copied is not None:
        spellings = learn_spellings(found, copied[0])
    with connect(blank.target, read_only=True) as connection:
        spellings = find_spellings(
            Printed(catalog=expected, target=blank.target, connection=connection),
            Printed(catalog=found, target=target, connection=read_connection),
            scope,
            beside=blank.scratch,
            scratch_url=options.scratch_url,
            known=spellings,
        )
    if copied is None:
        return compare_with_migrations(expected, in_words_of(expected, found, spellings))
    unkept = find_unkept_settings(found, copied[0], failed=copied[1])
    skipped += [
        f"drift: {setting} of each {kind}: a copy of the schema does not keep it"
        for kind, setting in unkept.of_kinds
    ]
    return _confirmed_by_copy(expected, found, copied[0], unkept, spellings, is_another=is_another)


def _catalog_of_copy(
    target: Target, read_connection: sa.Connection, blank: Blank, scope: Scope, options: RehearsalOptions
) -> tuple[Catalog, frozenset[str]] | None:
    """Return what a copy of the schema has, beside the blank database, and the names of the objects of which
    its server has refused a part; None where none can be made."""
    if blank.scratch is None:
        return None
    try:
        with scratch_like(
            target, read_connection, scratch_url=options.scratch_url, beside=blank.scratch
        ) as scratch:
            copied = copy_schema(target, read_connection, scratch)
            with connect(scratch.target, read_only=True) as copy:
                return read_catalog(copy, scope), copied.failed
    except (CannotCopyError, ScratchUnavailableError):
        return None


def is_other_version(blank: Blank, read_connection: sa.Connection) -> bool:
    """Say whether the throwaway server is of another major version."""
    return (
        blank.scratch is not None
        and blank.scratch.major != server.read_facts(read_connection).version // 10_000
    )


def _confirmed_by_copy(
    expected: Catalog,
    found: Catalog,
    copied: Catalog,
    unkept: UnkeptSettings,
    spellings: Spellings,
    *,
    is_another: bool,
) -> tuple[Difference, ...]:
    """Return the differences but those that are nobody's doing, as a copy of the schema shows.

    A setting that differs in the copy is PostgreSQL's own affair. On a server of another major version,
    what the copy has as the migrations make it is no difference: PostgreSQL 18 has names for NOT NULL, 17 has
    none.
    """
    expected = without_settings(expected, unkept)
    found, copied = (
        in_words_of(expected, without_settings(one, unkept), spellings) for one in (found, copied)
    )
    differences = compare_with_migrations(expected, found)
    return confirmed(differences, compare(expected, copied)) if is_another else differences
