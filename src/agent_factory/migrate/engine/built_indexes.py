"""The indexes that a revision builds CONCURRENTLY: an INVALID one is not taken as built, nor left behind."""

import contextlib
from collections.abc import Collection

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import indexes, server
from agent_factory.migrate.db.sql import bare
from agent_factory.migrate.engine.failure import InvalidIndexError
from agent_factory.migrate.engine.watch import Running


def check(connection: sa.Connection, running: Running, invalid_before: Collection[str]) -> None:
    """Raise InvalidIndexError for one that is there and INVALID; ``invalid_before`` were so when it began."""
    for name in (*running.built, *_broken_unnamed(connection, running, invalid_before)):
        if server.find_index(connection, name) is False:
            raise InvalidIndexError(name)


def drop_broken(
    connection: sa.Connection,
    running: Running | None,
    invalid_before: Collection[str],
    *,
    lock_timeout_s: float,
) -> str | None:
    """Drop those that this revision has left INVALID; return one that could not be dropped."""
    if running is None:
        return None
    names = [*running.built]
    with contextlib.suppress(psycopg2.Error):
        names += _broken_unnamed(connection, running, invalid_before)
    for name in names:
        if bare(name) in invalid_before:
            continue  # it was there before: a person decides
        try:
            indexes.drop_if_invalid(connection, name, lock_timeout_s=lock_timeout_s)
        except Exception:  # noqa: BLE001 - the cause is told; this only adds to it
            return name
    return None


def _broken_unnamed(
    connection: sa.Connection, running: Running, invalid_before: Collection[str]
) -> tuple[str, ...]:
    """Where the revision builds indexes whose names the server picks: what was not INVALID before."""
    if not running.builds_unnamed:
        return ()
    return tuple(
        index.sql_name
        for index in server.invalid_indexes(connection)
        if index.builder_pid is None and index.name not in invalid_before
    )
