"""What a revision has added that matters for its downgrade, or for rows that are there."""

import re

from agent_factory.migrate.catalog import Catalog, compare
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.db.sql import LITERAL


def labels_added(before: Catalog, down: Catalog) -> list[str]:
    """Return the enums that have labels besides those of before, where nothing else differs."""
    found = []
    for item in compare(before, down):
        old, new = (re.findall(LITERAL, text or "") for text in (item.expected, item.found))
        if item.kind != "enum" or not old or [label for label in new if label in old] != old:
            return []
        found.append(f"{item.name}: {', '.join(label for label in new if label not in old)}")
    return found


def adds_not_null(statement: str, table: str, column: str) -> bool:
    """Say whether a statement adds this column as one that is NOT NULL and has no default at first either."""
    name = re.escape(plain(column))
    match = re.search(
        rf"\bADD\s+(?:COLUMN\s+)?(?:IF\s+NOT\s+EXISTS\s+)?\"?{name}\"?\s+(?P<of>.*?)(?:,\s*(?:ADD|ALTER|DROP)\b|;|$)",
        statement,
        re.IGNORECASE | re.DOTALL,
    )
    if match is None or plain(table).rpartition(".")[2] not in statement:
        return False
    words = match["of"].upper()
    return "NOT NULL" in words and not re.search(r"\b(DEFAULT|GENERATED)\b", words)
