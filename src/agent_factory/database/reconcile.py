"""What to do about tables that already exist: recognise the shape they have, or say how they differ.

A migration that meets a table made by hand, or by ``MetaData.create_all``, may go on when the table is what
the migration would have made, and must stop when it is not. A shape is a ``MetaData`` of plain tables, frozen
in the revision file. It is compared part by part (columns, constraints, indexes) with what the database says
of itself, as text from which the two databases' habits of spelling have been removed.
"""

import re
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex
from sqlalchemy.types import NullType, TypeEngine

Parts = dict[str, str]
"""What a table is made of: ``column id``, ``constraint pk_agents``, ``index ...`` -> its definition."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One part of a table that is not as a shape has it; None stands for a part that is not there."""

    table: str
    part: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        return f"{self.table}: {self.part}: expected {self.expected or 'none'}, found {self.found or 'none'}"


class SchemaConflictError(Exception):
    """Tables that exist are not what the migration would have made; nothing was changed."""

    code = "schema-conflict"

    def __init__(self, differences: Sequence[Difference]) -> None:
        self.differences = tuple(differences)
        self.hint = (
            "Bring each part to what is expected, or move its table away, then run the migration again."
        )
        lines = "\n".join(f"  {difference}" for difference in self.differences)
        super().__init__(
            f"the database has tables that differ from what this migration makes; nothing was changed\n"
            f"{lines}\n{self.hint}"
        )


