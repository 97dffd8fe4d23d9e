"""The table of hazards."""

from agent_factory.migrate.review.hazards import RULES, HazardCode


def test_every_hazard_has_its_rule() -> None:
    assert list(RULES) == list(HazardCode)
    for rule in RULES.values():
        assert rule.text
        assert rule.high
        assert rule.remedy
        assert not {rule.text[-1], rule.high[-1], rule.remedy[-1]} & {".", " "}


def test_the_names_never_change() -> None:
    assert {str(code) for code in HazardCode} == {
        *("blocks-reads", "blocks-writes", "rewrites-table", "scans-table", "deletes-data"),
        *("breaks-running-code", "fails-on-data", "needs-autocommit", "invalid-index-left", "irreversible"),
        "lock-held-through-statements",
    }
