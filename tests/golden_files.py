"""Texts that are compared with files under ``tests/golden``: what a reader sees, reviewed like code."""

import difflib
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).with_name("golden")


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenFiles:
    """``golden("plan/plain.txt", text)`` fails with the difference; ``updates`` writes the file instead."""

    updates: bool

    def __call__(self, name: str, text: str) -> None:
        path = FOLDER / name
        if self.updates:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        if text == expected:
            return
        difference = difflib.unified_diff(
            expected.splitlines(), text.splitlines(), f"tests/golden/{name}", "what was made", lineterm=""
        )
        pytest.fail(
            "\n".join([*difference, "", "where this is what it should be: pytest --update-golden"]),
            pytrace=False,
        )
