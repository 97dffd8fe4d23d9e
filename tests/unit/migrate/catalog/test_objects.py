"""A catalog's fingerprint."""

import dataclasses

import pytest

from agent_factory.migrate.catalog import Catalog, CatalogObject

COLUMN = CatalogObject(
    kind="column", name="public.t.a", table="public.t", clauses=("integer", "DEFAULT 5", "NOT NULL")
)


def catalog(*objects: CatalogObject, backend: str = "postgresql") -> Catalog:
    return Catalog(backend=backend, objects=objects)


def test_a_definition_is_its_clauses() -> None:
    assert COLUMN.definition == "integer DEFAULT 5 NOT NULL"
    assert COLUMN.key == ("column", "public.t.a")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(dataclasses.replace(COLUMN, kind="index"), id="kind"),
        pytest.param(dataclasses.replace(COLUMN, name="public.t.b"), id="name"),
        pytest.param(dataclasses.replace(COLUMN, table=None), id="table"),
        pytest.param(dataclasses.replace(COLUMN, clauses=("integer", "NOT NULL")), id="clauses"),
        pytest.param(dataclasses.replace(COLUMN, clauses=("integer DEFAULT 5", "NOT NULL")), id="parts"),
    ],
)
def test_the_hash_is_of_all_that_is_told(other: CatalogObject) -> None:
    assert catalog(COLUMN).sha256 != catalog(other).sha256
    assert catalog(COLUMN) != catalog(other)


def test_the_hash_is_the_same_for_equal_catalogs() -> None:
    again = dataclasses.replace(COLUMN)

    assert catalog(COLUMN).sha256 == catalog(again).sha256
    assert len(catalog(COLUMN).sha256) == 64


def test_the_hash_tells_databases_and_numbers_of_objects_apart() -> None:
    hashes = {
        catalog().sha256,
        catalog(COLUMN).sha256,
        catalog(COLUMN, backend="sqlite").sha256,
        catalog(COLUMN, dataclasses.replace(COLUMN, name="public.t.b")).sha256,
    }

    assert len(hashes) == 4


def test_what_an_object_is_part_of_is_no_difference_by_itself() -> None:
    part = dataclasses.replace(COLUMN, parent=("table", "public.t"))

    assert catalog(COLUMN) == catalog(part)
    assert catalog(COLUMN).sha256 == catalog(part).sha256
