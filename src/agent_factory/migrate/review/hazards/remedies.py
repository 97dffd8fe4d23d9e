"""The safe form of what a statement does, with the names that it uses itself.

The ways are those of the PostgreSQL manual: ``NOT VALID`` and ``VALIDATE CONSTRAINT`` (ALTER TABLE), which
also has that SET NOT NULL reads no row where a valid CHECK proves that none is NULL; ``USING INDEX`` (ALTER
TABLE); ``CONCURRENTLY`` (CREATE INDEX); batches by ``ctid`` (UPDATE); one partition at a time (CREATE INDEX).
"""

import re
from collections.abc import Iterator, Mapping

from agent_factory.migrate.db.definitions import (
    Keys,
    bare,
    index_keys,
    quoted,
    row_change,
    schema_of,
)
from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind
from agent_factory.migrate.review.hazards.columns import BATCH_ROWS, computed_column, new_type, not_null
from agent_factory.migrate.review.hazards.evidence import Step
from agent_factory.migrate.review.hazards.recipe import Recipe, Work, beside, short_name

_LISTED_PARTITIONS = 12


def safe_forms(step: Step, sizes: Mapping[str, TableSize]) -> tuple[Recipe, ...]:
    """Return how to do without the long locks of a statement, one recipe for each change that has one."""
    changes = [(change, step.table(change.table)) for change in step.statement.changes]
    # What happens to a partitioned table happens to its partitions.
    parts = {part for change, _table in changes for part in _partitions(step, change.table, sizes)}
    of_changes = (
        recipe
        for change, table in changes
        if table is not None and table not in parts
        for recipe in _of_change(step, change, sizes)
    )
    return (*of_changes, *_of_command(step))


def keep_rows(table: str, condition: str | None = None, alias: str | None = None) -> Recipe:
    """Return how to keep the rows of a table that go, all or those that meet a condition."""
    where = f" AS {alias}" if alias else ""
    where += f" WHERE {condition}" if condition else ""
    copy = f"CREATE TABLE {beside(table, bare(table), 'kept')} AS SELECT * FROM {table}{where}"  # noqa: S608
    return Recipe(intro=f"keep the rows of {table} until nobody misses them", revisions=((Work(sql=copy),),))


def rename_table(old: str, new: str) -> Recipe:
    """Return how to give a table another name while code runs that knows only the old one."""
    return Recipe(
        intro="leave a view under the old name, in the same revision, until no code uses it: rows can be"
        " read and written through it",
        revisions=(
            (
                Work(sql=f"ALTER TABLE {old} RENAME TO {quoted(bare(new))}"),
                Work(sql=f"CREATE VIEW {old} AS SELECT * FROM {new}"),  # noqa: S608
            ),
        ),
    )


def unchecked(table: str, name: str, definition: str) -> Recipe:
    """Return how to add a constraint that only new rows are checked for, and check the others later."""
    return Recipe(
        intro="or let only new rows be checked at first, and mend the others meanwhile",
        revisions=((Work(sql=_add_constraint(table, name, f"{definition} NOT VALID")),),),
    )


