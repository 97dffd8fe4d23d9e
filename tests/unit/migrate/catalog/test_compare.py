"""Which differences are told, and which follow from others."""

import pytest

from agent_factory.migrate.catalog import Catalog, CatalogObject, compare
from agent_factory.migrate.catalog.objects import Key


def catalog(*objects: CatalogObject, backend: str = "postgresql") -> Catalog:
    return Catalog(backend=backend, objects=tuple(sorted(objects, key=lambda one: one.key)))


def one(
    kind: str, name: str, *clauses: str, table: str | None = None, whole: Key | None = None
) -> CatalogObject:
    return CatalogObject(kind=kind, name=name, table=table, clauses=clauses or (kind.upper(),), whole=whole)


def table(name: str, *clauses: str, whole: Key | None = None) -> CatalogObject:
    return one("table", name, "TABLE", *clauses, table=name, whole=whole)


def column(name: str, *clauses: str, whole: Key | None = None) -> CatalogObject:
    of = name.rpartition(".")[0]
    return one("column", name, *(clauses or ("integer",)), table=of, whole=whole or ("table", of))


def told(expected: Catalog, found: Catalog) -> list[tuple[str, str]]:
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
        one("index", "ix", table="t", whole=("table", "t")),
        one("comment", "INDEX ix", table="t", whole=("index", "ix")),
        one("sequence", "t_a_seq", table="t", whole=("column", "t.a")),
        one("owner", "TABLE t", table="t", whole=("table", "t")),
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
        index = one("index", "ix", f"CREATE INDEX ix ON {name} (a)", table=name, whole=("table", name))
        sequence = one("sequence", "s", f"OWNED BY {name}.a", table=name, whole=("column", f"{name}.a"))
        return catalog(table(name), column(f"{name}.a"), index, sequence)

    assert told(named("old"), named("new")) == [("table", "new"), ("table", "old")]


def test_a_missing_schema_takes_what_it_had() -> None:
    schema = one("schema", "s")
    inside = (table("s.t", whole=("schema", "s")), column("s.t.a"), one("enum", "s.e", whole=("schema", "s")))

    assert told(catalog(schema, *inside), catalog()) == [("schema", "s")]


def test_what_is_not_part_of_it_is_told_beside_a_missing_table() -> None:
    other = one("constraint", "u.fk", "FOREIGN KEY (a) REFERENCES t(a)", table="u", whole=("table", "u"))

    assert told(catalog(table("t"), table("u"), other), catalog(table("u"))) == [
        ("constraint", "u.fk"),
        ("table", "t"),
    ]


PARENT, CHILD = (
    table("p", "PARTITION BY LIST (a)"),
    table("c", "PARTITION OF p DEFAULT", whole=("table", "p")),
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
    before = catalog(PARENT, CHILD, column("p.a"), column("c.a", whole=("column", "p.a")))
    after = catalog(PARENT, CHILD, column("p.a", *parent), column("c.a", *child, whole=("column", "p.a")))

    assert told(before, after) == expected


def test_tables_that_change_alike_are_both_told() -> None:
    after = (
        table("p", "PARTITION BY LIST (a)", "ENABLE ROW LEVEL SECURITY"),
        table("c", "PARTITION OF p DEFAULT", "ENABLE ROW LEVEL SECURITY", whole=("table", "p")),
    )

    assert told(catalog(PARENT, CHILD), catalog(*after)) == [("table", "c"), ("table", "p")]


def test_a_detached_partition_is_one_difference() -> None:
    def index(*clauses: str, whole: Key) -> CatalogObject:
        return one("index", "c_ix", "CREATE INDEX", *clauses, table="c", whole=whole)

    before = catalog(
        *(PARENT, CHILD, one("index", "p_ix", table="p", whole=("table", "p"))),
        index("PARTITION OF p_ix", whole=("index", "p_ix")),
        one("trigger", "p.t", table="p", whole=("table", "p")),
        one("trigger", "c.t", table="c", whole=("trigger", "p.t")),
    )
    after = catalog(
        *(PARENT, table("c"), one("index", "p_ix", table="p", whole=("table", "p"))),
        index(whole=("table", "c")),
        one("trigger", "p.t", table="p", whole=("table", "p")),
    )

    assert told(before, after) == [("table", "c")]
    assert told(after, before) == [("table", "c")]


def test_an_identity_brings_its_sequence() -> None:
    plain = catalog(table("t"), column("t.a"))
    sequence = one("sequence", "t_a_seq", table="t", whole=("column", "t.a"))
    identity = catalog(table("t"), column("t.a", "integer", "GENERATED ALWAYS AS IDENTITY"), sequence)

    assert told(plain, identity) == [("column", "t.a")]
    assert told(identity, plain) == [("column", "t.a")]


def test_catalogs_of_two_kinds_of_database_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="sqlite cannot be compared with one of postgresql"):
        compare(catalog(), catalog(backend="sqlite"))
