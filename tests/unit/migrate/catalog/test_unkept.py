"""Settings that a copy does not keep, told from what somebody changed."""

from agent_factory.migrate.catalog import (
    Catalog,
    CatalogObject,
    UnkeptSetting,
    changed_between,
    compare,
    find_unkept_settings,
    without_settings,
)


def column(name: str, type_: str = "integer", **settings: str) -> CatalogObject:
    return CatalogObject(
        kind="column",
        name=f"public.t.{name}",
        table="public.t",
        clauses=(type_, *settings.values()),
        settings=(None, *settings),
        whole=("table", "public.t"),
    )


def catalog(*objects: CatalogObject) -> Catalog:
    return Catalog(backend="postgresql", objects=tuple(sorted(objects, key=lambda one: one.key)))


def test_a_setting_that_differs_on_any_object_is_unkept_for_its_kind() -> None:
    original = catalog(column("a", version="1"), column("b", version="2"), column("c"))
    copy = catalog(column("a"), column("b", version="3"), column("c"))

    assert find_unkept_settings(original, copy) == (
        UnkeptSetting(kind="column", setting="version", objects=2),
    )


def test_objects_that_a_revision_changes_prove_nothing() -> None:
    original, copy = catalog(column("a", version="1")), catalog(column("a"))

    assert find_unkept_settings(original, copy, changed={("column", "public.t.a")}) == ()


def test_a_part_of_the_definition_is_never_left_out() -> None:
    original, copy = catalog(column("a", "integer")), catalog(column("a", "bigint"))

    assert find_unkept_settings(original, copy) == ()


def test_an_object_that_the_copy_lacks_proves_nothing() -> None:
    assert find_unkept_settings(catalog(column("a", version="1")), catalog()) == ()


def test_what_is_left_of_the_objects_is_compared() -> None:
    unkept = (UnkeptSetting(kind="column", setting="version", objects=1),)
    expected = without_settings(catalog(column("a", version="1", storage="MAIN")), unkept)
    found = without_settings(catalog(column("a", "bigint", version="2", storage="PLAIN")), unkept)

    (difference,) = compare(expected, found)
    assert (difference.expected, difference.found) == ("integer MAIN", "bigint PLAIN")


def test_other_kinds_keep_a_setting_of_that_name() -> None:
    index = CatalogObject(
        kind="index",
        name="public.i",
        table="public.t",
        clauses=("CREATE INDEX", "1"),
        settings=(None, "version"),
    )
    unkept = (UnkeptSetting(kind="column", setting="version", objects=1),)

    assert without_settings(catalog(index), unkept) == catalog(index)


def test_what_is_changed() -> None:
    before, after = catalog(column("a"), column("b")), catalog(column("a", "bigint"), column("c"))

    assert changed_between(before, after) == {
        ("column", "public.t.a"),
        ("column", "public.t.b"),
        ("column", "public.t.c"),
    }
