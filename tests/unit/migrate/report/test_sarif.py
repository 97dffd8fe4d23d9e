"""The document is held to the properties that the schema of SARIF 2.1.0 requires, and to those it knows."""

import json
from dataclasses import replace
from typing import Any

from agent_factory.migrate.model.findings import RULES, CheckResult
from agent_factory.migrate.report.sarif import render_sarif
from tests.unit.migrate.report import findings

SCHEMA: dict[str, dict[str, Any]] = {
    # name: the required properties, and those that this document uses of the others
    "sarifLog": {"required": {"version", "runs"}, "known": {"$schema"}},
    "run": {
        "required": {"tool"},
        "known": {*("results", "invocations", "automationDetails", "originalUriBaseIds", "columnKind")},
    },
    "tool": {"required": {"driver"}, "known": set()},
    "toolComponent": {"required": {"name"}, "known": {"version", "rules"}},
    "reportingDescriptor": {
        "required": {"id"},
        "known": {"shortDescription", "help", "defaultConfiguration"},
    },
    "result": {
        "required": {"message"},
        "known": {
            *("ruleId", "ruleIndex", "level", "locations", "partialFingerprints", "suppressions"),
        },
    },
    "location": {"required": set(), "known": {"physicalLocation", "logicalLocations"}},
    "physicalLocation": {"required": set(), "known": {"artifactLocation", "region"}},
    "artifactLocation": {"required": set(), "known": {"uri", "uriBaseId"}},
    "region": {"required": set(), "known": {"startLine"}},
    "suppression": {"required": {"kind"}, "known": {"justification"}},
    "invocation": {
        "required": {"executionSuccessful"},
        "known": {"exitCode", "toolExecutionNotifications"},
    },
    "notification": {"required": {"message"}, "known": {"level"}},
}
LEVELS = {"none", "note", "warning", "error"}


def document(result: CheckResult) -> Any:
    return json.loads(render_sarif("check", result, root=findings.ROOT, config=findings.CONFIG))


def holds(name: str, value: Any) -> None:
    assert SCHEMA[name]["required"] <= set(value), name
    assert set(value) <= SCHEMA[name]["required"] | SCHEMA[name]["known"], name


def validate(log: Any) -> None:
    holds("sarifLog", log)
    assert log["version"] == "2.1.0"
    for run in log["runs"]:
        holds("run", run)
        holds("tool", run["tool"])
        holds("toolComponent", run["tool"]["driver"])
        assert run["columnKind"] in {"utf16CodeUnits", "unicodeCodePoints"}
        for rule in run["tool"]["driver"]["rules"]:
            holds("reportingDescriptor", rule)
            assert rule["defaultConfiguration"]["level"] in LEVELS
            assert rule["shortDescription"]["text"]
            assert rule["help"]["text"]
        for invocation in run["invocations"]:
            holds("invocation", invocation)
            for notification in invocation["toolExecutionNotifications"]:
                holds("notification", notification)
                assert notification["message"]["text"]
        for result in run["results"]:
            validate_result(run, result)


def validate_result(run: Any, result: Any) -> None:
    holds("result", result)
    assert result["level"] in LEVELS
    assert result["message"]["text"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    assert all(isinstance(value, str) for value in result["partialFingerprints"].values())
    for suppression in result.get("suppressions", ()):
        holds("suppression", suppression)
        assert suppression["kind"] in {"inSource", "external"}
    for location in result["locations"]:
        holds("location", location)
        holds("physicalLocation", location["physicalLocation"])
        artifact = location["physicalLocation"]["artifactLocation"]
        holds("artifactLocation", artifact)
        assert artifact["uriBaseId"] in run["originalUriBaseIds"]
        assert not artifact["uri"].startswith(("/", ".."))
        assert artifact["uri"].isascii()
        holds("region", location["physicalLocation"]["region"])
        assert location["physicalLocation"]["region"]["startLine"] >= 1


def test_the_document_holds_to_the_schema() -> None:
    for result in (findings.sound(), findings.mixed(), findings.hostile()):
        validate(document(result))


def test_every_rule_is_there_with_its_level() -> None:
    driver = document(findings.sound())["runs"][0]["tool"]["driver"]

    levels = {rule["id"]: rule["defaultConfiguration"]["level"] for rule in driver["rules"]}
    assert levels == {code: str(rule.level) for code, rule in RULES.items()}


def test_a_result_is_at_the_line_of_its_file_seen_from_the_repository() -> None:
    (run,) = document(findings.mixed())["runs"]
    edited = next(result for result in run["results"] if result["ruleId"] == "edited-on-branch")

    assert edited["level"] == "error"
    assert edited["message"]["text"] == "002_b.py is edited\n1 added"
    assert edited["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "service/alembic/versions/002_b.py", "uriBaseId": "SRCROOT"},
                "region": {"startLine": 12},
            }
        }
    ]
    assert run["invocations"][0]["exitCode"] == 3


def test_what_is_in_no_file_is_at_the_configuration_and_names_its_object() -> None:
    (run,) = document(findings.mixed())["runs"]
    drift, ignored = (result for result in run["results"] if result["ruleId"] == "drift")

    (location,) = drift["locations"]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "service/alembic.ini"
    assert location["logicalLocations"] == [{"fullyQualifiedName": "public.ix"}]
    assert ignored["suppressions"] == [{"kind": "external", "justification": "the old system's"}]
    assert "suppressions" not in drift


def test_fingerprints_stay_when_lines_move_and_differ_between_results() -> None:
    def fingerprints(result: CheckResult) -> list[str]:
        results = document(result)["runs"][0]["results"]
        return [item["partialFingerprints"]["primaryLocationLineHash"] for item in results]

    before = findings.mixed()
    after = replace(
        before,
        findings=tuple(replace(item, line=item.line + 5 if item.line else None) for item in before.findings),
    )
    twice = replace(before, findings=(findings.EDITED, findings.EDITED), ignored=())

    assert fingerprints(before) == fingerprints(after)
    assert len(set(fingerprints(before))) == 5
    assert len(set(fingerprints(twice))) == 2


def test_no_password_and_no_control_character_is_in_it() -> None:
    text = render_sarif("check", findings.hostile(), root=findings.ROOT, config=findings.CONFIG)

    assert "hush" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
