"""Whether the migrations make what the models say: both are made on a throwaway database, and compared.

On PostgreSQL the models' tables are made where the migrations' were: what models cannot say, extensions,
functions and schemas, is there then, for the defaults and indexes that need it.
"""

import contextlib
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import (
    Catalog,
    Difference,
    Scope,
    compare,
    in_words_of,
    read_catalog,
    spelled_differently,
)
from agent_factory.migrate.checks.env_py import broken_there
from agent_factory.migrate.checks.expressible import Scale, expressible, partitions, plain, with_names_of
from agent_factory.migrate.checks.model_words import find_model_spellings, in_values_of
from agent_factory.migrate.checks.rows import execute
from agent_factory.migrate.checks.throwaway import (
    POSTGRESQL,
    SQLITE,
    Looked,
    Schemas,
    ThrowawayDatabases,
    not_there,
    reported_once,
)
from agent_factory.migrate.checks.unseen import find_unseen
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.db.sqlalchemy_internals import sequences_of
from agent_factory.migrate.model.errors import UsageError
from agent_factory.migrate.model.findings import CannotCheckError, Finding, finding
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project import Models, Project
from agent_factory.migrate.rehearsal.copies import COPIED
from agent_factory.migrate.rehearsal.replay import ReplayFailedError, migrate_to
from agent_factory.migrate.rehearsal.scratch import ScratchUnavailableError
from agent_factory.plain_text import text_of

_DROP = {"table": "TABLE", "enum": "TYPE", "domain": "DOMAIN", "sequence": "SEQUENCE"}


_NamedType = postgresql.ENUM | postgresql.DOMAIN


class _ModelsFailError(Exception):
    """The models' tables cannot be made; the message says why."""


def check_models(
    project: Project, databases: ThrowawayDatabases, *, uses_sqlite: bool = False, schemas: Schemas = None
) -> Looked:
    """Compare what the models and the migrations make, on PostgreSQL and on SQLite.

    ``uses_sqlite`` says that the project is meant for SQLite: there, models that cannot be made are an error.
    ``schemas`` are those to compare; None is all that are no system's and no platform's.
    Raises CannotCheckError where there are no models, or where neither database could be had.
    """
    found: list[tuple[str, tuple[Finding, ...]]] = []
    broken: list[tuple[str, tuple[Finding, ...]]] = []
    skipped: list[str] = []
    others: dict[str, None] = {}
    for backend in (POSTGRESQL, SQLITE):
        try:
            found.append((backend, _compare_on(backend, project, databases, schemas, others)))
        except alembic_project.BaselineFailedError as error:
            skipped.append(not_there(error, backend, uses_sqlite=uses_sqlite))
        except (CannotCheckError, ScratchUnavailableError) as error:
            skipped += [f"on {backend}: {reason}" for reason in error.reasons]
        except UsageError as error:
            skipped.append(f"on {backend}: env.py does not run there")
            broken.append((backend, (broken_there(error, backend, uses_sqlite=uses_sqlite),)))
        except _ModelsFailError as error:
            if backend == SQLITE and not uses_sqlite:
                skipped.append(f"on {backend}: the models cannot be made there: {error}")
            else:
                found.append((backend, (finding("models-fail", text_of(error)),)))
    if not (found or broken):
        raise CannotCheckError(*skipped)
    skipped += [f"what {name} has Alembic compare besides tables" for name in others]
    return Looked(findings=reported_once([*found, *broken]), skipped=tuple(skipped), made=bool(found))


def _compare_on(
    backend: str,
    project: Project,
    databases: ThrowawayDatabases,
    schemas: Schemas,
    others: dict[str, None],
) -> tuple[Finding, ...]:
    """``others`` takes the packages that compare something besides."""
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(databases.empty(backend))
        with connect(target) as connection:
            models = alembic_project.read_models(project, connection)
        others.update(dict.fromkeys(models.others_compare))
        if not models.tables:
            raise CannotCheckError("env.py gives Alembic no models (target_metadata)")
        try:
            migrate_to(project, target, project.heads, databases.limit_s)
        except ReplayFailedError as error:
            raise CannotCheckError(f"the migrations do not run: {error}") from error
        migrated = _read(target, models, schemas)
        if backend == SQLITE:
            target = stack.enter_context(databases.empty(backend))
            with connect(target) as connection, _failures(), connection.begin():
                _create_all(connection, models)
        else:
            _make_instead(target, migrated, models)
        made = _read(target, models, schemas)
        if backend == SQLITE:
            migrated = in_values_of(made, migrated)
        with connect(target) as connection:
            scale = _scale(models, connection)
            left_out = find_unseen(made, migrated, models, connection)
        differing = _differences(made, migrated, scale, left_out)
        keys = {(item.kind, item.name) for item in differing}
        if any(key in keys for key, _ in spelled_differently(made, migrated)):
            spellings = find_model_spellings(
                project, databases, target, models=made, migrations=migrated, scope=_scope(models, schemas)
            )
            differing = _differences(made, in_words_of(made, migrated, spellings), scale, left_out)
    return tuple(_finding(item) for item in differing)


