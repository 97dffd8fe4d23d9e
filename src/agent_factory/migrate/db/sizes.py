"""How large the tables of a PostgreSQL database are: SELECT only, and never long behind another's lock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.db.cursors import is_of_session, limited, named_rows, own_cursor
from agent_factory.migrate.model.durations import milliseconds

LOCK_TIMEOUT_S = 1.0
SAMPLE_TIMEOUT_S = 2.0
SAMPLED_PAGES = 1000

_PAGE_BYTES = 8192
_LIKELY_ROW_BYTES = 100
_TABLES_PER_SAMPLE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSize:
    """How large a table, or a materialized view, is.

    ``rows`` is an estimate. ``bytes`` are those of the rows, the long values kept apart (TOAST) included.
    A partitioned table has the sums of its partitions, which ``partitions`` names. ``collated`` are the
    columns of text, which is sorted by a collation, and so slower than numbers are.
    """

    rows: int
    bytes: int
    index_bytes: int
    collated: frozenset[str] = frozenset()
    partitions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.rows:,} row{'' if self.rows == 1 else 's'}, {show_bytes(self.bytes)}"


_SIZES = """
WITH RECURSIVE
relation AS (
    SELECT c.oid, c.relkind, c.reltuples::float8, c.relpages, c.reltoastrelid,
           format('%I.%I', n.nspname, c.relname) AS name,
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
               AND NOT row_security_active(c.oid) AS may_count
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'),
descent AS (
    SELECT i.inhrelid AS leaf, i.inhparent AS root
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhparent AND c.relkind = 'p'
    UNION ALL
    SELECT i.inhrelid, d.root FROM pg_inherits i JOIN descent d ON d.leaf = i.inhparent)
SELECT name, relkind = 'p' AS is_partitioned, reltuples, relpages, may_count,
       {heap} AS heap_bytes, {table} AS bytes, {indexes} AS index_bytes,
       ARRAY(SELECT attname::text FROM pg_attribute
             WHERE attrelid = oid AND attnum > 0 AND attcollation <> 0 AND NOT attisdropped) AS collated,
       ARRAY(SELECT root.name FROM descent JOIN relation root ON root.oid = descent.root
             WHERE descent.leaf = relation.oid) AS roots
FROM relation ORDER BY name
"""

# To measure takes a reader's lock, and so waits for whoever changes the table; the catalog's numbers, as old
# as the last VACUUM or ANALYZE, do not.
_MEASURED = _SIZES.format(
    heap="pg_relation_size(oid)", table="pg_table_size(oid)", indexes="pg_indexes_size(oid)"
)
_REMEMBERED = _SIZES.format(
    heap="relpages::int8 * current_setting('block_size')::int8",
    table="""(relpages + coalesce((SELECT toast.relpages FROM pg_class toast
                                  WHERE toast.oid = reltoastrelid), 0))::int8
             * current_setting('block_size')::int8""",
    indexes="""coalesce((SELECT sum(index.relpages)::int8 * current_setting('block_size')::int8
                        FROM pg_index JOIN pg_class index ON index.oid = indexrelid
                        WHERE indrelid = relation.oid), 0)""",
)


def table_sizes(connection: sa.Connection) -> dict[str, TableSize]:
    """Return the size of every table by its name as SQL needs it, ``public.users``, the system's left out.

    The number of rows is the planner's: those per page at the last ANALYZE, times the pages of today. A
    table that was never analysed has a sample of its pages counted, all of them when they are few. One that
    may not be read is taken to have rows of 100 bytes.
    """
    found = _read(connection, _MEASURED, LOCK_TIMEOUT_S)
    if found is None:
        found = _read(connection, _REMEMBERED, LOCK_TIMEOUT_S) or ()
    pages = {row["name"]: -(-row["heap_bytes"] // _PAGE_BYTES) for row in found}
    counted = _count_samples(
        connection,
        {
            row["name"]: pages[row["name"]]
            for row in found
            if row["may_count"] and not row["is_partitioned"] and row["reltuples"] <= 0 < pages[row["name"]]
        },
    )
    sizes = {row["name"]: _size(row, counted.get(row["name"])) for row in found}
    for root in (row["name"] for row in found if row["is_partitioned"]):
        parts = tuple(row["name"] for row in found if root in row["roots"] and not row["is_partitioned"])
        sizes[root] = TableSize(
            rows=sum(sizes[part].rows for part in parts),
            bytes=sum(sizes[part].bytes for part in parts),
            index_bytes=sum(sizes[part].index_bytes for part in parts),
            collated=sizes[root].collated,
            partitions=parts,
        )
    return sizes


def show_bytes(count: int) -> str:
    """Return the number of bytes as people read it, in powers of ten: ``310 MB``."""
    value, unit = float(count), "bytes"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "bytes" or value >= 9.95 else f"{value:.1f} {unit}"


def _size(row: Mapping[str, Any], counted: int | None) -> TableSize:
    if counted is not None:
        rows = counted
    elif row["reltuples"] > 0 and row["relpages"]:
        rows = round(row["reltuples"] / row["relpages"] * row["heap_bytes"] / _PAGE_BYTES)
    else:
        rows = row["heap_bytes"] // _LIKELY_ROW_BYTES
    return TableSize(
        rows=rows,
        bytes=row["bytes"],
        index_bytes=row["index_bytes"],
        collated=frozenset(row["collated"]),
    )


def _count_samples(connection: sa.Connection, pages: Mapping[str, int]) -> dict[str, int]:
    """Return the rows of these tables, going by what SAMPLED_PAGES of their pages hold."""
    shares = {name: min(1.0, SAMPLED_PAGES / count) for name, count in pages.items()}
    rows: dict[str, int] = {}
    names = list(pages)
    for start in range(0, len(names), _TABLES_PER_SAMPLE):
        some = names[start : start + _TABLES_PER_SAMPLE]
        samples = (
            f"SELECT {number} AS number, count(*) AS rows "  # noqa: S608 - names as PostgreSQL quotes them
            f"FROM {name} TABLESAMPLE SYSTEM ({100 * shares[name]:f})"
            for number, name in enumerate(some)
        )
        for row in _read(connection, " UNION ALL ".join(samples), SAMPLE_TIMEOUT_S) or ():
            name = some[row["number"]]
            rows[name] = round(row["rows"] / shares[name])
    return rows


def _read(connection: sa.Connection, query: str, timeout_s: float) -> Sequence[dict[str, Any]] | None:
    """Return the rows, or None when the server does not give them in this time.

    Either way a transaction that is open goes on, without the locks and the limits of this.
    """
    limit = milliseconds(timeout_s)
    with own_cursor(connection) as cursor:
        try:
            with limited(cursor, {"lock_timeout": limit, "statement_timeout": limit}):
                cursor.execute(query)
                return named_rows(cursor)
        except psycopg2.Error as error:
            if is_of_session(error):
                raise
            return None
