"""Enum types in a revision that Alembic writes from models: made before they are used, dropped after.

Alembic writes tables and columns. On PostgreSQL an enum is an object of its own: ``create_table`` makes it,
and fails where it is there already; ``add_column`` does not make it, and nothing drops it.
"""

import contextlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import ops
from alembic.runtime.migration import MigrationContext
from sqlalchemy.dialects import postgresql

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.sqlalchemy_internals import copy_of

_POSTGRESQL = sa.make_url("postgresql+psycopg2://").get_dialect()()

_Place = tuple[str | None, str, str]
"""A column by its schema, its table and its name."""


class EnumName(NamedTuple):
    """An enum type by its name; the schema is None where it is the one that names without a schema mean."""

    schema: str | None
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Use:
    """A column that an operation makes, or gives another type, and the enum that it has."""

    place: _Place
    enum: EnumName
    labels: tuple[str, ...]
    is_made_with_table: bool


@dataclass(slots=True)
class CreateEnum(ops.MigrateOperation):
    """Makes an enum type, on a database that has such types."""

    enum: EnumName
    labels: tuple[str, ...] = ()

    def reverse(self) -> "DropEnum":
        return DropEnum(self.enum, self.labels)


@dataclass(slots=True)
class DropEnum(ops.MigrateOperation):
    """Drops an enum type, on a database that has such types."""

    enum: EnumName
    labels: tuple[str, ...] = ()

    def reverse(self) -> CreateEnum:
        return CreateEnum(self.enum, self.labels)


@renderers.dispatch_for(CreateEnum)
def _write_create(context: AutogenContext, operation: CreateEnum) -> str:
    return _written(context, operation.enum, operation.labels, "create")


@renderers.dispatch_for(DropEnum)
def _write_drop(context: AutogenContext, operation: DropEnum) -> str:
    return _written(context, operation.enum, (), "drop")


def _written(context: AutogenContext, enum: EnumName, labels: Sequence[str], what: str) -> str:
    sa_, op = (context.opts[f"{name}_module_prefix"] or "" for name in ("sqlalchemy", "alembic"))
    schema = [f"schema={enum.schema!r}"] if enum.schema else []
    arguments = ", ".join([*map(repr, labels), f"name={enum.name!r}", *schema])
    return f"{sa_}Enum({arguments}).{what}({op}get_bind(), checkfirst=False)"


def complete(context: MigrationContext, directive: ops.MigrationScript) -> None:
    """Add to both directions of a revision what makes and drops the enum types that it needs.

    A type that the project's own operations name, as those of a library for enums do, is left to them.
    """
    if len(directive.upgrade_ops_list) != 1 or directive.upgrade_ops is None:
        return
    up, down = directive.upgrade_ops, cast("ops.DowngradeOps", directive.downgrade_ops)
    schema = context.dialect.default_schema_name
    made, dropped = list(_uses(up.ops, schema)), list(_uses(down.ops, schema))
    own = _named_by_others([*up.ops, *down.ops])
    labels = {use.enum: use.labels for use in (*dropped, *made) if use.enum.name not in own}
    if not labels:
        return
    of_models = _of_models(context.opts.get("target_metadata"), {use.place for use in made}, schema)
    there = _of_database(context.connection) if context.connection is not None else None
    left = _columns_left(up.ops, schema)
    gone = {
        enum
        for enum in {use.enum for use in dropped} - {use.enum for use in made} - of_models
        if there is None or there.get(enum, frozenset()) <= left
    }
    before = set(labels) & (of_models | gone if there is None else there.keys())
    after = set(labels) - gone
    _make_and_drop(up, made, labels, start=before, end=after)
    _make_and_drop(down, dropped, labels, start=after, end=before)


def _make_and_drop(
    container: ops.OpContainer,
    uses: Sequence[_Use],
    labels: Mapping[EnumName, tuple[str, ...]],
    *,
    start: set[EnumName],
    end: set[EnumName],
) -> None:
    """Add what one direction needs, from the types in ``start`` that there are first to those in ``end``."""
    first = {use.enum: use for use in reversed(uses)}
    by_table = {enum for enum, use in first.items() if use.is_made_with_table}
    container.ops[:0] = [CreateEnum(enum, labels[enum]) for enum in labels if enum in end - start - by_table]
    container.ops += [DropEnum(enum) for enum in labels if enum in start - end]
    there = {use.place: use for use in uses if use.enum in start & labels.keys()}
    for operation in container.ops:
        if isinstance(operation, ops.CreateTableOp):
            operation.columns = [
                _without_type(each, there.get((operation.schema, operation.table_name, each.name)))
                if isinstance(each, sa.Column)
                else each
                for each in operation.columns
            ]


def _without_type(column: sa.Column[Any], use: _Use | None) -> sa.Column[Any]:
    """The column, of whose type ``create_table`` makes nothing, where ``use`` says that it is there already.

    It is a copy: the models keep theirs.
    """
    left = _left(column.type, use) if use is not None else None
    if left is None:
        return column
    copied = copy_of(column)
    copied.type = left
    return copied