def _differences(
    made: Catalog, migrated: Catalog, scale: Scale, left_out: frozenset[str]
) -> tuple[Difference, ...]:
    """Compare what both have of what models can say."""
    ours = {one.name for one in made.objects if one.kind == "table"}
    expected = expressible(made, scale, leave_out=left_out)
    found = expressible(migrated, scale, leave_out=left_out | (partitions(migrated) - ours))
    return compare(with_names_of(expected, found, scale), found)


def _scope(models: Models, schemas: Schemas) -> Scope:
    return replace(COPIED, version_table=models.version_table, schemas=schemas)


def _read(target: Target, models: Models, schemas: Schemas) -> Catalog:
    with connect(target, read_only=True) as connection:
        return read_catalog(connection, _scope(models, schemas))


def _make_instead(target: Target, migrated: Catalog, models: Models) -> None:
    """Put the models' tables where the migrations' were, and leave of the types only what they use."""
    # Each statement by itself: one transaction would hold a lock on every table, twice.
    with connect(target) as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        types = list(_named_types(models, connection.dialect))
        schema = connection.dialect.default_schema_name or "public"
        own = {plain(f"{item.schema or schema}.{item.name}") for item in types} | _sequences(models, schema)
        for one in migrated.objects:
            if one.kind == "table" or (one.kind in _DROP and plain(one.name) in own):
                execute(connection, f"DROP {_DROP[one.kind]} IF EXISTS {one.name} CASCADE")
        for name in {table.schema for table in models.tables if table.schema}:
            execute(connection, f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}")
        with _failures():
            for item in types:
                item.create(connection, checkfirst=True)
            _create_all(connection, models)
        for one in migrated.objects:
            if one.kind in ("sequence", "enum", "domain") and plain(one.name) not in own:
                with contextlib.suppress(sa.exc.DBAPIError):  # what the models use cannot be dropped
                    execute(connection, f"DROP {_DROP[one.kind]} IF EXISTS {one.name}")


def _create_all(connection: sa.Connection, models: Models) -> None:
    wanted = set(models.tables)
    for metadata in models.metadatas:
        metadata.create_all(connection, [table for table in metadata.sorted_tables if table in wanted])


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    """What models raise while their tables are made: an event of theirs may raise anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            yield
    except Exception as error:
        said = text_of(error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error)
        raise _ModelsFailError(said.strip().partition("\n")[0] or type(error).__name__) from error


def _named_types(models: Models, dialect: sa.Dialect) -> Iterator[_NamedType]:
    """The enums and domains of the models, those as well that they leave the migrations to make."""
    for table in models.tables:
        for column in table.columns:
            yield from _named_types_in(column.type, dialect)


def _named_types_in(type_: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Iterator[_NamedType]:
    impl = type_.dialect_impl(dialect)
    if isinstance(impl, sa.types.TypeDecorator):
        yield from _named_types_in(impl.impl_instance, dialect)
    elif isinstance(impl, sa.ARRAY):
        yield from _named_types_in(impl.item_type, dialect)
    elif isinstance(impl, postgresql.ENUM | postgresql.DOMAIN):
        yield impl


def _sequences(models: Models, schema: str) -> set[str]:
    return {
        f"{sequence.schema or schema}.{sequence.name}"
        for metadata in models.metadatas
        for sequence in sequences_of(metadata)
    }


def _scale(models: Models, connection: sa.Connection) -> Scale:
    preparer = connection.dialect.identifier_preparer
    schema = connection.dialect.default_schema_name or "public"
    named = set()
    for table in models.tables:
        own = table.name if connection.dialect.name == "sqlite" else f"{table.schema or schema}.{table.name}"
        for constraint in table.constraints:
            name = preparer.format_constraint(constraint) if constraint.name is not None else None
            if name is not None:
                named.add(plain(f"{own}.{name}"))
    return Scale(
        sequences=frozenset(_sequences(models, schema)),
        named=frozenset(named),
        has_defaults=models.compares_defaults,
    )


def _finding(difference: Difference) -> Finding:
    what = f"{difference.kind} {difference.name}"
    if difference.found is None:
        message = f"the models have {what}, but no migration makes it"
    elif difference.expected is None:
        message = f"the migrations make {what}, but no model has it"
    else:
        message = f"{what} differs between the models and the migrated database"
    is_statement = difference.remedy is not None and "its sequence" not in difference.remedy
    return finding(
        "models-differ",
        message,
        object=difference.name,
        details=(
            f"models      {difference.expected or 'none'}",
            f"migrations  {difference.found or 'none'}",
        ),
        remedy=difference.remedy if is_statement else None,
    )
