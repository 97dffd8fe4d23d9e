"""Draw the tables into ``docs/data-model-overview.md``, from the models.

Run ``python -m agent_factory.database.diagram`` after a change of the models; with ``--check`` it writes
nothing and exits with 1 when the page is stale.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex

from agent_factory.database.models import Base

PAGE = Path(__file__).parents[3] / "docs" / "data-model-overview.md"
BEGIN = "<!-- generated from the models by `python -m agent_factory.database.diagram`: begin -->"
END = "<!-- generated: end -->"

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
_COMPILER = _DIALECT.ddl_compiler(_DIALECT, None)  # type: ignore[arg-type]


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it; return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    drawn = redraw(page)
    if "--check" in arguments:
        if page != drawn:
            sys.stderr.write(f"{PAGE.name} is stale: run python -m agent_factory.database.diagram\n")
        return int(page != drawn)
    PAGE.write_text(drawn, encoding="utf-8")
    return 0


def redraw(page: str) -> str:
    """Return the page with what stands between the two markers drawn anew.

    Raises ValueError when a marker is missing.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no lines {BEGIN!r} and {END!r}")
    drawn = "\n".join(["## Diagram", "", *draw_diagram(), "", "## Tables", "", *describe_tables()])
    return f"{before}{BEGIN}\n\n{drawn}\n{END}{after}"


def draw_diagram() -> Iterator[str]:
    """Yield the lines of a Mermaid diagram: which table refers to which, then the columns of each."""
    yield "```mermaid"
    yield "erDiagram"
    for table in _tables():
        for key in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
            (column,) = key.columns
            parent = "|o" if column.nullable else "||"
            yield f'    {key.referred_table.name} {parent}--o{{ {table.name} : "{column.name}"'
    for table in _tables():
        yield f"    {table.name} {{"
        for column in table.columns:
            keys = [
                *(["PK"] if column.primary_key else []),
                *(["FK"] if column.foreign_keys else []),
                *(["UK"] if _is_unique(column) else []),
            ]
            type_ = _type(column).partition("(")[0].replace(" ", "_")
            yield f"        {type_} {column.name} {', '.join(keys)}".rstrip()
        yield "    }"
    yield "```"


def describe_tables() -> Iterator[str]:
    """Yield the lines of the reference: each table with its columns, indexes and rules."""
    classes = {mapper.local_table: mapper.class_ for mapper in Base.registry.mappers}
    for table in _tables():
        yield f"### {table.name}"
        yield ""
        yield inspect.getdoc(classes[table]) or ""
        yield ""
        yield "| Column | Type | Null | Default | Meaning |"
        yield "|---|---|---|---|---|"
        for column in table.columns:
            null = "yes" if column.nullable else "no"
            meaning = "; ".join([*_references(column), *([column.doc] if column.doc else [])])
            yield f"| {column.name} | {_type(column)} | {null} | {_default(column)} | {meaning} |"
        yield ""
        rules = sorted(_rules(table))
        if rules:
            yield from (f"- `{rule}`" for rule in rules)
            yield ""


def _tables() -> list[sa.Table]:
    return sorted(Base.metadata.tables.values(), key=lambda table: table.name)


def _type(column: sa.Column[object]) -> str:
    name = column.type.compile(dialect=_DIALECT).lower()
    return name.replace("timestamp with time zone", "timestamptz")


def _default(column: sa.Column[object]) -> str:
    default = _COMPILER.get_column_default_string(column)
    return f"`{default}`" if default else ""


def _is_unique(column: sa.Column[object]) -> bool:
    return any(
        isinstance(constraint, sa.UniqueConstraint) and list(constraint.columns) == [column]
        for constraint in column.table.constraints
    )


def _references(column: sa.Column[object]) -> Iterator[str]:
    for key in column.foreign_keys:
        yield f"-> {key.column.table.name}, on delete {str(key.ondelete).lower()}"


def _rules(table: sa.Table) -> Iterator[str]:
    for constraint in table.constraints:
        if isinstance(constraint, sa.CheckConstraint | sa.UniqueConstraint):
            yield _COMPILER.process(constraint).removeprefix("CONSTRAINT ")
    for index in table.indexes:
        definition = str(CreateIndex(index).compile(dialect=_DIALECT))
        _, _, columns = definition.partition(f" ON {table.name} ")
        yield f"{index.name} {'UNIQUE ' if index.unique else ''}{columns}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
