"""The indexes that a revision builds CONCURRENTLY: an INVALID one is neither taken as built nor kept."""

import contextlib
from collections.abc import Collection, Iterable

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db import indexes, server
from agent_factory.migrate.db.sql import bare
from agent_factory.migrate.engine.failure import InvalidIndexError
from agent_factory.migrate.engine.running_revision import RunningRevision


def check(connection: sa.Connection, running: RunningRevision, invalid_before: Collection[str]) -> None:
    """Raise InvalidIndexError for one that is there and INVALID; ``invalid_before`` were so when it began."""
    for name in (*running.built, *_broken_unnamed(connection, running, invalid_before)):
        if server.find_index(connection, name) is False:
            raise InvalidIndexError(name)


def drop_broken(
    connection: sa.Connection,
    running: RunningRevision,
    invalid_before: Collection[str],
    *,
    lock_timeout_s: float,
) -> str | None:
    """Drop what this revision has made INVALID; return the name of one that could not be dropped, or None."""
    names = [*running.built]
    with contextlib.suppress(psycopg2.Error):
        names += _broken_unnamed(connection, running, invalid_before)
    for name in may_be_dropped(names, invalid_before):
        try:
            indexes.drop_if_invalid(connection, name, lock_timeout_s=lock_timeout_s)
        except Exception:  # noqa: BLE001 - the cause is reported; this only adds to it
            return name
    return None


def may_be_dropped(names: Iterable[str], invalid_before: Collection[str]) -> tuple[str, ...]:
    """Return those of the names, as SQL has them, that this run may drop.

    Not what was INVALID before it, ``invalid_before`` without schema: whether that goes, a person decides.
    """
    return tuple(name for name in names if bare(name) not in invalid_before)


def _broken_unnamed(
    connection: sa.Connection, running: RunningRevision, invalid_before: Collection[str]
) -> tuple[str, ...]:
    """Where the revision builds indexes whose names the server picks: what was not INVALID before."""
    if not running.builds_unnamed:
        return ()
    return tuple(
        index.sql_name
        for index in server.invalid_indexes(connection)
        if index.builder_pid is None and index.name not in invalid_before
    )
