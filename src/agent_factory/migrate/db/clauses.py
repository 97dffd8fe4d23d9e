"""Clauses of statements that people write.

Only what stands outside of all parentheses, quotes and comments is read, or nothing.
"""

import re
from dataclasses import dataclass

from agent_factory.migrate.db.sql import NAME, QUALIFIED, bare, blanked, comma_separated, outline

_RETYPED = re.compile(rf"\bALTER\s+(?:COLUMN\s+)?({NAME})\s+(?:SET\s+DATA\s+)?TYPE\b", re.IGNORECASE)
_USING = re.compile(r"\bUSING\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """An UPDATE or a DELETE of one table. ``head`` is the text before WHERE; ``alias`` is what the condition
    calls the table, None for its own name."""

    head: str
    table: str
    alias: str | None
    condition: str | None


def row_change(sql: str) -> RowChange | None:
    """Read ``UPDATE t SET ... WHERE ...`` and ``DELETE FROM t WHERE ...`` of one table, else None.

    One that takes other tables in (FROM, USING, WITH), a cursor, or says more behind it is not read.
    """
    text = blanked(sql, keep={"name"})
    head = re.match(
        rf"\s*(?:UPDATE|(?P<delete>DELETE)\s+FROM)\s+(?:ONLY\s+)?(?P<table>{QUALIFIED})(?:\s*\*)?"
        rf"(?:\s+(?:AS\s+)?(?!(?:SET|WHERE|USING|RETURNING)\b)(?P<alias>{NAME}))?\s*(?=SET\b|WHERE\b|;|$)",
        text,
        re.IGNORECASE,
    )
    if head is None:
        return None
    shape = outline(sql)
    rest = re.sub(
        r"\bDISTINCT\s+FROM\b", lambda match: " " * len(match[0]), shape[head.end() :], flags=re.IGNORECASE
    )
    if re.search(r"\b(FROM|USING|RETURNING|CURRENT\s+OF)\b|;\s*\S", rest, re.IGNORECASE):
        return None
    where = re.search(r"\bWHERE\b", rest, re.IGNORECASE)
    middle = head.end() + where.start() if where else len(sql)
    condition = sql[middle + len("WHERE") :].strip().rstrip(";").strip() if where else None
    return RowChange(
        head=sql[:middle].strip().rstrip(";").strip(),
        table=head["table"],
        alias=head["alias"],
        condition=condition,
    )


def using_expression(sql: str, column: str) -> str | None:
    """Return the USING of ``ALTER COLUMN column ... TYPE ... USING expression``; ``column`` is unquoted."""
    shape, text = outline(sql), blanked(sql, keep={"name"})
    for start, end in comma_separated(sql):
        named = _RETYPED.search(text, start, end)
        using = _USING.search(shape, start, end)
        if named and using and bare(named[1]) == column:
            return sql[using.end() : end].strip().rstrip(";").strip()
    return None
