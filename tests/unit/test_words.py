"""The words of the field: old ones of our own are gone from names, docstrings and messages."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src" / "agent_factory" / "migrate"

# Codes that machines read, in JSON and in tables of the documents, keep their names.
CODES = re.compile(r'"(?:not-executed-anew|not-looked-at)"')

FORBIDDEN = {
    "DatabaseState": r"Truth|the truth about",
    "RunState": r"Flight",
    "release_backend, abort_connection": r"let_go|lets? go",
    "RunSession": r"class Held\b|import Held",
    "pending_sql": r"self\.ahead",
    "defer_next": r"holds_back",
    "begin_after_commit": r"begins_next",
    "is_session_pooled": r"keeps_prepared",
    "StatementEffects": r"class Account",
    "LockSnapshot": r"Footprint",
    "CatalogLockGates": r"class Gates",
    "SchemaSnapshot": r"KnownSchema",
    "RehearsedRun": r"class Stage",
    "read_connection": r"looking",
    "CountKind, CountTarget, CountQuery": r"class (?:Ask|Subject)",
    "MigrationStep, SafeRewrite": r"class (?:Work|Recipe)",
    "CHECK_FAILED": r"NOT_WELL",
    "Snapshot": r"class Side",
    "RECREATE": r"ANEW",
    "reported, shown, recorded": r"told(?: as)?|is_told",
    "partially applied, left over": r"(?:left|leaves|stays) behind",
    "fix": r"mend(?:s|ed|ing)?",
    "again, from scratch": r"anew",
    "has the name, applies": r"(?:goes|go|went) by",
    "differs, is the result": r"(?:comes|came|come) to (?:its|an) end|what it c(?:ame|omes) to|came to be",
    "differently, differs, if not": r"otherwise",
    "check, read, review": r"look(?:s|ed)? (?:at|for|into)",
    "downgrade": r"(?:the|no|has) way back|way_back",
    "environment name": r"calls? itself",
    "must be": r"is to be (?:a|an|true|called)",
    "no longer has it": r"has it no more",
    "not valid, not a": r"it is no (?:Python|JSON|file|text)",
}


@pytest.mark.parametrize("instead", FORBIDDEN)
def test_the_words_that_had_to_be_learned_are_gone(instead: str) -> None:
    old = re.compile(rf"\b(?:{FORBIDDEN[instead]})\b")
    found = [
        f"{path.relative_to(SOURCE)}:{number}: {match[0]!r}, say {instead}"
        for path in sorted(SOURCE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if (match := old.search(CODES.sub("", line)))
    ]

    assert not found, "\n".join(found)
