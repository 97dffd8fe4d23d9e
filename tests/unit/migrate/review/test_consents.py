"""Consent is by name, and each name that is needed has to be given."""

import pytest

from agent_factory.migrate.model.errors import UsageError
from agent_factory.migrate.review.consents import flag_for, parse_consents

KNOWN = ("deletes-data", "blocks-reads", "drift")


@pytest.mark.parametrize(
    ("needed", "allowed", "flag"),
    [
        pytest.param((), (), "", id="nothing is needed"),
        pytest.param((), ("drift",), "", id="more is allowed than is needed"),
        pytest.param(("drift",), ("drift",), "", id="all of one"),
        pytest.param(("drift", "deletes-data"), ("deletes-data", "drift"), "", id="all of two"),
        pytest.param(("drift",), (), "--allow drift", id="none of one"),
        pytest.param(("deletes-data", "drift"), (), "--allow deletes-data,drift", id="none of two"),
        pytest.param(
            ("deletes-data", "drift"), ("drift",), "--allow drift,deletes-data", id="half is not enough"
        ),
        pytest.param(
            ("deletes-data", "drift"),
            ("deletes-data", "blocks-reads"),
            "--allow deletes-data,blocks-reads,drift",
            id="as many, but others",
        ),
    ],
)
def test_the_flag_that_is_missing(needed: tuple[str, ...], allowed: tuple[str, ...], flag: str) -> None:
    assert flag_for(needed, allowed) == flag


@pytest.mark.parametrize(
    "texts", [["deletes-data,drift"], ["deletes-data", "drift"], ["deletes-data, drift,"]]
)
def test_names_come_together_or_one_by_one(texts: list[str]) -> None:
    assert parse_consents(texts, KNOWN) == ("deletes-data", "drift")


def test_a_name_that_is_none() -> None:
    with pytest.raises(UsageError, match="no hazard is called delete-data") as caught:
        parse_consents(["drift,delete-data"], KNOWN)
    assert caught.value.next_steps == ("there are: deletes-data, blocks-reads, drift",)
