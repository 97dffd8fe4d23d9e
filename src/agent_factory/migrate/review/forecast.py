"""How long a traced statement will run, and so hold its locks, on tables of production's size.

The speeds are those of PostgreSQL 18 with default settings on two cores: tables of 100,000 to 3,000,000
rows, eight columns and 207 bytes to a row, all in memory; each is about the middle of what was measured for
its kind of work. They were set once, and ``benchmarks/forecast.py`` measures the same kinds again and prints
how far off they are. Production's machine is another one, and it has other things to do: an estimate says
what a statement has to work through, and distinguishes milliseconds, seconds and minutes.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from agent_factory.migrate.db.definitions import foreign_key, index_keys, is_not_valid
from agent_factory.migrate.db.sizes import TableSize, show_bytes
from agent_factory.migrate.db.sql import names_in
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.locks import Blocks, LockMode
from agent_factory.migrate.rehearsal.trace import (
    BUILDS_INDEX,
    Change,
    ChangeKind,
    TableEffect,
    TracedStatement,
)

# A statement that only changes the catalog takes 0.2 to 3 ms, and the round trip to the server.
CATALOG_S = 0.005
# One of the executions of a statement that runs many times, row by row.
EXECUTION_S = 0.2e-3

MEMORY_BYTES_PER_S = 5e9
# Not measured: what PostgreSQL's planner takes to be in memory (effective_cache_size), and what a cloud
# volume of the plain kind gives (AWS gp3: 125 MiB/s).
IN_MEMORY_BYTES = 4e9
STORAGE_BYTES_PER_S = 125e6

VISIT_ROW_S = 0.03e-6
NULL_ROW_S = 0.04e-6
CHECK_ROW_S = 0.1e-6
# A check by a pattern: LIKE, which PostgreSQL prints as ~~, and regular expressions.
MATCH_ROW_S = 0.6e-6
# A row of a foreign key, and a row that it is looked up among.
FIND_ROW_S = 0.08e-6
AMONG_ROW_S = 0.3e-6
# Times the binary logarithm of the rows.
SORT_ROW_S = 0.024e-6
SORT_TEXT_ROW_S = 0.075e-6
CONCURRENTLY = 1.6  # times as long, with a second scan of the table
INDEX_ROW_S = {"hash": 1.2e-6, "brin": 0.06e-6, "gin": 1.2e-6, "gist": 1.8e-6, "spgist": 1.8e-6}
COPY_ROW_S = 0.5e-6
COPY_BYTES_PER_S = 300e6
REBUILD_BYTES_PER_S = 50e6
# A default that is worked out for each row, such as gen_random_uuid().
DEFAULT_ROW_S = 1.2e-6
UPDATE_ROW_S = 1e-6
UPDATE_BYTES_PER_S = 100e6
UPDATE_INDEX_BYTES_PER_S = 12e6
DELETE_ROW_S = 0.6e-6

_CHECKED = {
    ChangeKind.SET_NOT_NULL,
    ChangeKind.ADD_CHECK,
    ChangeKind.VALIDATE_CONSTRAINT,
    ChangeKind.ATTACH_PARTITION,
}
_FOUND = {ChangeKind.ADD_FOREIGN_KEY, ChangeKind.VALIDATE_CONSTRAINT}
_ON_ROWS = {"UPDATE": "updates", "DELETE": "deletes", "MERGE": "changes"}
_LIMIT = re.compile(r"\bLIMIT\s+(\d+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Seconds from a statement's start to its end, without waiting for locks, and where they go.

    ``rows_changed`` is how many rows an UPDATE, a DELETE or a MERGE is taken to lock and change.
    """

    seconds: float
    how: str
    rows_changed: int = 0

    @property
    def duration(self) -> str:
        """The seconds with as many digits as an estimate is worth: ``about 400 ms``."""
        return about(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    seconds: float
    how: str
    rows_changed: int = 0


def estimate(
    statement: TracedStatement, sizes: Mapping[str, TableSize], *, rows_changed: int | None = None
) -> Estimate:
    """Return how long the statement will run on tables of these sizes.

    ``rows_changed`` is how many rows an UPDATE or a DELETE is known to change; without it, all that it reads.
    """
    tables = {
        effect.table: sizes[name]
        for effect in statement.effects
        if not effect.is_new and (name := effect.first_name or effect.table) in sizes
    }
    parts = [
        *_rewritten(statement, tables),
        *_scanned(statement, tables),
        *_indexed(statement, tables),
        *_looked_up(statement, tables),
        *_written(statement, tables, rows_changed),
    ]
    if not parts:
        changes = statement.changes or any(e.lock.blocks is not Blocks.NOTHING for e in statement.effects)
        how = "changes the catalog only" if changes else "reads no whole table"
        return Estimate(seconds=CATALOG_S, how=how)
    how = "; ".join(part.how for part in parts)
    return Estimate(
        seconds=CATALOG_S + sum(part.seconds for part in parts),
        how=how,
        rows_changed=sum(part.rows_changed for part in parts),
    )


def about(seconds: float) -> str:
    """Return an estimated duration with as many digits as it is worth: ``about 400 ms``."""
    return f"about {show_duration(float(f'{seconds:.1g}' if seconds < 1 else f'{seconds:.2g}'))}"


def _rewritten(statement: TracedStatement, tables: Mapping[str, TableSize]) -> Iterator[_Part]:
    has_default = any(
        change.kind is ChangeKind.ADD_COLUMN and re.search("DEFAULT|GENERATED", change.after or "")
        for change in statement.changes
    )
    emptied = {change.table for change in statement.changes if change.kind is ChangeKind.TRUNCATE}
    for effect, size in _effects(statement, tables):
        if effect.rewrites and effect.table not in emptied:
            yield _Part(
                seconds=_reading_s(size.bytes)
                + size.rows * (COPY_ROW_S + (DEFAULT_ROW_S if has_default else 0))
                + size.bytes / COPY_BYTES_PER_S
                + size.index_bytes / REBUILD_BYTES_PER_S,
                how=f"writes {size}, and {show_bytes(size.index_bytes)} of indexes again",
            )


def _scanned(statement: TracedStatement, tables: Mapping[str, TableSize]) -> Iterator[_Part]:
    for effect, size in _effects(statement, tables):
        if not effect.scans or effect.rewrites:
            continue
        checks = [
            change.after or ""
            for change in statement.changes
            if change.table == effect.table
            and change.kind in _CHECKED
            and foreign_key(change.after or "") is None
        ]
        per_row = VISIT_ROW_S + sum(map(_check_row_s, checks))
        rows = _limited(statement, size.rows)
        if rows < size.rows:  # a batch: reading ends when there are as many rows
            yield _Part(seconds=rows * per_row, how=f"reads until it has {rows:,} rows")
        else:
            yield _Part(
                seconds=_reading_s(size.bytes) + size.rows * per_row,
                how=f"{'checks' if checks else 'reads'} {size}",
            )


def _check_row_s(definition: str) -> float:
    if definition.startswith("NOT NULL"):
        return NULL_ROW_S
    return MATCH_ROW_S if "~" in definition else CHECK_ROW_S


def _indexed(statement: TracedStatement, tables: Mapping[str, TableSize]) -> Iterator[_Part]:
    concurrently = re.search(r"\bCONCURRENTLY\b", statement.sql, re.IGNORECASE) is not None
    for change, size in _changes(statement, tables, BUILDS_INDEX):
        if change.before is None:  # an index that was there is only taken over
            seconds = size.rows * _index_row_s(change.after or "", size)
            yield _Part(
                seconds=seconds * (CONCURRENTLY if concurrently else 1),
                how=f"builds an index of {size.rows:,} rows",
            )


def _index_row_s(definition: str, size: TableSize) -> float:
    keys = index_keys(definition)
    method, columns = (keys.method, keys.keys) if keys else ("btree", ("",))
    if method != "btree":
        return INDEX_ROW_S.get(method, INDEX_ROW_S["gist"]) * len(columns)
    of_text = any(not size.collated.isdisjoint(names_in(key)) for key in columns)
    compared = (SORT_TEXT_ROW_S if of_text else SORT_ROW_S) * math.log2(size.rows + 2)
    return compared * (1 + (len(columns) - 1) / 4)


def _looked_up(statement: TracedStatement, tables: Mapping[str, TableSize]) -> Iterator[_Part]:
    for change, size in _changes(statement, tables, _FOUND):
        definition = change.after or ""
        key = foreign_key(definition)
        if key is None or is_not_valid(definition):
            continue
        among = next((tables[name].rows for name in tables if f".{name}".endswith(f".{key.table}")), 0)
        yield _Part(
            seconds=FIND_ROW_S * size.rows + AMONG_ROW_S * among,
            how=f"looks up {size.rows:,} rows among the {among:,} of {key.table}",
        )


def _written(
    statement: TracedStatement, tables: Mapping[str, TableSize], rows_changed: int | None
) -> Iterator[_Part]:
    if statement.times > 1:
        yield _Part(seconds=statement.times * EXECUTION_S, how=f"runs {statement.times:,} times")
    elif statement.command in _ON_ROWS:
        for effect, size in _effects(statement, tables):
            if effect.lock is not LockMode.ROW_EXCLUSIVE:
                continue
            rows = rows_changed if rows_changed is not None else (size.rows if effect.scans else 0)
            rows = _limited(statement, rows)
            if rows:
                share = rows / max(size.rows, rows)
                how = f"{_ON_ROWS[statement.command]} {rows:,} rows, {show_bytes(round(size.bytes * share))}"
                seconds = _writing_s(statement.command, rows, size, share)
                yield _Part(seconds=seconds, how=how, rows_changed=rows)
    elif statement.command == "INSERT" or any(c.kind is ChangeKind.CREATE_TABLE for c in statement.changes):
        read = [size for effect, size in _effects(statement, tables) if effect.scans]
        if read:
            most = max(read, key=lambda size: size.rows)
            yield _Part(
                seconds=most.rows * COPY_ROW_S + most.bytes / COPY_BYTES_PER_S,
                how=f"writes up to {most.rows:,} rows",
            )


def _limited(statement: TracedStatement, rows: int) -> int:
    """Return how many of the rows an UPDATE or a DELETE takes that says LIMIT, in a subquery."""
    limit = _LIMIT.search(statement.sql) if statement.command in _ON_ROWS else None
    return min(rows, int(limit[1])) if limit else rows


def _writing_s(command: str, rows: int, size: TableSize, share: float) -> float:
    if command == "DELETE":
        return rows * DELETE_ROW_S
    return (
        rows * UPDATE_ROW_S
        + share * size.bytes / UPDATE_BYTES_PER_S
        + share * size.index_bytes / UPDATE_INDEX_BYTES_PER_S
    )


def _effects(
    statement: TracedStatement, tables: Mapping[str, TableSize]
) -> Iterator[tuple[TableEffect, TableSize]]:
    """What happens to tables that production has, and that are not empty.

    Of a partitioned table its partitions are read.
    """
    names = {effect.first_name or effect.table for effect in statement.effects}
    for effect in statement.effects:
        size = tables.get(effect.table)
        if size is not None and (size.rows or size.bytes) and names.isdisjoint(size.partitions):
            yield effect, size


def _changes(
    statement: TracedStatement, tables: Mapping[str, TableSize], kinds: Collection[ChangeKind]
) -> Iterator[tuple[Change, TableSize]]:
    """Changes of these kinds to tables that production has; not of a partitioned one and its partitions."""
    found = [change for change in statement.changes if change.kind in kinds]
    changed = {change.table for change in found}
    for change in found:
        size = tables.get(change.table)
        if size is not None and size.rows and changed.isdisjoint(size.partitions):
            yield change, size


def _reading_s(count: int) -> float:
    elsewhere = max(0, count - IN_MEMORY_BYTES)
    return (count - elsewhere) / MEMORY_BYTES_PER_S + elsewhere / STORAGE_BYTES_PER_S
