"""What each revision sends to the database, for comparing a run with its rehearsal."""

import contextlib
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

_SAVEPOINT = re.compile(r"\bsa_savepoint_\d+")
"""SQLAlchemy counts the savepoints of a connection, so a second try has other names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A revision's statements: how many, and a hash of all their texts in their order.

    Parameters are left out: a time or a random number is another one each time. How often a statement ran
    with many rows of parameters counts.
    """

    count: int
    sha256: bytes


@dataclass(slots=True)
class _Sending:
    count: int = 0
    hash: Any = field(default_factory=hashlib.sha256)


class SentStatements:
    """Notes the statements that SQLAlchemy sends for the revision that runs, up to its version row.

    What a revision sends through the driver's own cursor, such as COPY, is not seen.
    """

    def __init__(self) -> None:
        self._of: dict[str, _Sending] = {}
        self._current: _Sending | None = None

    def by(self, revision: str) -> Sent:
        """Return what a revision has sent since it began the last time."""
        sending = self._of[revision]
        return Sent(count=sending.count, sha256=sending.hash.digest())

    def by_revision(self) -> Mapping[str, Sent]:
        """Return what each revision has sent."""
        return {revision: self.by(revision) for revision in self._of}

    def begin(self, revision: str) -> None:
        self._current = self._of[revision] = _Sending()

    def end(self) -> None:
        self._current = None

    def note(self, statement: str, parameters: Any, *, is_many: bool) -> None:
        if self._current is None:
            return
        times = len(parameters) if is_many else 1
        text = _SAVEPOINT.sub("sa_savepoint", statement)
        self._current.count += 1
        self._current.hash.update(f"{times}\0{text}\0".encode(errors="surrogatepass"))

    @contextlib.contextmanager
    def noted(self, engine: sa.Engine) -> Iterator[None]:
        """Listen for the block: to the engine, before env.py may, since its listeners may change a text."""
        sa.event.listen(engine, "before_cursor_execute", self._before)
        try:
            yield
        finally:
            sa.event.remove(engine, "before_cursor_execute", self._before)

    def _before(
        self,
        _connection: object,
        _cursor: object,
        statement: str,
        parameters: Any,
        _context: object,
        is_many: bool,
    ) -> None:
        self.note(statement, parameters, is_many=is_many)
