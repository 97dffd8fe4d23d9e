"""What each revision sends to the database: recorded at its rehearsal, and expected of its run.

The driver's layer tells it, so it is what any cursor sends, by whatever call. What is compared is the text
and, where it is sent with many rows of parameters, their number. Parameters are no text, nor is what COPY
carries: a time or a random number is another one each time.
"""

import contextlib
import hashlib
import hmac
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent_factory.migrate.db.driver import NOTHING_TO_DO
from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.redaction import redact
from agent_factory.sqlite import BEGIN_TO_WRITE

_SAVEPOINT = re.compile(r"((?:RELEASE |ROLLBACK TO )?SAVEPOINT sa_savepoint_)\d+")
"""SQLAlchemy counts the savepoints of a connection, so a second try has other names."""

_READS = re.compile(
    r"\s*(?:SELECT|SHOW|VALUES|PRAGMA|EXPLAIN|SAVEPOINT|RELEASE|ROLLBACK TO)\b", re.IGNORECASE
)

_QUERIES = re.compile(r"\s*(?:SELECT|SHOW)\b", re.IGNORECASE)

_SHOWN = 200
"""Characters of a statement that are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentStatement:
    """A statement as it is shown, without secrets and cut off, and the SHA-256 of its whole text."""

    sql: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedStatements:
    """What a revision is expected to send, in this order.

    ``salt`` is what the hashes have been salted with, None where they are not. ``is_binding``: anything else
    must not be sent.
    """

    statements: tuple[SentStatement, ...]
    salt: str | None = None
    is_binding: bool = False


def sha256_of(sql: str, rows: int | None, salt: str | None = None) -> str:
    """Return the SHA-256 of a statement; ``rows`` of parameters, None for one or none."""
    text = _SAVEPOINT.sub(r"\1", sql) if "sa_savepoint_" in sql and _SAVEPOINT.fullmatch(sql) else sql
    plain = hashlib.sha256(f"{rows}\0{text}".encode(errors="surrogatepass")).hexdigest()
    return plain if salt is None else salted(plain, salt)


def salted(sha256: str, salt: str) -> str:
    """Return a hash by which nobody recognises what another file has the hash of, without the salt."""
    return hmac.new(salt.encode(), sha256.encode(), hashlib.sha256).hexdigest()


def with_salt(statements: Sequence[SentStatement], salt: str) -> tuple[SentStatement, ...]:
    """Return the statements with salted hashes."""
    return tuple(replace(each, sha256=salted(each.sha256, salt)) for each in statements)


def shown(sql: str, rows: int | None = None) -> str:
    """Return a statement as it may be shown: one line, without secrets, cut off."""
    line = " ".join(redact(masked_sql(sql)).split())
    line = line if len(line) <= _SHOWN else f"{line[: _SHOWN - 3]}..."
    return line if rows is None else f"{line} (with {rows} rows)"


def is_query(statement: SentStatement) -> bool:
    """Say whether it is a SELECT or a SHOW: of such that follow each other, any order is the same.

    Code that walks through a set, such as that of a table's constraints, has another one each time.
    """
    return _QUERIES.match(statement.sql) is not None


def in_one_order(statements: Sequence[SentStatement]) -> tuple[SentStatement, ...]:
    """Return the statements with queries that follow each other in an order that is always the same."""
    ordered: list[SentStatement] = []
    for are_queries, group in itertools.groupby(statements, key=is_query):
        found = list(group)
        ordered += sorted(found, key=lambda each: each.sha256) if are_queries else found
    return tuple(ordered)


def first_difference(one: Sequence[SentStatement], other: Sequence[SentStatement]) -> int | None:
    """Return the number, from 1, of the first statement that only one has, or both have differently."""
    for number, (this, that) in enumerate(zip(one, other, strict=False), start=1):
        if this.sha256 != that.sha256:
            return number
    return min(len(one), len(other)) + 1 if len(one) != len(other) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SentListener:
    """A driver's listener that hands on what is sent; ``is_meant`` says whether it is a revision's."""

    is_meant: Callable[[], bool]
    note: Callable[[str, int | None], None]

    def sending(
        self,
        sql: str,
        *,
        is_named: bool,  # noqa: ARG002 - a cursor's name is no text
        rows: int | None = None,
    ) -> contextlib.AbstractContextManager[None]:
        if sql != BEGIN_TO_WRITE and self.is_meant():
            self.note(sql, rows)
        return NOTHING_TO_DO

    def ending(self, _how: str) -> contextlib.AbstractContextManager[None]:
        return NOTHING_TO_DO


@dataclass(slots=True, kw_only=True)
class SentStatements:
    """Records what each revision sends up to its version row, since it began the last time."""

    _of: dict[str, list[SentStatement]] = field(default_factory=dict)
    _current: list[SentStatement] | None = None
    revision: str | None = None

    def begin(self, revision: str) -> None:
        self.revision = revision
        self._current = self._of[revision] = []

    def end(self) -> None:
        self._current = None

    def note(self, sql: str, rows: int | None) -> None:
        if self._current is not None:
            self._current.append(SentStatement(sql=shown(sql, rows), sha256=sha256_of(sql, rows)))

    @property
    def count(self) -> int:
        """How many statements the revision that runs has sent."""
        return len(self._current or ())

    def last_action(self, revision: str) -> int:
        """Return the number, from 1, of the last statement that does not only read; 0 where none does."""
        numbers = [n for n, each in enumerate(self.by(revision), start=1) if not _READS.match(each.sql)]
        return numbers[-1] if numbers else 0

    def by(self, revision: str) -> tuple[SentStatement, ...]:
        """Return what a revision has sent."""
        return tuple(self._of.get(revision, ()))

    def by_revision(self) -> Mapping[str, tuple[SentStatement, ...]]:
        """Return what each revision has sent."""
        return {revision: self.by(revision) for revision in self._of}