def _left(type_: sa.types.TypeEngine[Any], use: _Use) -> sa.types.TypeEngine[Any] | None:
    """The same type, of which nothing is made on PostgreSQL; None where it is another class's to say that."""
    if isinstance(type_, sa.ARRAY):
        item = _left(type_.item_type, use)
        return None if item is None else type(type_)(item, dimensions=type_.dimensions)
    left = postgresql.ENUM(*use.labels, name=use.enum.name, schema=use.enum.schema, create_type=False)
    if isinstance(type_, postgresql.ENUM):
        return left
    with contextlib.suppress(sa.exc.ArgumentError):  # it has a variant of its own
        return type_.with_variant(left, "postgresql") if isinstance(type_, sa.Enum) else None
    return None


def _uses(operations: Iterable[ops.MigrateOperation], schema: str | None) -> Iterator[_Use]:
    """The enums of the columns that these operations make, in their order; not those left to migrations."""
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            yield from _uses(operation.ops, schema)
            continue
        if isinstance(operation, ops.CreateTableOp):
            columns = [each for each in operation.columns if isinstance(each, sa.Column)]
        elif isinstance(operation, ops.AddColumnOp):
            columns = [operation.column]
        elif isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None:
            columns = [sa.Column(operation.column_name, operation.modify_type)]
        else:
            continue
        for column in columns:
            enum = _enum_in(column.type)
            if enum is not None and enum.create_type and enum.name is not None:
                yield _Use(
                    place=(operation.schema, operation.table_name, column.name),
                    enum=_name_of(enum, schema),
                    labels=tuple(enum.enums),
                    is_made_with_table=isinstance(operation, ops.CreateTableOp),
                )


def _name_of(enum: postgresql.ENUM, schema: str | None) -> EnumName:
    return EnumName(enum.schema if enum.schema != schema else None, str(enum.name))


def _enum_in(type_: sa.types.TypeEngine[Any]) -> postgresql.ENUM | None:
    """The enum that a column of this type has on PostgreSQL, also as the elements of an array."""
    impl = type_.dialect_impl(_POSTGRESQL)
    if isinstance(impl, sa.types.TypeDecorator):
        return _enum_in(impl.impl_instance)
    if isinstance(impl, sa.ARRAY):
        return _enum_in(impl.item_type)
    return impl if isinstance(impl, postgresql.ENUM) else None


def _of_models(target: object, but: Collection[_Place], schema: str | None) -> set[EnumName]:
    """The enums of the models' columns, but for these columns; those as well that they leave alone."""
    metadatas = target if isinstance(target, Sequence) else (target,)
    return {
        _name_of(enum, schema)
        for metadata in metadatas
        if isinstance(metadata, sa.MetaData)
        for table in metadata.tables.values()
        for column in table.columns
        if (table.schema, table.name, column.name) not in but
        and (enum := _enum_in(column.type)) is not None
        and enum.name is not None
    }


_USED = """
SELECT nullif(n.nspname, current_schema()), t.typname,
       ARRAY(SELECT concat_ws('.', quote_ident(s.nspname), quote_ident(c.relname), quote_ident(a.attname))
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
                  JOIN pg_namespace s ON s.oid = c.relnamespace
             WHERE a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I')
             UNION ALL
             SELECT d.classid || '.' || d.objid FROM pg_depend d
             WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
               AND d.deptype = 'n'
               AND d.classid NOT IN ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass))
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'e'
"""
"""The enums, and what uses each: columns, and functions and types of which there is only a number."""


def _of_database(connection: sa.Connection) -> dict[EnumName, frozenset[str]] | None:
    """The enums of the database, and what uses each. None where it has no such types."""
    if connection.dialect.name != "postgresql":
        return None
    with own_cursor(connection) as cursor:
        cursor.execute(_USED)
        return {EnumName(space, name): frozenset(used) for space, name, used in cursor.fetchall()}


def _columns_left(operations: Iterable[ops.MigrateOperation], schema: str | None) -> frozenset[str]:
    """The columns that these operations drop or give another type, as PostgreSQL writes them."""
    quoted = _POSTGRESQL.identifier_preparer.quote
    found: set[str] = set()
    for operation in operations:
        if isinstance(operation, ops.ModifyTableOps):
            found |= _columns_left(operation.ops, schema)
            continue
        if isinstance(operation, ops.DropTableOp):
            columns = [each.name for each in operation.to_table().columns]
        elif isinstance(operation, ops.DropColumnOp) or (
            isinstance(operation, ops.AlterColumnOp) and operation.modify_type is not None
        ):
            columns = [operation.column_name]
        else:
            continue
        space = operation.schema or schema or "public"
        found |= {".".join(map(quoted, (space, operation.table_name, column))) for column in columns}
    return frozenset(found)


def _named_by_others(operations: Iterable[ops.MigrateOperation]) -> set[str]:
    """The words of operations that are not Alembic's, and of SQL: the names of types are among them."""
    said: list[object] = []
    for operation in operations:
        if isinstance(operation, ops.ExecuteSQLOp):
            said.append(operation.sqltext)
        elif not type(operation).__module__.startswith("alembic.operations."):
            said += vars(operation).values()
    return {word for each in said if not callable(each) for word in re.findall(r"[^\W\d][\w$]*", str(each))}
