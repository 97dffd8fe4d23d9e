"""Which tables a revision's file changes, read from its calls without running them.

It is the second best: SQL is read by its first words, and what is computed is not known. A rehearsal sees it
all, where there is a server for one.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent_factory.migrate.db.sql import NAME, bare_parts

_FIRST = (0, "table_name")
_SECOND = (1, "table_name")

TABLE_ARGUMENTS: Mapping[str, tuple[tuple[int, str], ...]] = {
    "create_table": (_FIRST,),
    "drop_table": (_FIRST,),
    "rename_table": ((0, "old_table_name"), (1, "new_table_name")),
    "add_column": (_FIRST,),
    "drop_column": (_FIRST,),
    "alter_column": (_FIRST,),
    "batch_alter_table": (_FIRST,),
    "create_table_comment": (_FIRST,),
    "drop_table_comment": (_FIRST,),
    "create_index": (_SECOND,),
    "drop_index": (_SECOND,),
    "create_unique_constraint": (_SECOND,),
    "create_check_constraint": (_SECOND,),
    "create_primary_key": (_SECOND,),
    "create_exclude_constraint": (_SECOND,),
    "create_foreign_key": ((1, "source_table"),),
    "drop_constraint": (_SECOND,),
    "bulk_insert": ((0, "table"),),
}
"""Where each operation of ``alembic.op`` says which table it is about: position and name of the argument."""

_HARMLESS = frozenset({"get_bind", "get_context", "f", "inline_literal", "run_async", "implementation_for"})

_TABLE = rf"(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?(?P<table>(?:{NAME}\s*\.\s*)?{NAME})"
_SQL = tuple(
    re.compile(rf"\b{words}\s+{_TABLE}", re.IGNORECASE)
    for words in (
        r"(?:ALTER|CREATE(?:\s+UNLOGGED)?|DROP|LOCK|COMMENT\s+ON)\s+TABLE",
        r"TRUNCATE(?:\s+TABLE)?",
        r"(?:INSERT|MERGE)\s+INTO",
        r"DELETE\s+FROM",
        r"(?<!FOR\s)UPDATE(?!\s+(?:SET|OF|CASCADE|RESTRICT|NO)\b)",
        r"COPY",
        r"(?:INDEX|TRIGGER|POLICY|RULE)\b[^;]*?\sON",
    )
)
_READS = re.compile(
    r"\s*(?:SELECT|SET|SHOW|VALUES|WITH\b(?![^;]*\b(?:INSERT|UPDATE|DELETE)\b))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTables:
    """The tables that a file names, and the lines of calls that do not say which they change."""

    tables: frozenset[str]
    unclear_lines: tuple[int, ...]


def tables_named_in(source: str) -> NamedTables:
    """Return the tables that ``upgrade()`` of this file changes, as far as its calls name them.

    Whatever is not in ``downgrade()`` counts as called. Names are without quotes; ``schema.table`` where a
    schema is given. A file that is no Python has an unclear first line.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return NamedTables(tables=frozenset(), unclear_lines=(1,))
    reader = _Reader(tree)
    for node in tree.body:
        if not (isinstance(node, ast.FunctionDef) and node.name == "downgrade"):
            for call in _calls(node):
                reader.read(call)
    return NamedTables(tables=frozenset(reader.tables), unclear_lines=tuple(sorted(reader.unclear)))


def _calls(node: ast.AST) -> Iterator[ast.Call]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))


class _Reader:
    """What has been read of one file. ``bound`` are the values of names that are assigned once."""

    def __init__(self, tree: ast.Module) -> None:
        self.tables: set[str] = set()
        self.unclear: set[int] = set()
        self._op = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "alembic"
            for alias in node.names
            if alias.name == "op"
        }
        bound: dict[str, ast.expr | None] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                bound[name] = None if name in bound else node.value
        self._bound = {name: value for name, value in bound.items() if value is not None}

    def read(self, call: ast.Call) -> None:
        if not isinstance(call.func, ast.Attribute):
            return
        name = call.func.attr
        is_op = isinstance(call.func.value, ast.Name) and call.func.value.id in self._op
        if name == "execute":
            self._read_execute(call)
        elif is_op and name in TABLE_ARGUMENTS:
            for position, keyword in TABLE_ARGUMENTS[name]:
                self._add(self._table(_argument(call, position, keyword)), call)
        elif is_op and name not in _HARMLESS:
            self.unclear.add(call.lineno)

    def _add(self, table: str | None, call: ast.Call) -> None:
        if table is None:
            self.unclear.add(call.lineno)
            return
        schema = self._text(_argument(call, None, "schema"))
        self.tables.add(f"{schema}.{table}" if schema and "." not in table else table)

    def _read_execute(self, call: ast.Call) -> None:
        argument = self._value(_argument(call, 0, "sqltext"))
        if isinstance(argument, ast.Call) and _called(argument) == "text":
            argument = self._value(_argument(argument, 0, "text"))
        sql = self._text(argument)
        if sql is not None:
            found = {
                ".".join(bare_parts(match["table"])) for pattern in _SQL for match in pattern.finditer(sql)
            }
            self.tables |= found
            if not found and not _READS.match(sql):
                self.unclear.add(call.lineno)
            return
        if isinstance(argument, ast.Call) and _innermost(argument) == "select":
            return
        self._add(self._written_by(argument), call)

    def _written_by(self, node: ast.expr | None) -> str | None:
        """The table of an ``insert()``, ``update()`` or ``delete()``, whatever is chained to it."""
        while isinstance(node, ast.Call):
            if _called(node) in ("insert", "update", "delete"):
                if node.args:
                    return self._table(node.args[0])
                return self._table(node.func.value) if isinstance(node.func, ast.Attribute) else None
            node = node.func.value if isinstance(node.func, ast.Attribute) else None
        return None

    def _table(self, node: ast.expr | None) -> str | None:
        value = self._value(node)
        if isinstance(value, ast.Call) and _called(value) in ("table", "Table"):
            return self._text(_argument(value, 0, "name"))
        return self._text(value)

    def _text(self, node: ast.expr | None) -> str | None:
        value = self._value(node)
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None

    def _value(self, node: ast.expr | None) -> ast.expr | None:
        return self._bound.get(node.id) if isinstance(node, ast.Name) else node


def _argument(call: ast.Call, position: int | None, keyword: str) -> ast.expr | None:
    for given in call.keywords:
        if given.arg == keyword:
            return given.value
    return call.args[position] if position is not None and position < len(call.args) else None


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _innermost(call: ast.Call) -> str:
    """The first call of a chain: ``select`` in ``sa.select(...).where(...)``."""
    while isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Call):
        call = call.func.value
    return _called(call)
