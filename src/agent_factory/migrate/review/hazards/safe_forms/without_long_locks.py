"""How to do what a statement does without its long locks, with the names that it uses itself.

The rewrites are those of the PostgreSQL manual: ``NOT VALID`` and ``VALIDATE CONSTRAINT`` (ALTER TABLE); it
also has that SET NOT NULL reads no row where a valid CHECK proves that none is NULL; ``USING INDEX`` (ALTER
TABLE); ``CONCURRENTLY`` (CREATE INDEX); batches by ``ctid`` (UPDATE); one partition at a time (CREATE INDEX).
"""

import re
from collections.abc import Iterator, Mapping

from agent_factory.migrate.db.clauses import row_change
from agent_factory.migrate.db.definitions import Keys, index_keys
from agent_factory.migrate.db.sizes import TableSize
from agent_factory.migrate.db.sql import bare, quoted, schema_of
from agent_factory.migrate.rehearsal.trace import Change, ChangeKind, TracedStatement
from agent_factory.migrate.review.hazards.evidence import RehearsedStatement
from agent_factory.migrate.review.hazards.safe_forms.columns import (
    BATCH_ROWS,
    computed_column,
    new_type,
    not_null,
)
from agent_factory.migrate.review.hazards.safe_forms.rewrite import (
    MigrationStep,
    SafeRewrite,
    in_schema_of,
    short_name,
    together,
)

_LISTED_PARTITIONS = 12


def safe_form(statement: RehearsedStatement, sizes: Mapping[str, TableSize]) -> str:
    """Return how to do without the long locks of a statement, as text; empty where no such way is known."""
    changes = [(change, statement.table(change.table)) for change in statement.traced.changes]
    # What happens to a partitioned table happens to its partitions.
    parts = {part for change, _table in changes for part in _partitions(statement, change.table, sizes)}
    of_changes = (
        rewrite
        for change, table in changes
        if table is not None and table not in parts
        for rewrite in _of_change(statement, change, sizes)
    )
    return together(*of_changes, *_of_command(statement.traced))


def add_constraint(table: str, name: str, definition: str) -> MigrationStep:
    """Return the step that adds a constraint; the table is quoted already, the name is not."""
    return MigrationStep(sql=f"ALTER TABLE {table} ADD CONSTRAINT {quoted(name)} {definition}")


