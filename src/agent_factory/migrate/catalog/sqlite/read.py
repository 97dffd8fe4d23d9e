"""Reading a SQLite file's catalog: two queries, whatever the number of tables."""

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject
from agent_factory.migrate.catalog.scope import Scope
from agent_factory.migrate.catalog.sqlite.tables import (
    ColumnWords,
    TableWords,
    closing,
    parse_table,
    unwrapped,
)
from agent_factory.migrate.catalog.sqlite.words import spelled, word_of, words, written
from agent_factory.migrate.db.driver import sqlite3_connection

_OBJECTS = r"""
SELECT type, name, tbl_name, sql FROM sqlite_master
WHERE name NOT LIKE 'sqlite\_%' ESCAPE '\' AND sql IS NOT NULL
ORDER BY type, name
"""

# A virtual table's columns follow from its statement, and asking for them needs the module that it is of.
_COLUMNS = r"""
SELECT m.name, c.name, c.type, c."notnull", c.dflt_value
FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c
WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.sql NOT LIKE 'CREATE VIRTUAL %'
ORDER BY m.name, c.name
"""


def read_sqlite(connection: sa.Connection, scope: Scope) -> Catalog:
    """Describe the tables, indexes, triggers and views of the main database file."""
    driver = sqlite3_connection(connection)
    alone = not driver.in_transaction
    if alone:
        driver.execute("BEGIN")  # one snapshot for both queries
    try:
        rows = driver.execute(_OBJECTS).fetchall()
        column_rows = driver.execute(_COLUMNS).fetchall()
    finally:
        if alone:
            driver.rollback()
    views = {name for kind, name, _, _ in rows if kind == "view"}
    parsed: dict[str, TableWords] = {}
    objects: list[CatalogObject] = []
    for kind, name, table, statement in rows:
        if kind == "table" and words(statement)[1] != "VIRTUAL":
            parsed[name] = parse_table(statement)
            objects += _table(written(name), parsed[name])
        else:
            of = (
                None if kind in ("table", "view") else ("view" if table in views else "table", written(table))
            )
            objects.append(
                CatalogObject(
                    kind=kind,
                    name=written(name),
                    table=written(table),
                    clauses=(_statement(kind, statement),),
                    parent=of,
                )
            )
    objects += (
        _column(table, name, type_, not_null, default, parsed[table])
        for table, name, type_, not_null, default in column_rows
    )
    version_table = ("table", written(scope.version_table))
    found = {
        one.key: one
        for one in objects
        if one.kind not in scope.leave_out_kinds and version_table not in (one.key, one.parent)
    }
    return Catalog(backend="sqlite", objects=tuple(found[key] for key in sorted(found)))


def _table(name: str, parsed: TableWords) -> Iterator[CatalogObject]:
    """The table and its constraints; one without a name is called by what it says."""
    yield CatalogObject(kind="table", name=name, table=name, clauses=("TABLE", *parsed.options))
    seen: Counter[str] = Counter()
    for constraint in parsed.constraints:
        called = constraint.name or constraint.definition
        seen[called] += 1
        again = f" ({seen[called]})" if seen[called] > 1 else ""
        yield CatalogObject(
            kind="constraint",
            name=f"{name}.{called}{again}",
            table=name,
            clauses=(constraint.definition,),
            parent=("table", name),
        )


def _column(
    raw_table: str, raw_name: str, type_: str, not_null: int, default: str | None, parsed: TableWords
) -> CatalogObject:
    table, name = written(raw_table), written(raw_name)
    said = parsed.columns.get(word_of(raw_name), ColumnWords())
    clauses = (
        spelled(words(type_)).upper(),
        f"COLLATE {said.collation}" if said.collation else "",
        f"DEFAULT {_default(default)}" if default is not None else "",
        said.generated or "",
        f"NOT NULL{said.not_null_conflict}" if not_null else "",
    )
    return CatalogObject(
        kind="column",
        name=f"{table}.{name}",
        table=table,
        clauses=tuple(clause for clause in clauses if clause),
        parent=("table", table),
    )


def _default(text: str) -> str:
    return spelled(unwrapped(words(text)))


def _statement(kind: str, statement: str) -> str:
    """A statement in one way to write it; of a partial index the condition, too."""
    some = words(statement)
    if kind == "index":
        end = closing(some, some.index("(")) + 1
        if some[end : end + 1] == ("WHERE",):
            some = (*some[: end + 1], *unwrapped(some[end + 1 :]))
    return spelled(some)
