"""What of a catalog models can say: the rest is made by migrations alone, and is nothing to compare."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from agent_factory.migrate.catalog import Catalog, CatalogObject

_KINDS = frozenset({"table", "column", "constraint", "index", "sequence", "enum", "domain", "comment"})

_NOT_SAID = {
    "table": r"(ENABLE|FORCE) ROW LEVEL SECURITY|REPLICA IDENTITY .*|CLUSTER ON .*",
    "column": r"STORAGE .*|COMPRESSION .*|STATISTICS .*|WITH \(.*",
    "constraint": r"TRIGGERS DISABLED",
    "index": r"PARTITION OF .*|ALTER COLUMN .*",
}
"""Clauses for which SQLAlchemy has no words, by the kind of object."""

_NAME_OF_NOT_NULL = re.compile(r"^CONSTRAINT (\"(?:[^\"]|\"\")*\"|\S+) (?=NOT NULL)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What a comparison needs besides the catalogs.

    ``sequences`` are those that the models make by name, ``named`` the constraints that they give a name,
    ``TABLE.NAME``; both without quotes. Without ``has_defaults`` no default is compared.
    """

    sequences: frozenset[str]
    named: frozenset[str]
    has_defaults: bool = True


def plain(name: str) -> str:
    """Return a name without its quotes, to look up what SQLAlchemy and PostgreSQL quote differently."""
    return name.replace('"', "")


def expressible(catalog: Catalog, scale: Scale, *, leave_out: Collection[str] = ()) -> Catalog:
    """Return the catalog with what models can say only; ``leave_out`` are tables, columns and types.

    The sequence of a SERIAL column is called by its column: the models give it no name, and one of a table
    that was renamed keeps its old one.
    """
    gone = {*leave_out, *_virtual_tables(catalog)}
    tables = {one.name for one in catalog.objects if one.kind == "table"} - gone
    owned = dict(_owned_sequences(catalog, scale))
    of_columns: dict[str, list[str]] = {}
    for sequence, column in owned.items():
        of_columns.setdefault(column, []).append(sequence)
    found = {}
    for one in catalog.objects:
        if one.kind not in _KINDS or (one.table is not None and one.table not in tables):
            continue
        if one.kind == "comment" and (one.table is None or one.name.startswith(("INDEX", "SEQUENCE"))):
            continue
        of_what = one.name.partition(" ")[2] if one.kind == "comment" else owned.get(one.name, one.name)
        if of_what in leave_out:
            continue
        said = _as_said(one, owned, of_columns, scale)
        found[said.key] = said
    return Catalog(backend=catalog.backend, objects=tuple(found[key] for key in sorted(found)))


def partitions(catalog: Catalog) -> frozenset[str]:
    """Return the tables that are a partition of another."""
    return frozenset(
        one.name
        for one in catalog.objects
        if one.kind == "table" and any(clause.startswith("PARTITION OF ") for clause in one.clauses)
    )


def with_names_of(models: Catalog, migrations: Catalog, scale: Scale) -> Catalog:
    """Return the models' catalog with the migrations' names for constraints that the models do not name."""
    theirs = {one.key for one in migrations.objects if one.kind == "constraint"}
    ours = {one.key for one in models.objects}
    free: dict[tuple[str | None, tuple[str, ...]], list[CatalogObject]] = {}
    for one in migrations.objects:
        if one.kind == "constraint" and one.key not in ours:
            free.setdefault((one.table, one.clauses), []).append(one)
    found = {}
    for one in models.objects:
        is_unnamed = one.kind == "constraint" and one.key not in theirs and plain(one.name) not in scale.named
        twins = free.get((one.table, one.clauses), []) if is_unnamed else []
        taken = replace(one, name=twins.pop().name) if twins else one
        found[taken.key] = taken
    return Catalog(backend=models.backend, objects=tuple(found[key] for key in sorted(found)))


def _virtual_tables(catalog: Catalog) -> set[str]:
    """SQLite's virtual tables, and the tables in which they keep what they have."""
    virtual = [
        one.name
        for one in catalog.objects
        if one.kind == "table" and one.clauses and one.clauses[0].upper().startswith("CREATE VIRTUAL")
    ]
    return {
        one.name
        for one in catalog.objects
        if one.kind == "table"
        and any(one.name == name or one.name.startswith(f"{name}_") for name in virtual)
    }


def _owned_sequences(catalog: Catalog, scale: Scale) -> Iterator[tuple[str, str]]:
    """The sequences that belong to a column and have no name in the models, each with that column."""
    for one in catalog.objects:
        if one.kind == "sequence" and plain(one.name) not in scale.sequences:
            for clause in one.clauses:
                if clause.startswith("OWNED BY "):
                    yield one.name, clause.removeprefix("OWNED BY ")


def _as_said(
    one: CatalogObject, owned: Mapping[str, str], of_columns: Mapping[str, Sequence[str]], scale: Scale
) -> CatalogObject:
    """The object in models' words; ``owned`` has each sequence's column, ``of_columns`` is the other way."""
    not_said = _NOT_SAID.get(one.kind)
    clauses = [clause for clause in one.clauses if not_said is None or not re.fullmatch(not_said, clause)]
    name = one.name
    if one.kind == "column":
        clauses = [_NAME_OF_NOT_NULL.sub("", clause) for clause in clauses]
        for sequence in of_columns.get(name, ()):
            own = f"nextval('{sequence}'::regclass)"
            clauses = [clause.replace(own, "nextval(its sequence)") for clause in clauses]
        if not scale.has_defaults:
            clauses = [clause for clause in clauses if not clause.startswith("DEFAULT ")]
    elif one.kind == "sequence":
        if name in owned:
            name = f"{owned[name]} (its sequence)"
        else:
            clauses = [clause for clause in clauses if not clause.startswith("OWNED BY ")]
    return replace(one, name=name, clauses=tuple(clauses))
