"""What each revision sends to the database, for comparing a run with its rehearsal."""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

Sent = tuple[bytes, ...]
"""A revision's statements in their order: a hash of each text and of how often it ran. Parameters are left
out: a time or a random number is another one each time."""


class SentStatements:
    """Notes the statements of the revision that runs, up to its version row."""

    def __init__(self) -> None:
        self._of: dict[str, list[bytes]] = {}
        self._current: list[bytes] | None = None

    def by(self, revision: str) -> Sent:
        """Return what a revision has sent since it began the last time."""
        return tuple(self._of[revision])

    def by_revision(self) -> Mapping[str, Sent]:
        """Return what each revision has sent."""
        return {revision: self.by(revision) for revision in self._of}

    def begin(self, revision: str) -> None:
        self._current = self._of[revision] = []

    def end(self) -> None:
        self._current = None

    def note(self, statement: str, parameters: Any, *, is_many: bool) -> None:
        if self._current is not None:
            times = len(parameters) if is_many else 1
            text = f"{times} {statement}".encode(errors="surrogatepass")
            self._current.append(hashlib.blake2b(text, digest_size=8).digest())

    @contextlib.contextmanager
    def noted(self, connection: sa.Connection) -> Iterator[None]:
        """Listen for the block."""
        sa.event.listen(connection, "before_cursor_execute", self._before)
        try:
            yield
        finally:
            sa.event.remove(connection, "before_cursor_execute", self._before)

    def _before(
        self,
        _connection: sa.Connection,
        _cursor: Any,
        statement: str,
        parameters: Sequence[Any],
        _context: Any,
        is_many: bool,
    ) -> None:
        self.note(statement, parameters, is_many=is_many)
