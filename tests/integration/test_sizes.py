"""Sizes of production's tables: read without waiting, and estimated where nobody has analysed."""

import contextlib
import time
from collections.abc import Iterator

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.db.sizes import show_bytes, table_sizes


@contextlib.contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    address = sa.make_url(url).set(drivername="postgresql+psycopg2")
    with sa.create_engine(address, poolclass=sa.NullPool).connect() as connection:
        yield connection.execution_options(postgresql_readonly=True)


def run(url: str, *statements: str) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for statement in statements:
            cursor.execute(statement)


def test_rows_bytes_and_names(postgresql_url: str) -> None:
    run(
        postgresql_url,
        'CREATE SCHEMA "My Schema"',
        'CREATE TABLE "My Schema"."T" (id integer PRIMARY KEY, "Note" text, number integer)',
        'INSERT INTO "My Schema"."T" SELECT n, repeat(\'x\', 100), n FROM generate_series(1, 10000) n',
        "CREATE TABLE empty (id integer); CREATE VIEW v AS SELECT 1",
        "VACUUM ANALYZE",
    )
    with connected(postgresql_url) as connection:
        sizes = table_sizes(connection)
    assert sorted(sizes) == ['"My Schema"."T"', "public.empty"]
    size = sizes['"My Schema"."T"']
    assert size.rows == 10_000
    assert 1_300_000 < size.bytes < 1_500_000
    assert 200_000 < size.index_bytes < 300_000
    assert size.collated == {"Note"}
    assert str(size) == f"10,000 rows, {show_bytes(size.bytes)}"
    assert (sizes["public.empty"].rows, sizes["public.empty"].bytes) == (0, 0)


def test_tables_that_were_never_analysed(postgresql_url: str) -> None:
    run(
        postgresql_url,
        "CREATE TABLE small (id integer) WITH (autovacuum_enabled = off)",
        "CREATE TABLE large (id integer, note text) WITH (autovacuum_enabled = off)",
        "INSERT INTO small SELECT generate_series(1, 37)",
        "INSERT INTO large SELECT n, repeat('x', 500) FROM generate_series(1, 60000) n",
    )
    with connected(postgresql_url) as connection:
        sizes = table_sizes(connection)
    assert sizes["public.small"].rows == 37
    assert sizes["public.large"].rows == pytest.approx(60_000, rel=0.1)


def test_rows_that_came_since_the_last_analysis(postgresql_url: str) -> None:
    run(
        postgresql_url,
        "CREATE TABLE t (id integer) WITH (autovacuum_enabled = off)",
        "INSERT INTO t SELECT generate_series(1, 10000)",
        "ANALYZE t",
        "INSERT INTO t SELECT generate_series(1, 30000)",
    )
    with connected(postgresql_url) as connection:
        assert table_sizes(connection)["public.t"].rows == pytest.approx(40_000, rel=0.05)


def test_a_partitioned_table_has_the_sum_of_its_partitions(postgresql_url: str) -> None:
    run(
        postgresql_url,
        """CREATE TABLE event (id bigint PRIMARY KEY) PARTITION BY RANGE (id);
           CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (1000);
           CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (1000) TO (9000) PARTITION BY RANGE (id);
           CREATE TABLE event_2a PARTITION OF event_2 FOR VALUES FROM (1000) TO (5000);
           CREATE TABLE event_2b PARTITION OF event_2 FOR VALUES FROM (5000) TO (9000)""",
        "INSERT INTO event SELECT generate_series(500, 5499)",
        "ANALYZE",
    )
    with connected(postgresql_url) as connection:
        sizes = table_sizes(connection)
    assert sizes["public.event"].rows == 5_000
    assert sizes["public.event"].partitions == ("public.event_1", "public.event_2a", "public.event_2b")
    assert sizes["public.event_2"].rows == 4_500
    assert sizes["public.event"].bytes == sum(sizes[name].bytes for name in sizes["public.event"].partitions)


def test_a_table_that_somebody_changes_is_not_waited_for(postgresql_url: str) -> None:
    run(
        postgresql_url,
        "CREATE TABLE t (id integer PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10000)",
        "VACUUM ANALYZE t",
    )
    with contextlib.closing(psycopg2.connect(postgresql_url)) as other:
        other.cursor().execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with connected(postgresql_url) as connection:
            size = table_sizes(connection)["public.t"]
        assert time.monotonic() - began < 5
    assert size.rows == 10_000
    assert size.bytes > 300_000
    assert size.index_bytes > 200_000


def test_an_open_transaction_goes_on_without_locks_and_limits(postgresql_url: str) -> None:
    run(postgresql_url, "CREATE TABLE t (id integer); INSERT INTO t VALUES (1)")
    with connected(postgresql_url) as connection:
        connection.exec_driver_sql("SELECT 1")
        table_sizes(connection)
        assert connection.in_transaction()
        assert connection.exec_driver_sql("SHOW lock_timeout").scalar() == "0"
        held = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 't'::regclass"
        assert connection.exec_driver_sql(held).scalar() == 0


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (310_400_000, "310 MB"),
        (999_600_000, "1.0 GB"),
        (2_300_000_000_000_000, "2300 TB"),
    ],
)
def test_bytes_as_people_read_them(count: int, shown: str) -> None:
    assert show_bytes(count) == shown
