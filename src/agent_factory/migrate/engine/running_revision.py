"""The revision that runs: what it has done, and its state. No other module changes either."""

import re
import time
from dataclasses import dataclass, field
from enum import Enum, auto

from agent_factory.migrate.db import indexes
from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.model.results import OtherStatements

WRITTEN_UNSEEN = "(what a function or a cursor of the revision has written)"

EVERYTHING = "(all that it has done)"
ENDED_UNSEEN = "in a way that af-db did not see"
"""How a revision has ended its transaction, where only the missing mark tells that it has."""

_READS = re.compile(r"\s*(SELECT|SHOW|SET|PRAGMA|EXPLAIN)\b", re.IGNORECASE)
"""What a list of statements leaves out; whether anything was written is not decided by it."""


class TransactionEndedError(Exception):
    """A revision ran COMMIT or ROLLBACK itself: the rest would not be one transaction with its version."""

    def __init__(self, how: str) -> None:
        super().__init__(f"the revision ends its transaction itself ({how})")


class RevisionState(Enum):
    """Where a revision is between its beginning and its commit."""

    OUTSIDE = auto()
    """It has no transaction: at its beginning, and in an autocommit block."""
    INSIDE = auto()
    """A statement of it has run in a transaction that is still open, as far as SQLAlchemy knows."""
    COMMITTED = auto()
    """Its transaction was committed before its end; only an autocommit block may follow."""
    ROLLED_BACK = auto()
    """Its transaction was rolled back; only an autocommit block may follow."""
    RECORDING = auto()
    """Its version row is being sent, and the journal's with it."""
    RECORDED = auto()
    """Both are written: what follows is af-db's own, and the commit is the one that it is to end with."""


_AT_WORK = frozenset({RevisionState.OUTSIDE, RevisionState.INSIDE, RevisionState.RECORDING})
_ENDED = {RevisionState.COMMITTED: "commit", RevisionState.ROLLED_BACK: "rollback"}
_ALLOWED_FROM = {
    # Another transaction begins after one that was ended: that of an autocommit block.
    RevisionState.OUTSIDE: frozenset(_ENDED),
    RevisionState.INSIDE: frozenset({RevisionState.OUTSIDE, RevisionState.INSIDE}),
    RevisionState.COMMITTED: _AT_WORK,
    # A commit that fails is announced as a commit, and rolled back afterwards.
    RevisionState.ROLLED_BACK: _AT_WORK | frozenset(_ENDED),
    # A revision that merges or splits branches has several version rows.
    RevisionState.RECORDING: _AT_WORK,
    RevisionState.RECORDED: frozenset({RevisionState.RECORDING}),
}
"""From which states each may be entered; a revision begins OUTSIDE, and RECORDED is never left."""