class DataConflictError(Exception):
    """Rows that the migration would have to drop or falsify; nothing was changed."""

    code = "data-conflict"

    def __init__(self, table: str, problem: str, hint: str) -> None:
        self.table = table
        self.problem = problem
        self.hint = hint
        super().__init__(f"{table}: {problem}; nothing was changed\n{hint}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """An existing table: the shape it has, and those parts of a later shape that it already has as well."""

    shape: sa.MetaData
    additions: frozenset[str]


def recognise(
    connection: sa.Connection, tables: Collection[str], shapes: Sequence[sa.MetaData]
) -> dict[str, Recognised]:
    """Return the shape of each of these tables that exists.

    ``shapes`` is the way that the migrations go. A table must have every part of one of them, and besides
    those only parts of the shapes that come after it: a column or an index that somebody added ahead.

    Raises SchemaConflictError with the differences from the nearest shape, of all tables together.
    """
    recognised: dict[str, Recognised] = {}
    conflicts: list[Difference] = []
    for name, found in read_tables(connection, tables).items():
        candidates = [
            (shape, declared_parts(shape.tables[name], connection.dialect))
            for shape in shapes
            if name in shape.tables
        ]
        results: list[list[Difference]] = []
        for position, (shape, expected) in enumerate(candidates):
            later = [parts for _, parts in candidates[position + 1 :]]
            differences, additions = _compare(name, found, expected, later)
            if not differences:
                recognised[name] = Recognised(shape=shape, additions=additions)
                break
            results.append(differences)
        else:
            nearest = min(results, key=len)
            conflicts.extend(nearest)
    if conflicts:
        raise SchemaConflictError(conflicts)
    return recognised


def _compare(
    table: str, found: Parts, expected: Parts, later: Sequence[Parts]
) -> tuple[list[Difference], frozenset[str]]:
    differences = []
    additions = set()
    for part in [*expected, *(part for part in found if part not in expected)]:
        have, want = found.get(part), expected.get(part)
        if same_definition(have, want):
            continue
        if want is None and any(same_definition(have, parts.get(part)) for parts in later):
            additions.add(part)
            continue
        if want is None:
            want = next((parts[part] for parts in later if part in parts), None)
        differences.append(Difference(table=table, part=part, expected=want, found=have))
    return differences, frozenset(additions)


def declared_parts(table: sa.Table, dialect: sa.Dialect) -> Parts:
    """Return the parts of a table as a shape declares them, in this dialect's words."""
    compiler = dialect.ddl_compiler(dialect, None)  # type: ignore[arg-type]
    parts = {
        f"column {column.name}": _column(
            column.type, compiler.get_column_default_string(column), bool(column.nullable), dialect
        )
        for column in table.columns
    }
    for constraint in sorted(table.constraints, key=lambda constraint: str(constraint.name)):
        definition = compiler.process(constraint)
        if definition:
            name = str(constraint.name)
            parts[f"constraint {name}"] = definition.removeprefix(f"CONSTRAINT {name} ")
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        parts[f"index {index.name}"] = str(CreateIndex(index).compile(dialect=dialect))
    return parts


def read_tables(connection: sa.Connection, tables: Collection[str]) -> dict[str, Parts]:
    """Return the parts of each of these tables that exists, as the database describes them."""
    inspector = sa.inspect(connection)
    existing = [name for name in inspector.get_table_names() if name in tables]
    if not existing:
        return {}
    described: dict[str, Parts] = {}
    for (_, name), columns in inspector.get_multi_columns(filter_names=existing).items():
        described[name] = {
            f"column {column['name']}": " ".join(
                [
                    _column(column["type"], column["default"], column["nullable"], connection.dialect),
                    *(word.upper() for word in ("computed", "identity") if word in column),
                ]
            )
            for column in columns
        }
    read = _add_postgresql_parts if connection.dialect.name == "postgresql" else _add_sqlite_parts
    read(connection, described)
    return described


def _column(type_: TypeEngine[Any], default: str | None, nullable: bool, dialect: sa.Dialect) -> str:
    words = ["an unknown type" if isinstance(type_, NullType) else type_.compile(dialect=dialect)]
    if default is not None:
        words.append(f"DEFAULT {default}")
    if not nullable:
        words.append("NOT NULL")
    return " ".join(words)


def _add_postgresql_parts(connection: sa.Connection, described: dict[str, Parts]) -> None:
    """Let the server write the definitions: it mentions NOT VALID, DEFERRABLE, operator classes and all."""
    statement = sa.text("""
        WITH described AS (
            SELECT t.oid, t.relname FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
             WHERE n.nspname = current_schema() AND t.relname = ANY (:tables)
        )
        SELECT t.relname, 'constraint ' || c.conname AS part, pg_get_constraintdef(c.oid, true) AS definition
          FROM described t JOIN pg_constraint c ON c.conrelid = t.oid
         WHERE c.contype IN ('c', 'f', 'p', 'u', 'x')
         UNION ALL
        SELECT t.relname, 'index ' || i.relname,
               pg_get_indexdef(i.oid, 0, true) || CASE WHEN x.indisvalid THEN '' ELSE ' INVALID' END
          FROM described t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
         WHERE NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.oid AND c.conrelid = t.oid)
         ORDER BY 1, 2
    """)
    for table, part, definition in connection.execute(statement, {"tables": list(described)}):
        described[table][part] = definition


def _add_sqlite_parts(connection: sa.Connection, described: dict[str, Parts]) -> None:
    inspector = sa.inspect(connection)

    def columns(names: Sequence[str | None]) -> str:
        return ", ".join(str(name) for name in names)

    for table, parts in described.items():
        constraints: list[tuple[str | None, str]] = []
        key = inspector.get_pk_constraint(table)
        if key["constrained_columns"]:
            constraints.append((key["name"], f"PRIMARY KEY ({columns(key['constrained_columns'])})"))
        constraints += [
            (check["name"], f"CHECK ({check['sqltext']})") for check in inspector.get_check_constraints(table)
        ]
        with warnings.catch_warnings(action="ignore", category=sa.exc.SAWarning):
            uniques = inspector.get_unique_constraints(table)  # warns of an index that it cannot describe
        constraints += [(unique["name"], f"UNIQUE ({columns(unique['column_names'])})") for unique in uniques]
        for reference in inspector.get_foreign_keys(table):
            options = "".join(
                f" {'ON ' if option.startswith('on') else ''}{option.removeprefix('on').upper()} {value}"
                for option, value in reference["options"].items()
            )
            constraints.append(
                (
                    reference["name"],
                    f"FOREIGN KEY ({columns(reference['constrained_columns'])}) REFERENCES "
                    f"{reference['referred_table']} ({columns(reference['referred_columns'])}){options}",
                )
            )
        for name, definition in constraints:
            parts[f"constraint {name or f'without a name, {definition}'}"] = definition
        # The inspector leaves out an index on an expression, and does not know of triggers, which a table
        # that is rebuilt by copy and rename would lose.
        kept = sa.text(
            "SELECT type || ' ' || name, sql FROM sqlite_master"
            " WHERE tbl_name = :table AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY 1"
        )
        for part, definition in connection.execute(kept, {"table": table}):
            parts[part] = definition


def same_definition(one: str | None, other: str | None) -> bool:
    """Return whether two definitions of a part mean the same; None is a part that is not there."""
    if one is None or other is None:
        return one is other
    return _plain(one) == _plain(other)


_WORD = re.compile(
    r"""
    '(?:[^']|'')*'
    | :: (?: character\ varying | double\ precision | timestamp\ with(?:out)?\ time\ zone | \w+ )
         (?: \( [\d, ]+ \) )? (?: \[\] )?
    | "[^"]+" | [\w.]+ | <> | != | <= | >= | \S
    """,
    re.VERBOSE,
)


def _plain(definition: str) -> str:
    """Remove what differs in spelling only: case, quotes, blanks, casts, parentheses, ``= ANY (ARRAY[...])``.

    Leaving parentheses out is safe as long as no shape has an expression whose meaning hangs on them.
    """
    words = []
    for word in _WORD.findall(definition):
        if word.startswith("'"):
            words.append(word)
        elif not word.startswith("::") and word not in "()":
            words.append(word.strip('"').lower())
    text = " ".join(words)
    text = re.sub(r"= any array \[ (.*?) \]", r"in \1", text)
    text = re.sub(r"default '(-?[\d.]+)'", r"default \1", text)
    text = re.sub(r"^(create (?:unique )?index) if not exists", r"\1", text)
    return text.replace(" using btree", "").replace(" != ", " <> ")
