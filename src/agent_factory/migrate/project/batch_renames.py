"""Columns that a batch renames: SQLite does it, in everything that names them, before the table is rebuilt.

Alembic gives the new table another column, and leaves checks, indexes on expressions, triggers, views and the
foreign keys of other tables with the old name.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.db.sql import in_quotes
from agent_factory.migrate.project.alembic_internals import Batch

_NOTHING_ELSE = {"nullable": None, "server_default": False, "name": None, "type_": None}
_NOTHING_ELSE |= {"autoincrement": None, "comment": False}
"""What ALTER COLUMN of Alembic's is given where it changes nothing."""

_COLUMNS = ("insert_before", "insert_after")

Step = tuple[str, Sequence[Any], Mapping[str, Any]]


def rename_columns(batch: Batch, connection: sa.Connection, columns: Sequence[str]) -> bool:
    """Rename them, and take that from the batch; ``columns`` are those of the table.

    Returns whether something is left to be done, as the revision has asked for it.
    """
    names = _new_names(batch.steps)
    by_old_name = {*batch.restated_columns, *_named_by_others(batch.steps)}
    if not names or not by_old_name.isdisjoint(names) or not set(names) <= set(columns):
        return True  # as Alembic does it
    is_taken = {name.casefold() for name in columns}
    if any(name.casefold() in is_taken for name in names.values()):  # they may change places
        _rename(batch, connection, {name: f"_alembic_tmp_{name}" for name in names})
        _rename(batch, connection, {f"_alembic_tmp_{name}": new for name, new in names.items()})
    else:
        _rename(batch, connection, names)
    left = [step for step in (_without_rename(step, names) for step in batch.steps) if step is not None]
    batch.replace_steps(left)
    batch.reorder(names)
    return bool(left) or batch.recreates_always


def _new_names(steps: Sequence[Step]) -> dict[str, str]:
    return {
        str(given[1]): str(options["name"])
        for name, given, options in steps
        if name == "alter_column" and options.get("name") not in (None, given[1])
    }


def _named_by_others(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the columns of what the batch makes; Alembic knows a renamed one by the name that it had."""
    for name, given, _options in steps:
        if name in ("add_constraint", "create_index"):
            yield from (str(column.name) for column in given[0].columns)


def _rename(batch: Batch, connection: sa.Connection, names: Mapping[str, str]) -> None:
    table = f"{in_quotes(batch.schema)}.{in_quotes(batch.table)}"
    for name, new in names.items():
        connection.exec_driver_sql(f"ALTER TABLE {table} RENAME COLUMN {in_quotes(name)} TO {in_quotes(new)}")


def _without_rename(step: Step, names: Mapping[str, str]) -> Step | None:
    """Return what is left of a step, with the new names of the columns."""
    name, given, options = step
    options = {key: names.get(value, value) if key in _COLUMNS else value for key, value in options.items()}
    if name != "alter_column":
        return name, given, options
    column = names.get(given[1], given[1])
    options = {**options, "name": None}
    if all(options.get(key, nothing) is nothing for key, nothing in _NOTHING_ELSE.items()):
        return None
    return name, (given[0], column, *given[2:]), options
