"""Every kind of object is in the sample database, and a change of it is found."""

from agent_factory.migrate.catalog.postgresql.registry import KINDS
from tests.integration.catalog.changes import CHANGES
from tests.integration.catalog.databases import Sample


def test_the_sample_has_an_object_of_every_kind(sample: Sample) -> None:
    assert {one.kind for one in sample.catalog.objects} == set(KINDS)


def test_a_change_of_every_kind_is_tried() -> None:
    assert {kind for change in CHANGES for kind, _ in change.values[0].reported} == set(KINDS)


def test_every_clause_has_a_field_of_its_kind(sample: Sample) -> None:
    for one in sample.catalog.objects:
        names = [field.name for field in KINDS[one.kind].fields]
        assert len(one.fields) == (0 if KINDS[one.kind].is_remark else len(one.clauses))
        assert [name for name in names if name in one.fields] == list(one.fields)


def test_every_parent_is_an_object(sample: Sample) -> None:
    keys = {one.key for one in sample.catalog.objects}

    assert {one.parent for one in sample.catalog.objects if one.parent is not None} <= keys
