"""Settings that a copy does not keep, and what somebody changed."""

from dataclasses import replace

from agent_factory.migrate.catalog import (
    NONE_UNKEPT,
    Catalog,
    CatalogObject,
    UnkeptSettings,
    changed_between,
    compare,
    find_unkept_settings,
    some_setting_differs,
    without_settings,
)


def column(name: str, type_: str = "integer", **settings: str) -> CatalogObject:
    """A column with these of its settings: storage, compression, options."""
    return CatalogObject(
        kind="column",
        name=f"public.t.{name}",
        table="public.t",
        clauses=(type_, *settings.values()),
        fields=("type", *settings),
        parent=("table", "public.t"),
    )


def catalog(*objects: CatalogObject) -> Catalog:
    return Catalog(backend="postgresql", objects=tuple(sorted(objects, key=lambda one: one.key)))


COLUMN = ("column", "storage")


def test_a_setting_that_most_objects_have_otherwise_is_unkept_for_its_kind() -> None:
    original = catalog(
        column("a", storage="1"), column("b", storage="2"), column("c"), column("d", storage="4")
    )
    copy = catalog(column("a"), column("b", storage="3"), column("c"), column("d", storage="4"))

    unkept = find_unkept_settings(original, copy)

    assert (unkept.of_kinds, unkept.of_objects) == ({COLUMN: 2}, ())
    assert unkept.named() == ("storage of each column (2 differ)",)


def test_a_single_object_proves_nothing_of_the_others() -> None:
    original = catalog(column("a", storage="1"), column("b", storage="2"))
    copy = catalog(column("a", storage="1"), column("b"))

    unkept = find_unkept_settings(original, copy)

    assert (unkept.of_kinds, unkept.of_objects) == ({}, ((("column", "public.t.b"), "storage"),))
    assert unkept.named() == ("storage of column public.t.b",)
    assert without_settings(original, unkept) == original
    assert without_settings(original, unkept, also_of_objects=True) == catalog(
        column("a", storage="1"), column("b")
    )


def test_objects_that_a_revision_changes_prove_nothing() -> None:
    original, copy = catalog(column("a", storage="1")), catalog(column("a"))

    unkept = find_unkept_settings(original, copy, changed={("column", "public.t.a")})

    assert unkept.of_kinds == {}


def test_what_the_copys_server_has_refused_proves_nothing_whatever_it_is_called() -> None:
    one = replace(column("a", storage="MAIN"), table='public."odd ""name"')
    original, copy = catalog(one), catalog(replace(one, clauses=one.clauses[:1], fields=one.fields[:1]))

    assert find_unkept_settings(original, copy).of_kinds == {COLUMN: 1}
    assert find_unkept_settings(original, copy, failed={'public.odd "name'}).of_kinds == {}


def test_a_part_of_the_definition_is_never_left_out() -> None:
    original, copy = catalog(column("a", "integer")), catalog(column("a", "bigint"))

    assert find_unkept_settings(original, copy) == NONE_UNKEPT
    assert not some_setting_differs(original, copy)


def test_an_object_that_the_copy_lacks_proves_nothing() -> None:
    assert find_unkept_settings(catalog(column("a", storage="1")), catalog()) == NONE_UNKEPT


UNKEPT = UnkeptSettings(of_kinds={COLUMN: 1}, of_objects=())


def test_what_is_left_of_the_objects_is_compared() -> None:
    expected = without_settings(catalog(column("a", storage="1", options="MAIN")), UNKEPT)
    found = without_settings(catalog(column("a", "bigint", storage="2", options="PLAIN")), UNKEPT)

    (difference,) = compare(expected, found)
    assert (difference.expected, difference.found) == ("integer MAIN", "bigint PLAIN")


def test_other_kinds_keep_a_setting_of_that_name() -> None:
    index = CatalogObject(
        kind="index",
        name="public.i",
        table="public.t",
        clauses=("CREATE INDEX", "1"),
        fields=("definition", "storage"),
    )

    assert without_settings(catalog(index), UNKEPT) == catalog(index)


def test_what_is_changed() -> None:
    before, after = catalog(column("a"), column("b")), catalog(column("a", "bigint"), column("c"))

    assert changed_between(before, after) == {
        ("column", "public.t.a"),
        ("column", "public.t.b"),
        ("column", "public.t.c"),
    }
