"""Which differences are reported, and which follow from others."""

import pytest

from agent_factory.migrate.catalog import Catalog, CatalogObject, compare
from agent_factory.migrate.catalog.objects import Key


def catalog(*objects: CatalogObject, backend: str = "postgresql") -> Catalog:
    return Catalog(backend=backend, objects=tuple(sorted(objects, key=lambda one: one.key)))


def one(
    kind: str,
    name: str,
    *clauses: str,
    table: str | None = None,
    fields: tuple[str, ...] = (),
    parent: Key | None = None,
) -> CatalogObject:
    return CatalogObject(
        kind=kind, name=name, table=table, clauses=clauses or (kind.upper(),), fields=fields, parent=parent
    )


def table(name: str, *clauses: str, parent: Key | None = None) -> CatalogObject:
    return one("table", name, "TABLE", *clauses, table=name, parent=parent)


def column(name: str, *clauses: str, parent: Key | None = None) -> CatalogObject:
    of = name.rpartition(".")[0]
    return one("column", name, *(clauses or ("integer",)), table=of, parent=parent or ("table", of))


def reported(expected: Catalog, found: Catalog) -> list[tuple[str, str]]:
    return [(difference.kind, difference.name) for difference in compare(expected, found)]


def test_equal_catalogs() -> None:
    assert compare(catalog(table("t"), column("t.a")), catalog(table("t"), column("t.a"))) == ()


def test_a_difference_says_what_is_on_either_side() -> None:
    expected = catalog(table("t"), column("t.a", "integer", "NOT NULL"), column("t.b"))
    found = catalog(table("t"), column("t.a", "integer"), column("t.c"))
    changed, missing, extra = compare(expected, found)

    assert (changed.name, changed.table, changed.expected, changed.found) == (
        *("t.a", "t", "integer NOT NULL", "integer"),
    )
    assert (missing.name, missing.expected, missing.found) == ("t.b", "integer", None)
    assert (extra.name, extra.expected, extra.found) == ("t.c", None, "integer")
    assert str(extra) == "column t.c: expected none, found integer"


def test_a_missing_table_is_one_difference_that_tells_its_columns() -> None:
    parts = (
        column("t.a", "integer", "NOT NULL"),
        column("t.b", "text"),
        one("index", "ix", table="t", parent=("table", "t")),
        one("comment", "INDEX ix", table="t", parent=("index", "ix")),
        one("sequence", "t_a_seq", table="t", parent=("column", "t.a")),
        one("owner", "TABLE t", table="t", parent=("table", "t")),
    )
    (difference,) = compare(catalog(table("t"), *parts), catalog())

    assert (difference.kind, difference.name) == ("table", "t")
    assert difference.expected == "TABLE (a integer NOT NULL, b text)"
    assert difference.found is None
    assert difference.remedy is None
    (difference,) = compare(catalog(), catalog(table("t"), *parts))
    assert difference.found == "TABLE (a integer NOT NULL, b text)"


def test_a_renamed_table_is_a_missing_and_an_extra_one() -> None:
    def named(name: str) -> Catalog:
        index = one("index", "ix", f"CREATE INDEX ix ON {name} (a)", table=name, parent=("table", name))
        sequence = one("sequence", "s", f"OWNED BY {name}.a", table=name, parent=("column", f"{name}.a"))
        return catalog(table(name), column(f"{name}.a"), index, sequence)

    assert reported(named("old"), named("new")) == [("table", "new"), ("table", "old")]


def test_a_missing_schema_takes_what_it_had() -> None:
    schema = one("schema", "s")
    inside = (
        table("s.t", parent=("schema", "s")),
        column("s.t.a"),
        one("enum", "s.e", parent=("schema", "s")),
    )

    assert reported(catalog(schema, *inside), catalog()) == [("schema", "s")]


def test_what_is_not_part_of_it_is_told_beside_a_missing_table() -> None:
    other = one("constraint", "u.fk", "FOREIGN KEY (a) REFERENCES t(a)", table="u", parent=("table", "u"))

    assert reported(catalog(table("t"), table("u"), other), catalog(table("u"))) == [
        ("constraint", "u.fk"),
        ("table", "t"),
    ]


PARENT, CHILD = (
    table("p", "PARTITION BY LIST (a)"),
    table("c", "PARTITION OF p DEFAULT", parent=("table", "p")),
)


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        pytest.param(("integer", "DEFAULT 5"), ("integer", "DEFAULT 5"), [("column", "p.a")], id="the same"),
        pytest.param(("integer", "DEFAULT 5"), ("integer",), [("column", "p.a")], id="only the parent"),
        pytest.param(("integer",), ("integer", "DEFAULT 5"), [("column", "c.a")], id="only the partition"),
        pytest.param(
            ("integer", "DEFAULT 5"),
            ("integer", "NOT NULL"),
            [("column", "c.a"), ("column", "p.a")],
            id="each another",
        ),
    ],
)
def test_a_partition_changes_with_its_parent(
    parent: tuple[str, ...], child: tuple[str, ...], expected: list[Key]
) -> None:
    before = catalog(PARENT, CHILD, column("p.a"), column("c.a", parent=("column", "p.a")))
    after = catalog(PARENT, CHILD, column("p.a", *parent), column("c.a", *child, parent=("column", "p.a")))

    assert reported(before, after) == expected


def test_tables_that_change_alike_are_both_told() -> None:
    after = (
        table("p", "PARTITION BY LIST (a)", "ENABLE ROW LEVEL SECURITY"),
        table("c", "PARTITION OF p DEFAULT", "ENABLE ROW LEVEL SECURITY", parent=("table", "p")),
    )

    assert reported(catalog(PARENT, CHILD), catalog(*after)) == [("table", "c"), ("table", "p")]


def test_a_detached_partition_is_one_difference() -> None:
    def index(*clauses: str, parent: Key) -> CatalogObject:
        return one("index", "c_ix", "CREATE INDEX", *clauses, table="c", parent=parent)

    before = catalog(
        *(PARENT, CHILD, one("index", "p_ix", table="p", parent=("table", "p"))),
        index("PARTITION OF p_ix", parent=("index", "p_ix")),
        one("trigger", "p.t", table="p", parent=("table", "p")),
        one("trigger", "c.t", table="c", parent=("trigger", "p.t")),
    )
    after = catalog(
        *(PARENT, table("c"), one("index", "p_ix", table="p", parent=("table", "p"))),
        index(parent=("table", "c")),
        one("trigger", "p.t", table="p", parent=("table", "p")),
    )

    assert reported(before, after) == [("table", "c")]
    assert reported(after, before) == [("table", "c")]


def test_an_identity_brings_its_sequence() -> None:
    plain = catalog(table("t"), column("t.a"))
    sequence = one("sequence", "t_a_seq", table="t", parent=("column", "t.a"))
    clauses = ("integer", "GENERATED ALWAYS AS IDENTITY")
    counted = one("column", "t.a", *clauses, table="t", fields=("type", "identity"), parent=("table", "t"))
    identity = catalog(table("t"), counted, sequence)

    assert reported(plain, identity) == [("column", "t.a")]
    assert reported(identity, plain) == [("column", "t.a")]


def test_catalogs_of_two_kinds_of_database_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="sqlite cannot be compared with one of postgresql"):
        compare(catalog(), catalog(backend="sqlite"))
