"""Hazards of locks: who waits, for how long, and what a table has to go through meanwhile."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from agent_factory.migrate.db.sizes import TableSize, show_bytes
from agent_factory.migrate.model.locks import Blocks, LockMode
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import ChangeKind, TableEffect, TracedStatement
from agent_factory.migrate.review.forecast import Estimate, about, estimate
from agent_factory.migrate.review.hazards.count import Counted
from agent_factory.migrate.review.hazards.evidence import Step, steps
from agent_factory.migrate.review.hazards.questions import Ask
from agent_factory.migrate.review.hazards.recipe import together
from agent_factory.migrate.review.hazards.remedies import safe_forms
from agent_factory.migrate.review.hazards.rules import (
    FEW_ROWS,
    HELD_NOTICE_S,
    HIGH_ROWS_S,
    HIGH_S,
    NOTICE_ROWS_S,
    NOTICE_S,
    SHORT_S,
    Hazard,
    HazardCode,
    Severity,
)

Estimates = Mapping[tuple[str, int], Estimate]

_LISTED_TABLES = 3
_BUILDS = {
    ChangeKind.ADD_INDEX,
    ChangeKind.ADD_UNIQUE,
    ChangeKind.ADD_PRIMARY_KEY,
    ChangeKind.ADD_EXCLUSION,
}


def estimates(
    revisions: Sequence[RehearsedRevision], sizes: Mapping[str, TableSize], counted: Counted
) -> dict[tuple[str, int], Estimate]:
    """Return how long each statement runs, by its revision and its number.

    An UPDATE or a DELETE changes as many rows as production was found to have for it.
    """
    met = {
        (subject.revision, subject.statement): answer.rows
        for subject, answer in counted.answers.items()
        if answer.rows is not None and not answer.is_least and subject.ask in (Ask.UPDATED, Ask.ROWS)
    }
    return {
        (step.revision.id, step.number): estimate(
            step.statement, sizes, rows_changed=met.get((step.revision.id, step.number))
        )
        for step in steps(revisions)
    }


def find_blocking(
    revisions: Sequence[RehearsedRevision], sizes: Mapping[str, TableSize], forecasts: Estimates
) -> Iterator[Hazard]:
    """Find what keeps readers or writers of tables that have rows waiting."""
    for step in steps(revisions):
        forecast = forecasts[step.revision.id, step.number]
        yield from _strong_locks(step, sizes, forecast)
        yield from _row_locks(step, sizes, forecast)
    for rehearsed in revisions:
        yield from _held_locks(rehearsed, sizes, forecasts)


def _strong_locks(step: Step, sizes: Mapping[str, TableSize], forecast: Estimate) -> Iterator[Hazard]:
    locked = [
        (effect, name, size)
        for effect, name, size in _sized(step, sizes)
        if effect.lock >= LockMode.SHARE and not _is_refreshed(step.statement, effect)
    ]
    if forecast.seconds < NOTICE_S or not locked:
        return
    remedy = together(*safe_forms(step, sizes))
    severity = Severity.HIGH if forecast.seconds >= HIGH_S else Severity.NOTICE
    lock = max(effect.lock for effect, _name, _size in locked)
    waits = "reads and writes wait" if lock.blocks is Blocks.READS_AND_WRITES else "writes wait"
    code = HazardCode.BLOCKS_READS if lock.blocks is Blocks.READS_AND_WRITES else HazardCode.BLOCKS_WRITES
    yield step.hazard(
        code,
        severity,
        locked[0][1],
        f"takes {lock.sql} on {_listed(locked)}: {waits} for {forecast.duration} ({forecast.how})",
        remedy,
    )
    for effect, name, size in locked:
        if effect.rewrites and not _is_emptied(step.statement, effect.table):
            yield step.hazard(
                HazardCode.REWRITES_TABLE,
                severity,
                name,
                f"writes {name} ({size}) and its indexes"
                f" ({show_bytes(size.index_bytes)}) anew under {effect.lock.sql}: as much disk space and WAL"
                f" again, for {forecast.duration}",
                remedy,
            )
        elif effect.scans and not _only_builds(step.statement, effect.table):
            yield step.hazard(
                HazardCode.SCANS_TABLE,
                Severity.NOTICE,
                name,
                f"checks all of {name} ({size}) under {effect.lock.sql}, for {forecast.duration}",
                remedy,
            )


def _row_locks(step: Step, sizes: Mapping[str, TableSize], forecast: Estimate) -> Iterator[Hazard]:
    changes = step.statement.command in ("UPDATE", "MERGE") and forecast.rows_changed >= FEW_ROWS
    if not changes or forecast.seconds < NOTICE_ROWS_S:
        return
    for effect, name, size in _sized(step, sizes):
        if effect.lock is LockMode.ROW_EXCLUSIVE:
            yield step.hazard(
                HazardCode.BLOCKS_WRITES,
                Severity.HIGH if forecast.seconds >= HIGH_ROWS_S else Severity.NOTICE,
                name,
                f"keeps each row of {name} ({size}) that it changes locked until it"
                f" commits: writes to those rows wait for up to {forecast.duration}"
                f" ({forecast.how})",
                together(*safe_forms(step, sizes)),
            )


def _held_locks(
    rehearsed: RehearsedRevision, sizes: Mapping[str, TableSize], forecasts: Estimates
) -> Iterator[Hazard]:
    """Find locks of a transaction that are held while its later statements work on something else."""
    names = {
        effect.table: effect.first_name
        for statement in rehearsed.statements
        for effect in statement.effects
        if effect.first_name
    }
    holders = {
        (held.since, held.table, held.lock)
        for statement in rehearsed.statements
        for held in statement.held
        if held.lock >= LockMode.SHARE
    }
    told: set[int] = set()
    for since, table, held_lock in sorted(holders, key=lambda holder: (holder[0], -holder[2])):
        name = names.get(table) or table
        size = sizes.get(name)
        through = [
            number
            for number, statement in enumerate(rehearsed.statements, 1)
            if any((held.since, held.table) == (since, table) for held in statement.held)
        ]
        seconds = [
            forecasts[rehearsed.revision.id, number].seconds
            for number in through
            # What keeps the same table waiting by itself has a hazard of its own.
            if forecasts[rehearsed.revision.id, number].seconds < NOTICE_S
            or not _locks(rehearsed.statements[number - 1], table)
        ]
        long = sum(each for each in seconds if each > SHORT_S)
        told_of = long >= HELD_NOTICE_S or sum(seconds) >= HIGH_S
        if size is None or not size.rows or not told_of or since in told:
            continue
        told.add(since)
        waits = "reads and writes" if held_lock.blocks is Blocks.READS_AND_WRITES else "writes"
        first = f"statement {since}" if since else "an earlier statement"
        rest = _numbers(through)
        yield Hazard(
            code=HazardCode.LOCK_HELD_THROUGH_STATEMENTS,
            severity=Severity.HIGH if long >= HIGH_S else Severity.NOTICE,
            revision=rehearsed.revision.id,
            statement=since or through[0],
            table=name,
            message=f"{held_lock.sql} on {name} ({size}), which {first} takes, is held through {rest}:"
            f" {waits} wait for {about(sum(seconds))} more",
            remedy=f"put {rest} into another revision than {first}: each revision commits by itself",
        )


def _sized(step: Step, sizes: Mapping[str, TableSize]) -> list[tuple[TableEffect, str, TableSize]]:
    """The effects on tables that have rows, the largest first, with production's names.

    What a partitioned table's partitions go through is told as its own.
    """
    found = {
        name: (effect, size)
        for effect in step.statement.effects
        if (name := step.table(effect.table)) and (size := sizes.get(name)) and size.rows
    }
    parts = {part for _effect, size in found.values() for part in size.partitions}
    whole = [
        (
            replace(
                effect,
                lock=max(one.lock for one in (effect, *own)),
                rewrites=any(one.rewrites for one in (effect, *own)),
                scans=any(one.scans for one in (effect, *own)),
            ),
            name,
            size,
        )
        for name, (effect, size) in found.items()
        if name not in parts
        for own in [[found[part][0] for part in size.partitions if part in found]]
    ]
    return sorted(whole, key=lambda item: -item[2].bytes)


def _locks(statement: TracedStatement, table: str) -> bool:
    return any(e.table == table and e.lock >= LockMode.SHARE for e in statement.effects)


def _is_refreshed(statement: TracedStatement, effect: TableEffect) -> bool:
    """Whether only a refresh would have to wait: nobody else writes to a materialized view."""
    return statement.command == "REFRESH MATERIALIZED VIEW" and effect.lock is LockMode.EXCLUSIVE


def _is_emptied(statement: TracedStatement, table: str) -> bool:
    return any(change.kind is ChangeKind.TRUNCATE and change.table == table for change in statement.changes)


def _only_builds(statement: TracedStatement, table: str) -> bool:
    """Whether the rows are read to build an index, and not to be checked."""
    kinds = {change.kind for change in statement.changes if change.table == table}
    return bool(kinds & _BUILDS) and not kinds - _BUILDS


def _listed(locked: Sequence[tuple[TableEffect, str, TableSize]]) -> str:
    names = [f"{name} ({size})" for _effect, name, size in locked[:_LISTED_TABLES]]
    more = len(locked) - len(names)
    return " and ".join([*names, *([f"{more} more"] if more else [])])


def _numbers(numbers: Sequence[int]) -> str:
    if len(numbers) == 1:
        return f"statement {numbers[0]}"
    joint = "to" if numbers[-1] - numbers[0] + 1 == len(numbers) > 2 else "and"
    listed = [numbers[0], numbers[-1]] if joint == "to" else numbers
    return f"statements {f' {joint} '.join(map(str, listed))}"
