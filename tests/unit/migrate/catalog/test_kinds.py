"""The kinds of object, as their files declare them."""

import re

import pytest

from agent_factory.migrate.catalog import Scope
from agent_factory.migrate.catalog.kind import Kind, Query, by_name
from agent_factory.migrate.catalog.postgresql.registry import KINDS

QUERIES = [(kind, query) for kind in KINDS.values() for query in kind.queries]


def test_two_kinds_with_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two kinds of object are called view"):
        by_name((Kind(name="view"), Kind(name="index"), Kind(name="view")))


def test_a_misspelt_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="no kind of object is called colum"):
        Scope(leave_out_kinds=frozenset({"colum", "table"}))


@pytest.mark.parametrize(("kind", "query"), QUERIES, ids=lambda item: getattr(item, "name", ""))
def test_a_query_names_kinds_that_there_are(kind: Kind, query: Query) -> None:
    result = r"(?:^|THEN |ELSE )'([a-z ]+)'"
    kinds = re.findall(result, query.kind or f"'{kind.name}'")

    assert set(kinds) <= set(KINDS)
    assert kind.name in kinds or query.kind == "r.kind"
    assert set(re.findall(result, query.parent[0])) <= set(KINDS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_fields_of_a_kind(kind: Kind) -> None:
    names = [field.name for field in kind.fields]

    assert len(set(names)) == len(names)
    assert all(query.fields == kind.fields[: len(query.fields)] for query in kind.queries)
    assert bool(kind.queries) is not kind.is_remark
