"""Which INVALID indexes a run may drop."""

import pytest

from agent_factory.migrate.engine.built_indexes import may_be_dropped


@pytest.mark.parametrize("name", ["ix", "shop.ix", '"ix"', 'shop."ix"', "IX"])
def test_not_one_that_was_invalid_before_the_run(name: str) -> None:
    """However the revision's statement writes it: whether it goes, a person decides."""
    assert may_be_dropped([name], {"ix"}) == ()


def test_what_the_revision_has_made() -> None:
    assert may_be_dropped(["ix", "shop.other", '"IX"'], {"another"}) == ("ix", "shop.other", '"IX"')


def test_each_by_itself() -> None:
    assert may_be_dropped(["ix", "old_ix", '"IX"'], {"old_ix", "ix"}) == ('"IX"',)
