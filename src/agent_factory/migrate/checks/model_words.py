"""What models and migrations say in other words, and PostgreSQL takes for one thing."""

from collections.abc import Iterator, Mapping

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog import (
    Catalog,
    Key,
    Scope,
    Spellings,
    in_words_of,
    spelled_differently,
)
from agent_factory.migrate.checks.throwaway import POSTGRESQL, ThrowawayDatabases
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Project
from agent_factory.migrate.rehearsal.replay import ReplayFailedError, migrate_to
from agent_factory.migrate.rehearsal.spellings import Printed

_NOW = "DEFAULT now()"
_ALSO_NOW = frozenset({"DEFAULT CURRENT_TIMESTAMP", "DEFAULT transaction_timestamp()"})
"""What PostgreSQL's documentation calls the same function by other names."""


def find_model_spellings(
    project: Project,
    databases: ThrowawayDatabases,
    target: Target,
    *,
    models: Catalog,
    migrations: Catalog,
    scope: Scope,
) -> Spellings:
    """Return which clauses of the migrations are those of the models in other words.

    ``target`` has what the models make, and has no more what the migrations made: these are run once more, in
    another database, where what differs is printed by PostgreSQL.
    """
    with connect(target, read_only=True) as connection:
        known = _constant_defaults(connection, models, migrations)
    if not spelled_differently(models, in_words_of(models, migrations, known)):
        return known
    with databases.empty(POSTGRESQL) as again:
        try:
            migrate_to(project, again, project.heads, databases.limit_s)
        except ReplayFailedError:
            return known
        with connect(target, read_only=True) as ours, connect(again, read_only=True) as theirs:
            return databases.find_spellings(
                Printed(catalog=models, target=target, connection=ours),
                Printed(catalog=migrations, target=again, connection=theirs),
                scope,
                known=known,
            )


def _constant_defaults(connection: sa.Connection, models: Catalog, migrations: Catalog) -> Spellings:
    """Return what becomes of the defaults that differ, where PostgreSQL's planner makes a constant of them.

    ``0``, ``'0'::bigint`` and ``(0)::bigint`` are one default of a bigint; nothing that is not IMMUTABLE is
    computed for it.
    """
    differing = {key for key, name in spelled_differently(models, migrations) if name == "default"}
    found = (*_defaults(models, differing), *_defaults(migrations, differing))
    return Spellings(
        later={
            (key, "default", default): folded
            for key, type_, default in found
            if (folded := _folded(connection, type_, default)) != default
        }
    )


def _defaults(catalog: Catalog, keys: set[Key]) -> Iterator[tuple[Key, str, str]]:
    """Yield the columns with their types and defaults."""
    for one in catalog.objects:
        if one.key in keys and one.kind == "column":
            said: Mapping[str, str] = dict(zip(one.fields, one.clauses, strict=True))
            yield one.key, said["type"], said["default"]


def _folded(connection: sa.Connection, type_: str, default: str) -> str:
    if default in _ALSO_NOW:
        return _NOW
    expression = default.removeprefix("DEFAULT ")
    try:
        with own_cursor(connection) as cursor:
            cursor.execute(
                f"EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT CAST(({expression}) AS {type_})"
            )
            (([plan],),) = cursor.fetchall()
    except psycopg2.Error:
        return default
    return f"DEFAULT {plan['Plan']['Output'][0]}"