def _of_change(step: Step, change: Change, sizes: Mapping[str, TableSize]) -> Iterator[Recipe]:
    table, name, definition = change.table, change.name or "", change.after or ""
    match change.kind:
        case ChangeKind.SET_NOT_NULL if not _is_of_primary_key(step, change):
            yield Recipe(
                intro=f"prove by a CHECK that {quoted(name)} has no NULL: SET NOT NULL then reads no row",
                revisions=not_null(table, name),
            )
        case ChangeKind.ADD_CHECK | ChangeKind.ADD_FOREIGN_KEY:
            yield Recipe(
                intro="add it without checking the rows that are there, and check them in the next revision,"
                " while others read and write",
                revisions=(
                    (Work(sql=_add_constraint(table, name, f"{definition} NOT VALID")),),
                    (Work(sql=f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(name)}"),),
                ),
            )
        case ChangeKind.ADD_INDEX:
            yield from _index(step, change, sizes)
        case ChangeKind.ADD_UNIQUE | ChangeKind.ADD_PRIMARY_KEY if change.before is None:
            yield from _unique(step, change, sizes)
        case ChangeKind.CHANGE_TYPE if _rewrites(step, table):
            yield new_type(step, change)
        case ChangeKind.ADD_COLUMN if _rewrites(step, table):
            yield from computed_column(change)
        case ChangeKind.ATTACH_PARTITION:
            yield Recipe(
                intro=f"give {table} a CHECK with the bounds of the partition, NOT VALID first and then"
                " VALIDATE: ATTACH PARTITION then reads no row"
            )


def _of_command(step: Step) -> Iterator[Recipe]:
    statement = step.statement
    if statement.command == "REFRESH MATERIALIZED VIEW":
        sql = _with_concurrently(statement.sql, r"REFRESH\s+MATERIALIZED\s+VIEW")
        yield Recipe(
            intro="the view needs a unique index for this, and can be read meanwhile",
            revisions=((Work(sql=sql),),),
        )
    elif statement.command == "REINDEX":
        sql = _with_concurrently(statement.sql, r"REINDEX\s+(?:\([^)]*\)\s*)?(?:INDEX|TABLE|SCHEMA|DATABASE)")
        yield Recipe(intro="rebuild while others read and write", revisions=((Work(sql=sql, alone=True),),))
    elif statement.command in ("CLUSTER", "VACUUM"):
        yield Recipe(intro="the extension pg_repack does the same while others read and write")
    elif statement.command == "UPDATE" and statement.times == 1:
        rows = row_change(statement.sql)
        if rows is not None and rows.condition is not None:
            table = f"{rows.table} AS {rows.alias}" if rows.alias else rows.table
            some = f"SELECT ctid FROM {table} WHERE {rows.condition} LIMIT {BATCH_ROWS}"  # noqa: S608
            batch = f"{rows.head} WHERE ctid = ANY (ARRAY({some})) AND ({rows.condition})"
            yield Recipe(
                intro="change rows in batches that commit one by one; a row that was changed must no longer"
                " meet the condition",
                revisions=((Work(sql=batch, repeated=True),),),
            )
        else:
            yield Recipe(
                intro=f"change rows in batches of {BATCH_ROWS:,}, one range of the key after the other, each"
                " in a transaction of its own: in op.get_context().autocommit_block()"
            )


def _index(step: Step, change: Change, sizes: Mapping[str, TableSize]) -> Iterator[Recipe]:
    definition, index = change.after or "", quoted(change.name or "")
    partitions = _partitions(step, change.table, sizes)
    if not partitions:
        yield Recipe(
            intro="build the index while others read and write, alone in a revision",
            revisions=((Work(sql=_concurrently(definition), alone=True),),),
        )
    elif len(partitions) <= _LISTED_PARTITIONS:
        only = definition.replace(" ON ONLY ", " ON ").replace(" ON ", " ON ONLY ", 1)
        parts = {part: quoted(short_name(bare(part), change.name or "")) for part in partitions}
        builds = tuple(
            (
                Work(
                    sql=_concurrently(only).replace(
                        f" {index} ON ONLY {change.table} ", f" {name} ON {part} ", 1
                    ),
                    alone=True,
                ),
            )
            for part, name in parts.items()
        )
        qualified = f"{schema}.{index}" if (schema := schema_of(change.table)) else index
        attach = tuple(
            Work(sql=f"ALTER INDEX {qualified} ATTACH PARTITION {beside(part, bare(name))}")
            for part, name in parts.items()
        )
        yield Recipe(
            intro="build the index of each partition by itself while others read and write",
            revisions=((Work(sql=only),), *builds, attach),
        )
    else:
        yield Recipe(
            intro=f"CREATE INDEX {index} ON ONLY {change.table}, then CREATE INDEX CONCURRENTLY on each of"
            f" its {len(partitions)} partitions, and ALTER INDEX {index} ATTACH PARTITION"
        )


def _unique(step: Step, change: Change, sizes: Mapping[str, TableSize]) -> Iterator[Recipe]:
    keys = index_keys(change.after or "")
    table, name = change.table, change.name or ""
    if keys is None or "WITHOUT OVERLAPS" in (change.after or "") or _partitions(step, table, sizes):
        return
    primary = change.kind is ChangeKind.ADD_PRIMARY_KEY
    nullable = [
        other.name or ""
        for other in step.statement.changes
        if primary and other.table == table and _is_of_primary_key(step, other)
    ]
    proofs = [not_null(table, column) for column in nullable]
    kind = "PRIMARY KEY" if primary else "UNIQUE"
    deferrable = re.search(r"DEFERRABLE.*", keys.tail)
    add = f"{kind} USING INDEX {quoted(name)}" + (f" {deferrable[0]}" if deferrable else "")
    yield Recipe(
        intro="build the index while others read and write, then make the constraint of it",
        revisions=(
            *(tuple(work for proof in proofs for work in proof[number]) for number in range(2) if proofs),
            (Work(sql=_unique_index(table, name, keys), alone=True),),
            (Work(sql=_add_constraint(table, name, add)),),
        ),
    )


def _unique_index(table: str, name: str, keys: Keys) -> str:
    include = re.search(r"INCLUDE \(.*?\)", keys.tail)
    return (
        f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(name)} ON {table} ({', '.join(keys.keys)})"
        + (f" {include[0]}" if include else "")
        + ("" if keys.nulls_distinct else " NULLS NOT DISTINCT")
    )


def _add_constraint(table: str, name: str, definition: str) -> str:
    return f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {definition}"


def _concurrently(definition: str) -> str:
    return re.sub(r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", definition)


def _with_concurrently(sql: str, words: str) -> str:
    return re.sub(rf"^(\s*{words})\b", r"\1 CONCURRENTLY", sql, flags=re.IGNORECASE).strip().rstrip(";")


def _rewrites(step: Step, table: str) -> bool:
    return any(effect.rewrites for effect in step.statement.effects if effect.table == table)


def _is_of_primary_key(step: Step, change: Change) -> bool:
    """Say whether the column becomes NOT NULL because a primary key is made of it."""
    return change.kind is ChangeKind.SET_NOT_NULL and any(
        other.kind is ChangeKind.ADD_PRIMARY_KEY
        and other.table == change.table
        and (keys := index_keys(other.after or "")) is not None
        and change.name in [bare(key) for key in keys.keys]
        for other in step.statement.changes
    )


def _partitions(step: Step, table: str, sizes: Mapping[str, TableSize]) -> tuple[str, ...]:
    size = sizes.get(step.table(table) or "")
    return size.partitions if size else ()
