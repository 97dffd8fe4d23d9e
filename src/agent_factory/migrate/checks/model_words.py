"""What models and migrations say in other words, and the database takes for one thing."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog import (
    Catalog,
    CatalogObject,
    Key,
    Scope,
    Spellings,
    in_words_of,
    spelled_differently,
)
from agent_factory.migrate.catalog.sqlite.words import words
from agent_factory.migrate.checks.same_conditions import find_same_conditions
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

_VALUES = frozenset("0123456789.'")
_NO_TYPE = ("COLLATE ", "GENERATED ", "NOT NULL")


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
    with connect(target) as connection:
        known |= find_same_conditions(connection, models, migrations)
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


def in_values_of(models: Catalog, migrations: Catalog) -> Catalog:
    """Return a SQLite file's catalog with the models' defaults for other spellings of the same value.

    ``0`` and ``'0'`` are one default of a column of numbers, ``false`` and ``0`` of any.
    """
    others = {one.key: one for one in models.objects if one.kind == "column"}
    with contextlib.closing(sqlite3.connect(":memory:")) as file:
        objects = (
            replace(one, clauses=other.clauses)
            if (other := others.get(one.key)) is not None
            and other != one
            and _gives_the_same(file, other, one)
            else one
            for one in migrations.objects
        )
        return replace(migrations, objects=tuple(objects))


def _gives_the_same(file: sqlite3.Connection, one: CatalogObject, other: CatalogObject) -> bool:
    """Say whether two columns differ in nothing but how the value of their default is written."""
    defaults = [_value_of_default(column) for column in (one, other)]
    rest, other_rest = (
        [clause for clause in column.clauses if not clause.startswith("DEFAULT ")] for column in (one, other)
    )
    if None in defaults or rest != other_rest:
        return False
    type_ = "" if rest[:1] == [] or rest[0].startswith(_NO_TYPE) else rest[0]
    first, second = (
        f"{name} {type_} DEFAULT {default}" for name, default in zip("ab", defaults, strict=True)
    )
    file.executescript(
        f"DROP TABLE IF EXISTS t; CREATE TABLE t ({first}, {second}); INSERT INTO t DEFAULT VALUES"
    )
    ((is_same,),) = file.execute("SELECT a IS b AND typeof(a) = typeof(b) FROM t")
    return bool(is_same)


def _value_of_default(column: CatalogObject) -> str | None:
    """Return a default that is one value, a number, a text or a truth; None for each other one."""
    said = next((clause for clause in column.clauses if clause.startswith("DEFAULT ")), "")
    some = words(said)[1:]
    is_value = len(some) == 1 and (some[0] in ("TRUE", "FALSE") or some[0][:1] in _VALUES)
    is_signed = len(some) == 2 and some[0] in ("+", "-") and some[1][:1] in _VALUES
    return said.removeprefix("DEFAULT ") if is_value or is_signed else None
