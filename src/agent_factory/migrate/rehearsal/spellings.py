"""What a database's definitions are printed as once it is dumped and restored, on a throwaway server."""

import contextlib
from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate.catalog import (
    NO_SPELLINGS,
    Catalog,
    Key,
    Scope,
    Spellings,
    in_words_of,
    learn_spellings,
    read_catalog,
    spelled_differently,
)
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.rehearsal.scratch import (
    CannotCopyError,
    Scratch,
    ScratchUnavailableError,
    another_database,
    copy_schema,
    read_locale,
)

_AT_MOST = 6
"""Restores of two databases together. One of each was enough for all that is known (measured, 15 to 18)."""

_CANNOT = (CannotCopyError, ScratchUnavailableError, CannotConnectError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Printed:
    """A database and its catalog; ``connection`` reads it, and ``target`` is how that was made."""

    catalog: Catalog
    target: Target
    connection: sa.Connection


def find_spellings(
    expected: Printed,
    found: Printed,
    scope: Scope,
    *,
    beside: Scratch,
    scratch_url: str | None = None,
    known: Spellings = NO_SPELLINGS,
    tables: Collection[str] | None = None,
) -> Spellings:
    """Return what shows which printed clauses of two databases are one thing in other words.

    The two are restored in turn on the server of ``beside``, and what comes of that again, until no clause
    differs, or none that differs is printed in other words. Nothing is done where no clause differs of the
    objects of ``tables``, None for all. What cannot be dumped keeps its words.
    """
    with contextlib.ExitStack() as stack:
        unsettled = deque((expected, found))
        for _ in range(_AT_MOST):
            differing = spelled_differently(
                expected.catalog, in_words_of(expected.catalog, found.catalog, known)
            )
            if tables is not None:
                differing = _only_of(tables, differing, found.catalog)
            if not differing or not unsettled:
                break
            one = unsettled.popleft()
            try:
                again = stack.enter_context(_restored(one, scope, beside, scratch_url))
            except _CANNOT:
                continue
            learnt = learn_spellings(one.catalog, again.catalog)
            known |= learnt
            if any((key, name) in differing for key, name, _ in learnt.later):
                unsettled.append(again)
    return known


def restored_spellings(one: Printed, scope: Scope, beside: Scratch, scratch_url: str | None) -> Spellings:
    """Return what one restore makes of the clauses; nothing is known where the database cannot be dumped."""
    try:
        with _restored(one, scope, beside, scratch_url) as again:
            return learn_spellings(one.catalog, again.catalog)
    except _CANNOT:
        return NO_SPELLINGS


@contextlib.contextmanager
def _restored(one: Printed, scope: Scope, beside: Scratch, scratch_url: str | None) -> Iterator[Printed]:
    """Make the database's schema on the server of ``beside``, which nobody takes for production any more."""
    locale = read_locale(one.connection)
    with another_database(beside, scratch_url=scratch_url, locale=locale) as scratch:
        copy_schema(one.target, one.connection, scratch)
        with connect(scratch.target, read_only=True) as connection:
            catalog = read_catalog(connection, scope)
            yield Printed(catalog=catalog, target=scratch.target, connection=connection)


def _only_of(
    tables: Collection[str], differing: Collection[tuple[Key, str]], catalog: Catalog
) -> frozenset[tuple[Key, str]]:
    objects = {one.key: one for one in catalog.objects}
    return frozenset(
        (key, name) for key, name in differing if objects[key].table in tables or key[1] in tables
    )
