import json
from pathlib import Path
from typing import Any

from agent_factory.migrate.report.json import render_plan
from tests.unit.migrate.report import samples


def document(text: str) -> Any:
    return json.loads(text)


def test_the_names_are_those_that_programs_read() -> None:
    plan = document(render_plan("prod plan", samples.rich()))

    assert set(plan) == {
        *("schema_version", "command", "exit_code", "database", "before", "review", "allow", "saved"),
        "warnings",
    }
    assert set(plan["review"]) == {
        *(
            "plan",
            "revisions",
            "hazards",
            "high",
            "waits",
            "rehearsed_on",
            "schema_from",
            "notes",
            "drift",
            "baseline",
        ),
    }
    revision = plan["review"]["revisions"][0]
    assert set(revision) == {"revision", "transactional", "statements", "undo", "shown", "why_not"}
    assert set(revision["statements"][0]) == {
        *("number", "sql", "times", "transactional", "tables", "holding", "blocks", "estimate", "undo"),
    }
    assert set(revision["statements"][0]["tables"][0]) == {
        *("name", "lock", "blocks", "rewrites", "scans", "is_new", "held_since", "rows", "bytes"),
    }


def test_the_values_are_plain() -> None:
    plan = document(render_plan("prod plan", samples.rich()))

    assert plan["review"]["high"] == 5
    assert plan["allow"].startswith("--allow blocks-reads,")
    assert plan["review"]["plan"]["direction"] == "upgrade"
    assert plan["review"]["hazards"][0]["code"] == "blocks-reads"
    assert plan["review"]["hazards"][0]["severity"] == "high"
    table = plan["review"]["revisions"][0]["statements"][0]["tables"][0]
    assert (table["lock"], table["blocks"]) == ("ACCESS EXCLUSIVE", "reads and writes")
    assert plan["review"]["revisions"][0]["revision"]["path"].endswith("0002_add_last_seen_at_to_users.py")


def test_where_it_was_saved() -> None:
    result = samples.result([], saved=Path("/tmp/plan.json"))

    assert document(render_plan("prod plan", result))["saved"] == "/tmp/plan.json"


def test_keeps_what_a_stranger_named_without_letting_it_reach_a_terminal() -> None:
    text = render_plan("prod plan", samples.hostile())

    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert document(text)["review"]["revisions"][0]["revision"]["message"] == samples.HOSTILE


def test_a_password_is_not_in_it() -> None:
    step = samples.revision("0002", "role", ["0001"])
    sql = "ALTER ROLE app PASSWORD 'hunter2'"
    result = samples.result([samples.reviewed(step, [samples.statement(1, sql)])])

    assert "hunter2" not in render_plan("prod plan", result)
