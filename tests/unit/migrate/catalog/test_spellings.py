"""Which clauses are one thing in other words, from what restores have shown."""

from agent_factory.migrate.catalog import (
    Catalog,
    CatalogObject,
    compare,
    in_words_of,
    learn_spellings,
    spelled_differently,
)


def catalog(*clauses: str, fields: tuple[str, ...] = ("definition", "validity")) -> Catalog:
    index = CatalogObject(
        kind="index", name="public.i", table="public.t", clauses=clauses, fields=fields[: len(clauses)]
    )
    return Catalog(backend="postgresql", objects=(index,))


def test_what_a_restore_makes_of_it_is_the_same() -> None:
    expected, found = catalog("a"), catalog("b")

    spellings = learn_spellings(catalog("a"), catalog("b"))

    assert in_words_of(expected, found, spellings) == expected
    assert in_words_of(found, expected, spellings) == found


def test_it_is_the_same_also_where_both_have_to_be_restored() -> None:
    spellings = (
        learn_spellings(catalog("a"), catalog("b"))
        | learn_spellings(catalog("b"), catalog("c"))
        | learn_spellings(catalog("d"), catalog("c"))
    )

    assert in_words_of(catalog("a"), catalog("d"), spellings) == catalog("a")
    assert in_words_of(catalog("a"), catalog("e"), spellings) == catalog("e")


def test_words_that_become_each_other_in_turn_end() -> None:
    spellings = learn_spellings(catalog("a"), catalog("b")) | learn_spellings(catalog("b"), catalog("a"))

    assert in_words_of(catalog("a"), catalog("b"), spellings) == catalog("a")
    assert in_words_of(catalog("a"), catalog("c"), spellings) == catalog("c")


def test_what_is_not_printed_stays_a_difference() -> None:
    expected, found = catalog("a", "VALID"), catalog("b", "INVALID")
    spellings = learn_spellings(catalog("a", "VALID"), catalog("b", "INVALID"))

    assert in_words_of(expected, found, spellings) == catalog("a", "INVALID")
    assert compare(expected, in_words_of(expected, found, spellings))


def test_the_same_words_of_another_object_prove_nothing() -> None:
    spellings = learn_spellings(
        catalog("a", fields=("parent", "validity")), catalog("b", fields=("parent", "validity"))
    )

    assert in_words_of(catalog("a"), catalog("b"), spellings) == catalog("b")


def test_only_what_both_have_may_be_other_words() -> None:
    nothing = Catalog(backend="postgresql", objects=())

    assert spelled_differently(catalog("a"), catalog("b")) == {(("index", "public.i"), "definition")}
    assert spelled_differently(catalog("a", "x"), catalog("a", "y")) == frozenset()
    assert spelled_differently(catalog("a"), nothing) == frozenset()
