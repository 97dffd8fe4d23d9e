"""Which SQL could end a transaction, or may run inside one: when to ask the server, never what it answers."""

import re
from collections.abc import Iterator

from agent_factory.migrate.db.sql import blanked

_A_WORD = re.compile(
    r"\b(COMMIT|END|ROLLBACK|ABORT|PREPARE|BEGIN|START|RESET|DISCARD|DO|CALL)\b", re.IGNORECASE
)
_ROLLBACK = r"ROLLBACK(?!\s+(?:(?:WORK|TRANSACTION)\s+)?TO\b)"
_MAY_CHANGE_IT = re.compile(
    rf"(COMMIT|END|{_ROLLBACK}|ABORT|PREPARE|BEGIN|START|RESET|DISCARD|DO|CALL)\b", re.IGNORECASE
)
_ENDS = re.compile(rf"(COMMIT|END|{_ROLLBACK}|ABORT|PREPARE\s+TRANSACTION)\b", re.IGNORECASE)
_BEGINS = re.compile(r"(BEGIN|START\s+TRANSACTION)\b", re.IGNORECASE)
_OPENS = re.compile(r"(SET\s+TRANSACTION\b.*\bREAD\s+WRITE)\b", re.IGNORECASE | re.DOTALL)
_RUNS_INSIDE = re.compile(
    r"(SELECT|WITH|VALUES|TABLE|EXPLAIN|SET|SHOW|RESET|INSERT|UPDATE|DELETE|MERGE|COPY)\b", re.IGNORECASE
)


def may_change_transaction(sql: str) -> bool:
    """Say whether a statement in this text may end the transaction, begin one, or take its mark away."""
    return bool(_A_WORD.search(sql)) and any(_MAY_CHANGE_IT.match(each) for each in _statements(sql))


def may_end_transaction(sql: str) -> bool:
    """Say whether a statement in this text ends the transaction, as far as text can tell."""
    return any(_ENDS.match(each) for each in _statements(sql))


def only_controls(sql: str) -> bool:
    """Say whether the text has nothing but statements that begin or end transactions: it writes nothing."""
    return all(_ENDS.match(each) or _BEGINS.match(each) for each in _statements(sql))


def only_begins(sql: str) -> bool:
    """Say whether the text has nothing but statements that begin a transaction."""
    return all(_BEGINS.match(each) for each in _statements(sql))


def border_of(plain: str) -> str | None:
    """Return the first words of a ``blanked`` text that end, begin or open a transaction for writes."""
    for statement in _begun(plain):
        if found := _ENDS.match(statement) or _BEGINS.match(statement) or _OPENS.match(statement):
            return " ".join(found[1].upper().split())
    return None


def begins_with_end(sql: str) -> bool:
    """Say whether the first statement is one that ends a transaction: nothing is written before it."""
    return bool(_ENDS.match(next(_statements(sql), "")))


def may_run_inside(sql: str) -> bool:
    """Say whether the first statement means the same inside a transaction as outside of one."""
    return bool(_RUNS_INSIDE.match(next(_statements(sql), "")))


def _statements(sql: str) -> Iterator[str]:
    """Yield the text from the beginning of each statement; parts of a function's body may be among them."""
    return _begun(blanked(sql))


def _begun(plain: str) -> Iterator[str]:
    for statement in plain.split(";"):
        if begun := statement.lstrip(" \t\r\n\f\v("):
            yield begun
