"""What the revisions of a run send, compared with what is expected of them before it is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agent_factory.migrate.db.sent_statements import (
    ExpectedStatements,
    SentStatement,
    is_query,
    sha256_of,
    shown,
)
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.model.results import OtherStatements

_NEXT = (
    "see what it sends now, and have that reviewed: af-db prod plan --out plan.json",
    "it cannot be bound to a plan where its statements depend on something else than its text: af-db names "
    "what it reads as depends-on-data, which has to be allowed; what it cannot see runs without --plan",
)


@dataclass(slots=True, kw_only=True)
class StatementComparison:
    """The revision that runs beside what is ``expected`` of it; nothing is where it was not rehearsed.

    ``difference`` is the error of a revision that is bound to its plan, once it was about to send something
    else: it must not send anything any more.
    """

    expected: Mapping[str, ExpectedStatements]
    difference: RefusedError | None = field(default=None, init=False)
    _revision: str | None = field(default=None, init=False)
    _of: ExpectedStatements | None = field(default=None, init=False)
    _count: int = field(default=0, init=False)
    _queries: list[SentStatement] = field(default_factory=list, init=False)
    """Those that follow each other and may be sent next, in any order."""
    _next: int = field(default=0, init=False)
    _is_other: bool = field(default=False, init=False)

    def begin(self, revision: str) -> None:
        """A try to run this revision begins."""
        self._revision, self._of = revision, self.expected.get(revision)
        self._count, self._next, self._is_other, self.difference = 0, 0, False, None
        self._queries = []

    def note(self, sql: str, rows: int | None = None) -> None:
        """The revision is about to send a statement. Raises RefusedError where it must not."""
        if self.difference is not None:
            raise self.difference
        if self._of is None:
            return
        self._count += 1
        if self._is_other:
            return
        sha256 = sha256_of(sql, rows, self._of.salt)
        planned = self._take(self._of.statements, sha256)
        if planned is not None and planned.sha256 == sha256:
            return
        self._is_other = True
        if self._of.is_binding:
            self._stop(planned.sql if planned else None, shown(sql, rows))

    def _take(self, statements: Sequence[SentStatement], sha256: str) -> SentStatement | None:
        """Take the statement that is planned next: of several queries this one, where it is among them."""
        while self._next < len(statements) and is_query(statements[self._next]):
            self._queries.append(statements[self._next])
            self._next += 1
        if self._queries:
            found = next((n for n, each in enumerate(self._queries) if each.sha256 == sha256), 0)
            return self._queries.pop(found)
        self._next += 1
        return statements[self._next - 1] if self._next <= len(statements) else None

    def end(self) -> OtherStatements | None:
        """The revision is about to be recorded as applied: return how it did not send what it was to.

        Raises RefusedError where it is bound to that.
        """
        if self.difference is not None:
            raise self.difference
        of, self._of = self._of, None
        if of is None:
            return None
        left = (*self._queries, *of.statements[self._next :])
        if of.is_binding and left:
            self._count += 1
            self._stop(left[0].sql, None)
        if not (self._is_other or left):
            return None
        return OtherStatements(sent=self._count, rehearsed=len(of.statements))

    def _stop(self, planned: str | None, now: str | None) -> None:
        what = f"statement {self._count} of revision {self._revision} is not the plan's, and was not sent"
        if now is None:
            what = f"revision {self._revision} ends without statement {self._count} of the plan"
        self.difference = RefusedError(
            "other-statements",
            f"{what}\n  in the plan: {planned or 'no more'}\n  now: {now or 'no more'}",
            next_steps=_NEXT,
        )
        raise self.difference
