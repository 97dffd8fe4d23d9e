"""What af-db knows of a hazard, its name, its texts and what finds it; and a hazard that was found."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.review.hazards.evidence import (
    CountedRows,
    Evidence,
    LockedTable,
    RehearsedStatement,
    StatementLocks,
)


class Severity(StrEnum):
    """``HIGH`` stops an upgrade until the hazard is allowed by name."""

    NOTICE = "notice"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """What could go wrong, where, and what to do instead.

    ``code`` is that of its rule. ``statement`` is its number in the revision, from 1, None for the revision
    as a whole; ``table`` is the one that it is mostly about, as production calls it. ``remedy`` may have
    several lines.
    """

    code: str
    severity: Severity
    revision: str
    statement: int | None
    table: str | None
    message: str
    remedy: str


def _nothing(*_evidence: object) -> Iterator[Hazard]:
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardRule:
    """One hazard; each is a module of its own in ``rules/``.

    ``code`` is what people allow, search for and write into continuous integration: it never changes.
    ``number`` is its place in lists, ``rank`` is the lower the worse it is; no two rules share one.
    ``text``: what it is. ``high``: when its severity is high. ``remedy``: what to do instead, in general;
    where a safe form of the very statement is known, that is shown. ``on_downgrade``: what to do instead of
    both where the revision is applied and being undone, so that its file has to stay as it is; empty where
    the hazard is worded for each direction.

    The rest finds it, one or several; each is called with every thing of its kind that a plan has.
    ``in_counted_rows``: rows that production was asked to count, unless there are none.
    ``in_uncounted_rows``: a statement, of whose rows production could not be asked.
    ``in_locks``: what a statement locks, and each of these tables.
    ``in_revision``, ``in_statement``: a revision as a whole, a statement.
    """

    code: str
    number: int
    rank: int
    text: str
    high: str
    remedy: str
    on_downgrade: str = ""
    in_counted_rows: Callable[[CountedRows, Evidence], Iterator[Hazard]] = _nothing
    in_uncounted_rows: Callable[[RehearsedStatement, Evidence], Iterator[Hazard]] = _nothing
    in_locks: Callable[[StatementLocks, LockedTable, Evidence], Iterator[Hazard]] = _nothing
    in_revision: Callable[[RehearsedRevision, Evidence], Iterator[Hazard]] = _nothing
    in_statement: Callable[[RehearsedStatement, Evidence], Iterator[Hazard]] = _nothing

    def __post_init__(self) -> None:
        for name, said in (("text", self.text), ("high", self.high), ("remedy", self.remedy)):
            if not said or said[-1] in ". ":
                raise ValueError(f"{self.code}: {name} is empty, or ends in a full stop or a space")
        if self.on_downgrade[-1:] in (".", " "):
            raise ValueError(f"{self.code}: on_downgrade ends in a full stop or a space")
        counts = (self.in_counted_rows, self.in_uncounted_rows)
        if {*counts, self.in_locks, self.in_revision, self.in_statement} == {_nothing}:
            raise ValueError(f"{self.code}: nothing finds it")

    def hazard(
        self,
        statement: RehearsedStatement,
        severity: Severity,
        table: str | None,
        said: str,
        remedy: str = "",
    ) -> Hazard:
        """Return this hazard of a statement: ``said`` is what that does, an empty ``remedy`` the rule's."""
        return Hazard(
            code=self.code,
            severity=severity,
            revision=statement.revision.id,
            statement=statement.number,
            table=table,
            message=f"statement {statement.number} {said}",
            remedy=remedy or self.remedy,
        )
