"""What a revision has read of the database: the statements whose rows it has asked for."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from agent_factory.migrate.db.sql import blanked
from agent_factory.migrate.rehearsal.trace.statements import TracedRead

_KINDS = {
    "a setting": re.compile(
        r"\bcurrent_setting\s*\(|\A\s*SHOW\b(?!\s+(?:transaction\s+isolation\s+level|search_path)\b)",
        re.IGNORECASE,
    ),
    "the clock": re.compile(
        r"\b(?:now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\("
        r"|\bcurrent_(?:timestamp|date|time)\b|\blocaltime(?:stamp)?\b",
        re.IGNORECASE,
    ),
    "a random value": re.compile(
        r"\b(?:random|gen_random_uuid|uuid_generate_v\d\w*|randomblob)\s*\(", re.IGNORECASE
    ),
}
"""SQLAlchemy asks for the isolation level, and for the search_path, by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a revision is: the line of its file, and how many statements it has sent."""

    line: int | None = None
    sent: int = 0


FindPlace = Callable[[], Place]


def nowhere() -> Place:
    """Return the place of a statement that no revision sends."""
    return Place()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A statement that may be read; its cursor tells whether somebody has asked for its rows."""

    sql: str
    tables: tuple[str, ...]
    rows: int | None
    cursor: Any
    place: Place


class Reads:
    """The statements that may have been read since they were last taken."""

    def __init__(self, find_place: FindPlace) -> None:
        self._find_place = find_place
        self._asked: list[_Asked] = []

    def note(self, cursor: Any, sql: str, tables: tuple[str, ...]) -> None:
        """A statement that changes nothing has run; it reads rows of these tables that were there before."""
        rows = cursor.rowcount if cursor.rowcount >= 0 else None
        place = self._find_place()
        self._asked.append(_Asked(sql=sql, tables=tables, rows=rows, cursor=cursor, place=place))

    def take(self) -> tuple[TracedRead, ...]:
        """Return those of which somebody has asked for rows, and forget all."""
        asked, self._asked = self._asked, []
        return tuple(read for each in asked for read in _read(each))


def _read(asked: _Asked) -> Iterator[TracedRead]:
    if not getattr(asked.cursor, "is_fetched", False):
        return
    plain = blanked(asked.sql)
    what = (
        "rows" if asked.tables else next((kind for kind, found in _KINDS.items() if found.search(plain)), "")
    )
    if what:
        yield TracedRead(
            sql=asked.sql,
            what=what,
            tables=asked.tables,
            rows=asked.rows,
            line=asked.place.line,
            sent=asked.place.sent,
        )
