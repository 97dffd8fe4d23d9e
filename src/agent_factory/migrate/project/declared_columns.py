"""Columns of a SQLite table as its own statement has them, where SQLAlchemy reads something else."""

from typing import Any

import sqlalchemy as sa

from agent_factory.migrate.catalog.sqlite.tables import ColumnWords, closing
from agent_factory.migrate.catalog.sqlite.words import words, written


def take_as_declared(
    column: dict[str, Any], declared: ColumnWords, dialect: sa.Dialect, *, is_retyped: bool
) -> None:
    """Put right what SQLAlchemy has read of a column: the facts of its event ``column_reflect``.

    It finds no expression of a generated column that has a comma, or is spelled without GENERATED ALWAYS. A
    column that is to have another type needs the one that SQLAlchemy knows, to cast its values.
    """
    if declared.expression is not None:
        expression = declared.expression.removeprefix("(").removesuffix(")")
        column["computed"] = {**column["computed"], "sqltext": expression.replace(":", "\\:")}
    column["default"] = _in_parentheses(column["default"])
    if not is_retyped:
        column["type"] = _type_as_declared(column["type"], declared, dialect)


class _Declared(sa.types.UserDefinedType[Any]):
    """A type in the words of the table's own statement."""

    cache_ok = True

    def __init__(self, declared: str) -> None:
        self.declared = declared

    def get_col_spec(self, **_options: Any) -> str:
        return self.declared


def _type_as_declared(
    read: sa.types.TypeEngine[Any], own: ColumnWords, dialect: sa.Dialect
) -> sa.types.TypeEngine[Any]:
    """Return the type that was read, or one in the words that SQLAlchemy has no type for."""
    try:
        is_the_same = read.compile(dialect=dialect).casefold() == own.type.casefold()
    except sa.exc.CompileError:
        is_the_same = False
    if is_the_same and not own.collation:
        return read
    if is_the_same and isinstance(read, sa.String):
        read.collation = own.collation
        return read
    return _Declared(f"{own.type} COLLATE {written(own.collation)}" if own.collation else own.type)


def _in_parentheses(default: str | None) -> str | None:
    """Return a default as DEFAULT takes it.

    Alembic takes its two ends alone for what says whether it is one value.
    """
    said = words(default or "")
    is_whole = len(said) == 1 or (said[:1] == ("(",) and closing(said, 0) == len(said) - 1)
    return default if not said or is_whole else f"({default})"