@dataclass(slots=True, kw_only=True)
class RunningRevision:
    """One try to run a revision.

    ``has_written_before``: the transaction that it begins in had changed something already (Alembic makes its
    version table there). ``attempt`` counts from 1, and ``began`` is when the first one began.
    ``statements`` are those of its open transaction, but such as only read; ``committed`` those that are
    committed before its end, ``uncertain`` those of which the server could not say it. ``ended`` is how it
    has ended its transaction itself: nothing of it may run any more. ``built`` are the indexes that it builds
    CONCURRENTLY; ``builds_unnamed``: and others, under names that the server picks. ``other_statements``: it
    did not send what was rehearsed. ``is_over``: its function has ended, what follows is not its own.
    """

    revision: Revision
    has_written_before: bool = False
    attempt: int = 1
    began: float = field(default_factory=time.monotonic)
    statements: list[str] = field(default_factory=list, init=False)
    committed: list[str] = field(default_factory=list, init=False)
    uncertain: list[str] = field(default_factory=list, init=False)
    ended: TransactionEndedError | None = field(default=None, init=False)
    built: list[str] = field(default_factory=list, init=False)
    builds_unnamed: bool = field(default=False, init=False)
    other_statements: OtherStatements | None = field(default=None, init=False)
    is_over: bool = field(default=False, init=False)
    _has_committed_record: bool = field(default=False, init=False)
    _state: RevisionState = field(default=RevisionState.OUTSIDE, init=False)

    @property
    def state(self) -> RevisionState:
        return self._state

    @property
    def is_recorded(self) -> bool:
        """Whether its version row is written: what is sent from now on is not the revision's."""
        return self._state is RevisionState.RECORDED

    @property
    def has_open_transaction(self) -> bool:
        """Whether a transaction that a statement of this revision has run in should still be open."""
        return self._state in (RevisionState.INSIDE, RevisionState.RECORDING)

    @property
    def seconds(self) -> float:
        """How long ago it began, all tries together."""
        return time.monotonic() - self.began

    def next_attempt(self) -> "RunningRevision":
        """Return the next try of a revision of which nothing is applied; the clock goes on."""
        return RunningRevision(
            revision=self.revision,
            has_written_before=self.has_written_before,
            attempt=self.attempt + 1,
            began=self.began,
        )

    def note_build(self, statement: str) -> None:
        """Note the index that a statement is about to build CONCURRENTLY, where it does."""
        name = indexes.built_by(statement)
        if name is not None:
            self.built.append(name)
        elif indexes.builds_unnamed(statement):
            self.builds_unnamed = True

    @property
    def is_clean(self) -> bool:
        """Whether nothing of it is committed before its end, for certain."""
        return not self.committed and not self.uncertain

    def note_statement(self, statement: str) -> None:
        """A statement has run in its transaction."""
        self.note_in_own_transaction(statement)
        if self._state is RevisionState.OUTSIDE:
            self._enter(RevisionState.INSIDE)

    def note_in_own_transaction(self, statement: str) -> None:
        """A statement has run in a transaction that the revision has begun by itself."""
        if not _READS.match(statement):
            self.statements.append(statement)

    def note_committed(self, statement: str) -> None:
        """A statement has taken effect outside of a transaction, by this run or by an earlier one."""
        self.committed.append(statement)

    def note_uncertain(self, statement: str = "") -> None:
        """Whether what has run so far is committed, with this statement as the last, could not be asked."""
        self.uncertain += [*self.statements, *filter(None, [statement])] or [EVERYTHING]
        self.statements = []

    def note_commit(self, *, has_written: bool) -> None:
        """Its transaction is committed, behind SQLAlchemy's back or not; the server says if it wrote."""
        if has_written:
            self.committed += self.statements or [WRITTEN_UNSEEN]
        self.statements = []

    def note_rollback(self) -> None:
        """Its transaction is rolled back, behind SQLAlchemy's back or not."""
        self.statements = []

    def commits(self) -> None:
        """SQLAlchemy is about to commit its transaction before the revision's end."""
        self._enter(RevisionState.COMMITTED)

    def rolls_back(self) -> None:
        """SQLAlchemy rolls its transaction back."""
        self._enter(RevisionState.ROLLED_BACK)

    def begins(self, *, may_follow: bool) -> None:
        """SQLAlchemy begins a transaction; ``may_follow``: one may follow another that was ended early.

        Raises TransactionEndedError where it may not.
        """
        how = _ENDED.get(self._state)
        if how is None:
            return
        self._enter(RevisionState.OUTSIDE)
        if not may_follow:
            raise TransactionEndedError(f"{how}() of SQLAlchemy")

    def check_open(self) -> None:
        """Raise TransactionEndedError where its transaction was ended, and no autocommit block has begun."""
        if self.ended is not None:
            raise self.ended
        how = _ENDED.get(self._state)
        if how is not None:
            raise TransactionEndedError(f"{how}() of SQLAlchemy")

    def records(self) -> None:
        """Its version row, or one of several, is about to be sent."""
        self._enter(RevisionState.RECORDING)
        self.is_over = True

    def is_now_recorded(self) -> None:
        """Its version row is written. Raises TransactionEndedError where it was committed with it by hand."""
        self.check_open()
        self._enter(RevisionState.RECORDED)

    def is_now_committed(self) -> None:
        """SQLAlchemy commits what is recorded."""
        self._has_committed_record = True

    def check_committed(self) -> None:
        """Raise TransactionEndedError where Alembic went on and has not committed: it had no transaction."""
        if not self._has_committed_record:
            raise TransactionEndedError("so that Alembic has committed nothing at its end")

    def note_other_statements(self, other: OtherStatements | None) -> None:
        """Note how it has not sent what it was expected to; None says that it has, or that nothing was."""
        self.other_statements = other

    def _enter(self, state: RevisionState) -> None:
        if self._state not in _ALLOWED_FROM[state]:
            raise RuntimeError(f"{self.revision.id} cannot be {state.name} after {self._state.name}")
        self._state = state
