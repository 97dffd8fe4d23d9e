"""Findings as SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"), for code scanning."""

import hashlib
from collections import Counter
from pathlib import Path
from urllib.parse import quote

from agent_factory.migrate.model.findings import RULES, CheckResult, Finding, Rule
from agent_factory.migrate.model.version import af_db_version
from agent_factory.migrate.report.cleaning import cleaned
from agent_factory.migrate.report.json import write_document
from agent_factory.migrate.report.places import inside

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"
"""What the repository's root is called: it is another folder on every machine."""

_NUMBERS = {code: number for number, code in enumerate(RULES)}


def render_sarif(command: str, result: CheckResult, *, root: Path, config: Path) -> str:
    """Return the document; ``root`` is the repository's.

    A finding that is in no file is placed at ``config``: GitHub takes no result without a place ("SARIF
    support for code scanning", location). What the project ignores is in it, as suppressed.
    """
    result = cleaned(result)
    seen: Counter[str] = Counter()
    results = [_result(finding, root, config, seen) for finding in result.findings]
    results += [
        _result(ignored.finding, root, config, seen)
        | {"suppressions": [{"kind": "external", "justification": ignored.reason}]}
        for ignored in result.ignored
    ]
    run = {
        "tool": {
            "driver": {
                "name": "af-db",
                "version": af_db_version(),
                "rules": [_rule(rule) for rule in RULES.values()],
            }
        },
        "automationDetails": {"id": f"af-db {command}/"},
        "originalUriBaseIds": {ROOT: {"description": {"text": "the repository's root"}}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "exitCode": int(result.exit_code),
                "toolExecutionNotifications": [
                    {"level": "note", "message": {"text": f"not checked: {reason}"}}
                    for reason in result.skipped
                ],
            }
        ],
        "results": results,
    }
    return write_document({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.text},
        "help": {"text": rule.help},
        "defaultConfiguration": {"level": str(rule.level)},
    }


def _result(finding: Finding, root: Path, config: Path, seen: "Counter[str]") -> dict[str, object]:
    file = finding.file or config
    path = inside(root, file)
    artifact = {"uri": quote(path), "uriBaseId": ROOT} if path else {"uri": file.absolute().as_uri()}
    location: dict[str, object] = {
        "physicalLocation": {"artifactLocation": artifact, "region": {"startLine": finding.line or 1}}
    }
    if finding.object:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.object}]
    remedy = (f"fix it: {finding.remedy}",) if finding.remedy else ()
    return {
        "ruleId": finding.code,
        "ruleIndex": _NUMBERS[finding.code],
        "level": str(finding.level),
        "message": {"text": "\n".join((finding.message, *finding.details, *remedy))},
        "locations": [location],
        "partialFingerprints": _fingerprints(finding, path or str(file), seen),
    }


def _fingerprints(finding: Finding, path: str, seen: "Counter[str]") -> dict[str, str]:
    """Return what stays the same while lines move: the rule, the file, and the object or what was said.

    GitHub knows a result again by primaryLocationLineHash alone, and would make it of the line's text.
    """
    same = "\0".join((finding.code, path, finding.object or finding.message))
    seen[same] += 1
    hashed = f"{hashlib.sha256(same.encode()).hexdigest()[:32]}:{seen[same]}"
    return {"afDb/v1": hashed, "primaryLocationLineHash": hashed}
