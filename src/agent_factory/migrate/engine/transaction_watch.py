"""The transactions of the revision that runs: what of it is committed, as the server says.

Whatever cursor sends a revision's SQL tells it here first. Text decides at most whether the server is asked:
before and after a statement that may end a transaction, and before each commit. What the server cannot tell
is noted as uncertain.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto

import psycopg2
import sqlalchemy as sa
from psycopg2.errors import InFailedSqlTransaction
from psycopg2.extensions import TRANSACTION_STATUS_INERROR

from agent_factory.migrate.db import indexes
from agent_factory.migrate.db.driver import NOTHING_TO_DO, WatchedConnection, own_cursor_of
from agent_factory.migrate.db.transaction_control import (
    begins_with_end,
    may_change_transaction,
    may_end_transaction,
    may_run_inside,
    only_controls,
)
from agent_factory.migrate.db.transactions import (
    Status,
    Transaction,
    ask,
    is_idle,
    is_open,
    is_past_its_end,
    mark_sql,
    read_status,
)
from agent_factory.migrate.engine.running_revision import (
    ENDED_UNSEEN,
    RevisionState,
    RunningRevision,
    TransactionEndedError,
)

NO_STATEMENT = "DO $$ BEGIN END $$"
"""What runs in place of a statement whose work an earlier run has done."""


class Verdict(Enum):
    """What became of a transaction."""

    GOES_ON = auto()
    COMMITTED = auto()
    NOTHING_COMMITTED = auto()
    UNCERTAIN = auto()


def judge(
    before: Transaction,
    now: Transaction,
    status: Status | None,
    *,
    begins_with_end: bool,
    has_failed: bool = False,
) -> Verdict:
    """Say what became of the transaction ``before``, in which a text was sent.

    ``now`` was asked afterwards, and ``status`` is that of its id. ``begins_with_end``: the text had nothing
    before the statement that ends it. ``has_failed``: the last transaction before ``now`` was rolled back.
    """
    ended = before.ended_until(now)
    if ended is not None and has_failed:
        ended -= 1
    if ended == 0:
        return Verdict.GOES_ON
    if status == "committed":
        return Verdict.COMMITTED
    if before.nothing_written_until(now):
        return Verdict.NOTHING_COMMITTED
    is_settled = status == "aborted" or (before.xid is None and begins_with_end)
    return Verdict.NOTHING_COMMITTED if ended == 1 and is_settled else Verdict.UNCERTAIN


def _judge_after_error(sql: str) -> Verdict:
    """Say what became of a transaction that had failed before this text ended it: there was nothing to
    commit in it, and what else the text holds may have been."""
    return Verdict.NOTHING_COMMITTED if only_controls(sql) else Verdict.UNCERTAIN


class _Heard:
    """Around each ordinary statement of a revision: whether one has failed in this transaction.

    A transaction in which something has failed can be asked nothing. Where no statement that was heard has,
    another has, and it may have ended the transaction first.
    """

    has_failed = False

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, psycopg2.Error) and not isinstance(error, InFailedSqlTransaction):
            self.has_failed = True


@dataclass(slots=True, kw_only=True)
class TransactionWatch:
    """The listener on the driver's connection of a run. ``find_running`` returns the revision whose statement
    it is that is sent, None for what is env.py's or Alembic's own. ``note_sent`` is called with each before
    it is sent, and raises what stops it; ``before_autocommit`` then with each that is sent in autocommit.
    ``hear`` is called with every text, whose ever it is.

    ``mark`` is that of all transactions which this run begins.
    """

    connection: sa.Connection
    driver: WatchedConnection
    find_running: Callable[[], RunningRevision | None]
    mark: str
    note_sent: Callable[[str, int | None], None]
    hear: Callable[[str], None]
    before_autocommit: Callable[[RunningRevision, str], None]
    _is_expected: bool = False
    _commits: Transaction | None = None
    _failed_in: list[tuple[Transaction, str]] = field(default_factory=list)
    _heard: _Heard = field(default_factory=_Heard)
    _has_own_transaction: bool = False
    """The revision has run BEGIN in an autocommit block."""

    def attach(self) -> None:
        """Listen, and have the transactions that a commit begins marked."""
        self.driver.listener = self
        self.driver.begin_sql = mark_sql(self.mark)

    def begin(self) -> None:
        """Mark the transaction that SQLAlchemy begins, unless a commit has begun and marked it."""
        if not is_idle(self.driver):
            return
        self._heard.has_failed = self._has_own_transaction = False
        if not self.driver.autocommit:
            self._send(mark_sql(self.mark))

    def expect_end(self) -> None:
        """Say that SQLAlchemy is about to commit or to roll back, and that its listeners know."""
        self._is_expected = True

    def expect_commit(self, running: RunningRevision) -> None:
        """SQLAlchemy is about to commit before the revision's end: ask whether anything was written.

        Raises TransactionEndedError where it is not the transaction that af-db began.
        """
        if not is_open(self.driver):
            return
        self._commits = self._ask()
        if not self._commits.is_marked:
            self._end(running, Verdict.UNCERTAIN, ENDED_UNSEEN)

    def check_open(self, _running: RunningRevision) -> None:
        """Do nothing: ``sending`` hears of each statement, and sees it."""

    def check(self, running: RunningRevision) -> None:
        """Raise TransactionEndedError where this is not the transaction that af-db began for the revision."""
        if running.ended is not None:
            raise running.ended
        if not self.driver.autocommit and not (is_open(self.driver) and self._ask().is_marked):
            self._end(running, Verdict.UNCERTAIN, ENDED_UNSEEN)

    def look_before_rollback(self, running: RunningRevision | None) -> None:
        """After a failure: see whether its transaction is still the one that af-db began."""
        if running is None or running.ended is not None or not self.connection.in_transaction():
            return
        if self.driver.autocommit or not is_open(self.driver):
            return
        with contextlib.suppress(psycopg2.Error):
            if not self._ask().is_marked:
                running.note_uncertain()

    def settle(self, running: RunningRevision | None) -> None:
        """After a failure: roll back what SQLAlchemy does not know of, and ask what was committed."""
        with contextlib.suppress(psycopg2.Error):
            self._roll_back_all()
        failed, self._failed_in = self._failed_in, []
        if running is None:
            return
        for before, sql in failed:
            now, status = self._ask_anew(before)
            verdict = judge(before, now, status, begins_with_end=begins_with_end(sql), has_failed=True)
            if verdict is not Verdict.GOES_ON:
                self._note(running, verdict, sql)

    def settle_lost(self, running: RunningRevision | None) -> None:
        """The connection is lost: what may have committed cannot be asked about any more."""
        failed, self._failed_in = self._failed_in, []
        if running is not None and not running.is_recorded:
            for _before, sql in failed:
                running.note_uncertain(sql)

    @contextlib.contextmanager
    def ending(self, how: str) -> Iterator[None]:
        """Around a commit or a rollback of the driver's: one that SQLAlchemy does not know is the revision's.

        Raises TransactionEndedError after it.
        """
        is_expected, self._is_expected = self._is_expected, False
        commits, self._commits = self._commits, None
        running = self.find_running()
        if running is None or self.driver.autocommit:
            yield
            return
        if self._has_ended_unheard(running, how):
            running.note_uncertain()
        if is_expected:
            with self._failure_noted(commits, how):
                yield
            if commits is not None:
                self._note_commit(running, commits)
        else:
            asked = self._ask() if is_open(self.driver) else None
            with self._failure_noted(asked, how):
                yield
            self._judge_call(running, asked, how)

    def _has_ended_unheard(self, running: RunningRevision, how: str) -> bool:
        """Say whether what nobody has heard may have ended the transaction that is about to end."""
        is_between = running.state is RevisionState.COMMITTED  # SQLAlchemy asks for the isolation level there
        if running.ended is not None or running.is_over or is_between or self._has_own_transaction:
            return False
        if how == "rollback" and is_open(self.driver):
            return not self._ask().is_marked
        is_in_error = self.driver.info.transaction_status == TRANSACTION_STATUS_INERROR
        return is_past_its_end(self.driver) or (is_in_error and not self._heard.has_failed)

    def _note_commit(self, running: RunningRevision, asked: Transaction) -> None:
        """What was written up to this commit is committed; not by what Alembic did before the revision."""
        is_its_own = bool(running.statements) or not running.has_written_before
        running.note_commit(has_written=asked.xid is not None and is_its_own)

    def _judge_call(self, running: RunningRevision, asked: Transaction | None, how: str) -> None:
        has_committed = how == "commit" and asked is not None and asked.xid is not None
        if not self.connection.in_transaction() and not has_committed:
            return  # SQLAlchemy asks for the isolation level between two transactions, and rolls that back
        verdict = Verdict.COMMITTED if has_committed else Verdict.NOTHING_COMMITTED
        if asked is not None and not asked.is_marked and not has_committed:
            verdict = Verdict.UNCERTAIN
        self._end(running, verdict, f"{how}() of psycopg2")

    def sending(
        self, sql: str, *, is_named: bool, rows: int | None = None
    ) -> contextlib.AbstractContextManager[None]:
        """Around whatever a revision sends. Raises TransactionEndedError where that ended its transaction."""
        self.hear(sql)
        running = self.find_running()
        if running is None or sql == NO_STATEMENT:
            return NOTHING_TO_DO
        if running.ended is not None:
            raise running.ended
        self.note_sent(sql, rows)
        if not self.driver.autocommit:
            return self._in_transaction(running, sql)
        # Where the revision's own BEGIN has failed, nothing but its end can be sent.
        if self.driver.info.transaction_status != TRANSACTION_STATUS_INERROR:
            self.before_autocommit(running, sql)
        if not is_idle(self.driver):
            return self._in_transaction_of_its_own(running, sql)
        if may_run_inside(sql) and not is_named and not may_change_transaction(sql):
            return self._wrapped(running, sql)
        return self._alone(running, sql)

    def _in_transaction(self, running: RunningRevision, sql: str) -> contextlib.AbstractContextManager[None]:
        if is_past_its_end(self.driver) or (is_idle(self.driver) and running.has_open_transaction):
            self._end(running, Verdict.UNCERTAIN, ENDED_UNSEEN)
        if may_change_transaction(sql):
            return self._asked_about(running, sql)
        running.note_statement(sql)
        return self._heard

    @contextlib.contextmanager
    def _asked_about(self, running: RunningRevision, sql: str) -> Iterator[None]:
        """Ask before and after a statement that may end the transaction."""
        asked = self._ask() if is_open(self.driver) else None
        with self._failure_noted(asked, sql):
            try:
                yield
            except psycopg2.Error:
                if may_end_transaction(sql):
                    running.ended = TransactionEndedError(sql)  # whoever catches this must not go on
                raise
        running.note_statement(sql)
        if asked is not None:
            verdict = self._judge(asked, sql)
        elif self.driver.info.transaction_status == TRANSACTION_STATUS_INERROR:
            verdict = Verdict.GOES_ON
        else:
            verdict = _judge_after_error(sql)
        if verdict is not Verdict.GOES_ON:
            self._end(running, verdict, sql, sql=sql)

    @contextlib.contextmanager
    def _failure_noted(self, asked: Transaction | None, sql: str) -> Iterator[None]:
        """Remember, for ``settle``, what was asked before something that fails."""
        try:
            yield
        except psycopg2.Error:
            self._heard.has_failed = True
            if asked is not None:
                self._failed_in.append((asked, sql))
            raise

    @contextlib.contextmanager
    def _in_transaction_of_its_own(self, running: RunningRevision, sql: str) -> Iterator[None]:
        """The revision has run BEGIN where each statement commits by itself."""
        asked = self._ask() if is_open(self.driver) else None
        with self._failure_noted(asked if may_end_transaction(sql) else None, sql):
            yield
        running.note_in_own_transaction(sql)
        if asked is not None and self.driver.info.transaction_status != TRANSACTION_STATUS_INERROR:
            verdict = self._judge(asked, sql)
            if verdict is not Verdict.GOES_ON:
                self._note(running, verdict, sql)
        elif asked is None and is_idle(self.driver):
            self._note(running, _judge_after_error(sql), sql)

    @contextlib.contextmanager
    def _wrapped(self, running: RunningRevision, sql: str) -> Iterator[None]:
        """Send it in a transaction of af-db's, so that the server can be asked whether it has written."""
        self._send(b"BEGIN; " + mark_sql(self.mark))
        asked = self._ask()
        try:
            yield
        except psycopg2.Error:
            if self._may_be_committed(asked):
                running.note_uncertain(sql)
            raise
        now = self._ask() if is_open(self.driver) else None
        if now is None or now.virtual != asked.virtual:
            running.note_committed(sql)
            return
        self._send(b"COMMIT")
        if now.xid is not None:
            running.note_committed(sql)

    @contextlib.contextmanager
    def _alone(self, running: RunningRevision, sql: str) -> Iterator[None]:
        """It commits by itself, or has several transactions; when it fails, some may be committed."""
        running.note_build(sql)
        is_build = indexes.built_by(sql) is not None or indexes.builds_unnamed(sql)
        asked = self._ask()
        try:
            yield
        except psycopg2.Error:
            if not is_build and self._may_be_committed(asked):
                running.note_uncertain(sql)
            raise
        if not is_idle(self.driver):
            self._has_own_transaction = True
            running.note_in_own_transaction(sql)
        elif not asked.nothing_written_until(self._ask()):
            running.note_committed(sql)

    def _may_be_committed(self, asked: Transaction) -> bool:
        """Say whether a part of what has just failed may be committed: it had several transactions."""
        try:
            if not is_idle(self.driver):
                self._send(b"ROLLBACK")
            verdict = judge(asked, self._ask(), "aborted", begins_with_end=True, has_failed=True)
        except psycopg2.Error:
            return True
        return verdict is Verdict.UNCERTAIN

    def _roll_back_all(self) -> None:
        self.driver.abandon()
        if not is_idle(self.driver):
            # psycopg2 does not know of a BEGIN that was sent as a statement.
            is_autocommit, self.driver.autocommit = self.driver.autocommit, True
            self._send(b"ROLLBACK")
            self.driver.autocommit = is_autocommit

    def _judge(self, before: Transaction, sql: str) -> Verdict:
        """Say what became of the transaction in which this was sent without an error."""
        if is_open(self.driver):
            now = self._ask()
            if now.virtual == before.virtual:
                if not now.is_marked and before.is_marked:
                    self._send(mark_sql(self.mark))  # RESET ALL has taken it away
                return Verdict.GOES_ON
            status = self._status(before)
        else:
            now, status = self._ask_anew(before)
        return judge(before, now, status, begins_with_end=begins_with_end(sql))

    def _end(self, running: RunningRevision, verdict: Verdict, how: str, *, sql: str = "") -> None:
        self._note(running, verdict, sql)
        running.ended = TransactionEndedError(how)
        raise running.ended

    def _note(self, running: RunningRevision, verdict: Verdict, sql: str) -> None:
        if verdict is Verdict.COMMITTED:
            running.note_commit(has_written=True)
        elif verdict is Verdict.NOTHING_COMMITTED:
            running.note_rollback()
        elif verdict is Verdict.UNCERTAIN:
            running.note_uncertain(sql)

    def _ask(self) -> Transaction:
        with own_cursor_of(self.driver) as cursor:
            return ask(cursor, self.mark)

    def _ask_anew(self, before: Transaction) -> tuple[Transaction, Status | None]:
        """Ask in a transaction of the question's own, and for the status of the earlier one."""
        try:
            return self._ask(), self._status(before)
        finally:
            self.driver.abandon()

    def _status(self, transaction: Transaction) -> Status | None:
        if transaction.xid is None:
            return None
        with own_cursor_of(self.driver) as cursor:
            return read_status(cursor, transaction.xid)

    def _send(self, sql: bytes) -> None:
        with own_cursor_of(self.driver) as cursor:
            cursor.execute(sql)
