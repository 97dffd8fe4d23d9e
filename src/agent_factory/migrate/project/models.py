"""The models of a project: what env.py gives Alembic to compare a database with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.project.alembic_internals import comparing_libraries
from agent_factory.migrate.project.environment import read_configured
from agent_factory.migrate.project.history import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """``metadatas`` are env.py's ``target_metadata``; empty where it has none.

    ``includes`` says of a table or a column whether env.py's ``include_name`` and ``include_object`` let
    autogenerate see it. ``compares_defaults`` is False where env.py switches the comparison of server
    defaults off by name. ``others_compare`` are the packages that compare something besides tables.
    """

    metadatas: tuple[sa.MetaData, ...]
    version_table: str
    compares_defaults: bool
    includes: Callable[[sa.Table | sa.Column[Any], bool], bool]
    others_compare: tuple[str, ...] = ()

    @property
    def tables(self) -> tuple[sa.Table, ...]:
        """The tables that autogenerate sees."""
        return tuple(
            table
            for metadata in self.metadatas
            for table in metadata.tables.values()
            if self.includes(table, False)
        )


def read_models(project: Project, connection: sa.Connection) -> Models:
    """Run env.py without a step, and return what it configures; Alembic writes nothing.

    Raises UsageError when env.py does not take the shared connection, or breaks; it makes none of its own.
    """
    configured = read_configured(project, connection)
    connection.rollback()
    given = configured.given
    return Models(
        metadatas=_metadatas(given.get("target_metadata")),
        version_table=configured.position.table.name,
        # Alembic's own default is not to compare them; one who writes False means it.
        compares_defaults=given.get("compare_server_default") is not False,
        includes=_includes(given.get("include_name"), given.get("include_object")),
        others_compare=comparing_libraries(),
    )


def _metadatas(target: object) -> tuple[sa.MetaData, ...]:
    found = target if isinstance(target, Sequence) else (target,)
    return tuple(item for item in found if isinstance(item, sa.MetaData))


def _includes(include_name: Any, include_object: Any) -> Callable[[sa.Table | sa.Column[Any], bool], bool]:
    def includes(item: sa.Table | sa.Column[Any], is_reflected: bool) -> bool:
        table, kind = (item, "table") if isinstance(item, sa.Table) else (item.table, "column")
        if is_reflected and include_name is not None:
            parents = {
                "schema_name": table.schema,
                "table_name": table.name,
                "schema_qualified_table_name": table.key,
            }
            if not include_name(item.name, kind, parents):
                return False
        return include_object is None or bool(include_object(item, item.name, kind, is_reflected, None))

    return includes