def _of_change(
    statement: RehearsedStatement, change: Change, sizes: Mapping[str, TableSize]
) -> Iterator[SafeRewrite]:
    table, name, definition = change.table, change.name or "", change.after or ""
    match change.kind:
        case ChangeKind.SET_NOT_NULL if not _is_of_primary_key(statement, change):
            yield SafeRewrite(
                intro=f"prove by a CHECK that {quoted(name)} has no NULL: SET NOT NULL then reads no row",
                revisions=not_null(table, name),
            )
        case ChangeKind.ADD_CHECK | ChangeKind.ADD_FOREIGN_KEY:
            yield SafeRewrite(
                intro="add it without checking the rows that are there, and check them in the next revision,"
                " while others read and write",
                revisions=(
                    (add_constraint(table, name, f"{definition} NOT VALID"),),
                    (MigrationStep(sql=f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(name)}"),),
                ),
            )
        case ChangeKind.ADD_INDEX:
            yield from _index(statement, change, sizes)
        case ChangeKind.ADD_UNIQUE | ChangeKind.ADD_PRIMARY_KEY if change.before is None:
            yield from _unique(statement, change, sizes)
        case ChangeKind.CHANGE_TYPE if _rewrites(statement, table):
            yield new_type(statement, change)
        case ChangeKind.ADD_COLUMN if _rewrites(statement, table):
            yield from computed_column(change)
        case ChangeKind.ATTACH_PARTITION:
            yield SafeRewrite(
                intro=f"give {table} a CHECK with the bounds of the partition, NOT VALID first and then"
                " VALIDATE: ATTACH PARTITION then reads no row"
            )


def _of_command(statement: TracedStatement) -> Iterator[SafeRewrite]:
    if statement.command == "REFRESH MATERIALIZED VIEW":
        sql = _with_concurrently(statement.sql, r"REFRESH\s+MATERIALIZED\s+VIEW")
        yield SafeRewrite(
            intro="the view needs a unique index for this, and can be read meanwhile",
            revisions=((MigrationStep(sql=sql),),),
        )
    elif statement.command == "REINDEX":
        sql = _with_concurrently(statement.sql, r"REINDEX\s+(?:\([^)]*\)\s*)?(?:INDEX|TABLE|SCHEMA|DATABASE)")
        yield SafeRewrite(
            intro="rebuild while others read and write",
            revisions=((MigrationStep(sql=sql, autocommit=True),),),
        )
    elif statement.command in ("CLUSTER", "VACUUM"):
        yield SafeRewrite(intro="the extension pg_repack does the same while others read and write")
    elif statement.command == "UPDATE" and statement.times == 1:
        rows = row_change(statement.sql)
        if rows is not None and rows.condition is not None:
            table = f"{rows.table} AS {rows.alias}" if rows.alias else rows.table
            some = f"SELECT ctid FROM {table} WHERE {rows.condition} LIMIT {BATCH_ROWS}"  # noqa: S608
            batch = f"{rows.head} WHERE ctid = ANY (ARRAY({some})) AND ({rows.condition})"
            yield SafeRewrite(
                intro="change rows in batches that commit one by one; a row that was changed must no longer"
                " meet the condition",
                revisions=((MigrationStep(sql=batch, in_batches=True),),),
            )
        else:
            yield SafeRewrite(
                intro=f"change rows in batches of {BATCH_ROWS:,}, one range of the key after the other, each"
                " in a transaction of its own: in op.get_context().autocommit_block()"
            )


def _index(
    statement: RehearsedStatement, change: Change, sizes: Mapping[str, TableSize]
) -> Iterator[SafeRewrite]:
    definition, index = change.after or "", quoted(change.name or "")
    partitions = _partitions(statement, change.table, sizes)
    if not partitions:
        yield SafeRewrite(
            intro="build the index while others read and write, alone in a revision",
            revisions=((MigrationStep(sql=_concurrently(definition), autocommit=True),),),
        )
    elif len(partitions) <= _LISTED_PARTITIONS:
        only = definition.replace(" ON ONLY ", " ON ").replace(" ON ", " ON ONLY ", 1)
        parts = {part: quoted(short_name(bare(part), change.name or "")) for part in partitions}
        builds = tuple(
            (
                MigrationStep(
                    sql=_concurrently(only).replace(
                        f" {index} ON ONLY {change.table} ", f" {name} ON {part} ", 1
                    ),
                    autocommit=True,
                ),
            )
            for part, name in parts.items()
        )
        qualified = f"{schema}.{index}" if (schema := schema_of(change.table)) else index
        attach = tuple(
            MigrationStep(sql=f"ALTER INDEX {qualified} ATTACH PARTITION {in_schema_of(part, bare(name))}")
            for part, name in parts.items()
        )
        yield SafeRewrite(
            intro="build the index of each partition by itself while others read and write",
            revisions=((MigrationStep(sql=only),), *builds, attach),
        )
    else:
        yield SafeRewrite(
            intro=f"CREATE INDEX {index} ON ONLY {change.table}, then CREATE INDEX CONCURRENTLY on each of"
            f" its {len(partitions)} partitions, and ALTER INDEX {index} ATTACH PARTITION"
        )


def _unique(
    statement: RehearsedStatement, change: Change, sizes: Mapping[str, TableSize]
) -> Iterator[SafeRewrite]:
    keys = index_keys(change.after or "")
    table, name = change.table, change.name or ""
    if keys is None or "WITHOUT OVERLAPS" in (change.after or "") or _partitions(statement, table, sizes):
        return
    primary = change.kind is ChangeKind.ADD_PRIMARY_KEY
    nullable = [
        other.name or ""
        for other in statement.traced.changes
        if primary and other.table == table and _is_of_primary_key(statement, other)
    ]
    proofs = [not_null(table, column) for column in nullable]
    kind = "PRIMARY KEY" if primary else "UNIQUE"
    deferrable = re.search(r"DEFERRABLE.*", keys.tail)
    add = f"{kind} USING INDEX {quoted(name)}" + (f" {deferrable[0]}" if deferrable else "")
    yield SafeRewrite(
        intro="build the index while others read and write, then make the constraint of it",
        revisions=(
            *(tuple(step for proof in proofs for step in proof[number]) for number in range(2) if proofs),
            (MigrationStep(sql=_unique_index(table, name, keys), autocommit=True),),
            (add_constraint(table, name, add),),
        ),
    )


def _unique_index(table: str, name: str, keys: Keys) -> str:
    include = re.search(r"INCLUDE \(.*?\)", keys.tail)
    return (
        f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(name)} ON {table} ({', '.join(keys.keys)})"
        + (f" {include[0]}" if include else "")
        + ("" if keys.nulls_distinct else " NULLS NOT DISTINCT")
    )


def _concurrently(definition: str) -> str:
    return re.sub(r"^CREATE (UNIQUE )?INDEX ", r"CREATE \1INDEX CONCURRENTLY ", definition)


def _with_concurrently(sql: str, words: str) -> str:
    return re.sub(rf"^(\s*{words})\b", r"\1 CONCURRENTLY", sql, flags=re.IGNORECASE).strip().rstrip(";")


def _rewrites(statement: RehearsedStatement, table: str) -> bool:
    return any(effect.rewrites for effect in statement.traced.effects if effect.table == table)


def _is_of_primary_key(statement: RehearsedStatement, change: Change) -> bool:
    """Say whether the column becomes NOT NULL because a primary key is made of it."""
    return change.kind is ChangeKind.SET_NOT_NULL and any(
        other.kind is ChangeKind.ADD_PRIMARY_KEY
        and other.table == change.table
        and (keys := index_keys(other.after or "")) is not None
        and change.name in [bare(key) for key in keys.keys]
        for other in statement.traced.changes
    )


def _partitions(statement: RehearsedStatement, table: str, sizes: Mapping[str, TableSize]) -> tuple[str, ...]:
    size = sizes.get(statement.table(table) or "")
    return size.partitions if size else ()
