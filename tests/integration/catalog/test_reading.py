"""What a catalog depends on, and what it does not."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2.extensions
import pytest
import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, Scope, compare, read_catalog
from tests.integration.catalog.databases import Sample, connected, execute

TABLE = (
    "CREATE TABLE {name} (id serial PRIMARY KEY, parent_id integer REFERENCES {name}, at date DEFAULT now())"
)
INDEX = "CREATE INDEX ON {name} (at) WHERE parent_id > 5"


def names(catalog: Catalog, *kinds: str) -> set[str]:
    return {one.name for one in catalog.objects if one.kind in kinds}


def run_program(sample: Sample, program: str, *arguments: str, text: str | None = None) -> str:
    """Run one of PostgreSQL's programs of the sample's own version."""
    finished = subprocess.run(
        [str(Path(sample.server.bin_dir) / program), "-h", str(sample.server.folder), *arguments],
        input=text,
        env={"PATH": os.defpath, "PGUSER": sample.server.superuser, "LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_dump_and_restore_change_nothing(sample: Sample, empty: str) -> None:
    dump = run_program(sample, "pg_dump", sample.name)
    run_program(sample, "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", empty, text=dump)
    with connected(sample.server, empty) as connection:
        restored = read_catalog(connection)

    assert compare(sample.catalog, restored) == ()
    assert restored.sha256 == sample.catalog.sha256


def test_the_type_that_like_gives_to_the_sequence_of_an_identity_is_none_of_it(
    sample: Sample, empty: str
) -> None:
    """LIKE makes a bigint of an integer's there, which no dump has: the restored one is an integer's."""
    with connected(sample.server, empty) as connection, connection.begin():
        execute(connection, "CREATE TABLE public.one (id int GENERATED ALWAYS AS IDENTITY)")
        execute(connection, "CREATE TABLE public.two (LIKE public.one INCLUDING IDENTITY)")
        made = read_catalog(connection)
        execute(connection, "ALTER SEQUENCE public.two_id_seq AS integer")
        restored = read_catalog(connection)
        execute(connection, "ALTER TABLE public.two ALTER id SET MAXVALUE 5")

        assert compare(made, restored) == ()
        assert [(one.kind, one.name) for one in compare(made, read_catalog(connection))] == [
            ("sequence", "public.two_id_seq")
        ]


def test_another_version_of_postgresql_tells_the_same(sample: Sample, newest_sample: Sample) -> None:
    differences = compare(sample.catalog, newest_sample.catalog)

    # Since version 16 views are printed without the names of tables where there is one table alone.
    views = {"view", "materialized view"} if sample.major < 16 else set()
    assert {one.kind for one in differences} == views


def test_a_copy_without_rows_owners_and_grants_is_equal_but_for_these(sample: Sample, empty: str) -> None:
    dump = run_program(sample, "pg_dump", "--schema-only", "--no-owner", "--no-privileges", sample.name)
    run_program(sample, "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", empty, text=dump)
    with connected(sample.server, empty) as connection:
        everything = read_catalog(connection)
        scope = Scope(leave_out_kinds=frozenset({"owner", "grant", "default privileges", "populated"}))
        restored = read_catalog(connection, scope)

    assert compare(read_catalog(sample.connection, scope), restored) == ()
    assert {one.kind for one in compare(sample.catalog, everything)} == {
        *("owner", "grant", "default privileges", "populated")
    }


@pytest.mark.parametrize(
    "setting",
    [
        "search_path = app, public",
        "search_path = ''",
        "DateStyle = 'German'",
        "TimeZone = 'Asia/Tokyo'",
        "IntervalStyle = 'iso_8601'",
        "quote_all_identifiers = on",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "default_transaction_isolation = 'serializable'",
        "enable_hashjoin = off",
    ],
)
def test_settings_of_the_session_do_not_matter(sample: Sample, setting: str) -> None:
    with sample.rolled_back() as connection:
        execute(connection, f"SET {setting}; SET escape_string_warning = off")

        assert read_catalog(connection) == sample.catalog


def test_settings_stay_as_they_were(sample: Sample) -> None:
    def settings(connection: sa.Connection) -> list[Any]:
        query = "SELECT name, setting FROM pg_settings WHERE name <> 'transaction_isolation' ORDER BY name"
        return list(connection.exec_driver_sql(query).all())

    with connected(sample.server, sample.name) as connection:
        before = settings(connection)
        connection.rollback()
        read_catalog(connection)
        assert settings(connection) == before
        assert connection.in_transaction()
        read_catalog(connection)
        assert settings(connection) == before


def test_the_order_of_making_does_not_matter(sample: Sample, empty: str) -> None:
    ways = (
        "CREATE TABLE a (x integer, y text, z date); CREATE TABLE b (x integer)",
        "CREATE TABLE b (); CREATE TABLE a (old integer, z date, y text); ALTER TABLE b ADD x integer;"
        "ALTER TABLE a DROP COLUMN old; ALTER TABLE a ADD COLUMN x integer",
    )
    catalogs = []
    with connected(sample.server, empty) as connection:
        for way in ways:
            with connection.begin() as transaction:
                execute(connection, way)
                catalogs.append(read_catalog(connection))
                transaction.rollback()

    assert catalogs[0] == catalogs[1]


def test_rows_and_current_values_do_not_matter(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        execute(
            connection,
            "INSERT INTO app.parents SELECT n, 'x' FROM generate_series(1, 10) n;"
            "SELECT nextval('app.numbers'), nextval('app.numbers'), setval('app.tickets_id_seq', 50);"
            "ANALYZE app.parents",
        )

        assert read_catalog(connection) == sample.catalog


def test_privileges_that_are_spelled_out_are_those_by_default(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        execute(
            connection,
            "GRANT ALL ON app.tenants TO CURRENT_USER; GRANT EXECUTE ON FUNCTION app.touch() TO CURRENT_USER;"
            "GRANT USAGE ON TYPE app.size TO PUBLIC; GRANT ALL ON app.scratch TO pg_read_all_stats;"
            "REVOKE ALL ON app.scratch FROM pg_read_all_stats",
        )

        assert compare(sample.catalog, read_catalog(connection)) == ()


def test_reading_takes_part_in_the_callers_transaction(sample: Sample) -> None:
    with connected(sample.server, sample.name) as connection:
        with connection.begin() as transaction:
            read_catalog(connection)  # before the first statement of the transaction
            execute(connection, "CREATE TABLE app.mine ()")
            assert "app.mine" in names(read_catalog(connection), "table")
            execute(connection, "CREATE TABLE app.mine_too ()")
            transaction.rollback()
        assert not connection.in_transaction()
        assert read_catalog(connection) == sample.catalog
        driver: Any = connection.connection.dbapi_connection
        assert driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE


def test_reading_works_in_autocommit(sample: Sample) -> None:
    with connected(sample.server, sample.name, isolation_level="AUTOCOMMIT") as connection:
        assert read_catalog(connection) == sample.catalog
        driver: Any = connection.connection.dbapi_connection
        assert driver.info.transaction_status == psycopg2.extensions.TRANSACTION_STATUS_IDLE
        assert connection.exec_driver_sql("SHOW search_path").scalar() == '"$user", public'


def test_an_error_of_reading_leaves_the_transaction_usable(sample: Sample) -> None:
    with connected(sample.server, sample.name) as other, other.begin(), sample.rolled_back() as connection:
        execute(other, "LOCK TABLE pg_publication")
        execute(connection, "SET LOCAL lock_timeout = '20ms'")
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            read_catalog(connection)
        other.rollback()

        assert read_catalog(connection) == sample.catalog


def test_a_role_that_may_read_nothing_can_read_the_catalog(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        execute(connection, "CREATE ROLE nobody_at_all; SET LOCAL ROLE nobody_at_all")

        assert compare(sample.catalog, read_catalog(connection)) == ()


def test_a_connection_that_cannot_write_will_do(sample: Sample) -> None:
    with connected(sample.server, sample.name) as connection:
        read_only = connection.execution_options(postgresql_readonly=True)

        assert read_catalog(read_only) == sample.catalog


@contextmanager
def statements_noted(connection: sa.Connection) -> Iterator[list[str]]:
    """The statements that the driver's cursors execute meanwhile."""
    noted: list[str] = []

    class NotingCursor(psycopg2.extensions.cursor):
        def execute(self, query: Any, values: Any = None) -> None:
            noted.append(str(query))
            super().execute(query, values)

    driver: Any = connection.connection.dbapi_connection
    driver.cursor_factory = NotingCursor
    yield noted
    driver.cursor_factory = psycopg2.extensions.cursor


def test_the_number_of_queries_does_not_grow(sample: Sample, empty: str) -> None:
    def make(connection: sa.Connection, first: int, last: int) -> None:
        with connection.begin():
            for number in range(first, last):
                execute(connection, TABLE.format(name=f"t{number}"))

    counted = []
    with connected(sample.server, empty) as connection:
        for first, last in ((0, 0), (0, 1), (1, 60)):
            make(connection, first, last)
            with statements_noted(connection) as noted:
                catalog = read_catalog(connection)
            counted.append(len(noted))

    assert len(names(catalog, "table")) == 60
    assert counted[0] == counted[1] == counted[2]
    assert counted[0] < 20


# Scope


def test_platforms_af_db_and_the_version_table_are_left_out(sample: Sample) -> None:
    found = " ".join(one.name for one in sample.catalog.objects)

    assert "af_db." not in found
    assert "supabase" not in found
    assert "alembic_version" not in found
    assert names(sample.catalog, "schema") == {"app", "public", '"Odd Schema"'}


def test_common_names_are_a_platforms_only_where_the_platform_is(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        execute(
            connection,
            "CREATE SCHEMA auth; CREATE TABLE auth.users (); CREATE PUBLICATION supabase_realtime_x",
        )
        assert "auth.users" not in names(read_catalog(connection), "table")
        execute(connection, "DROP SCHEMA supabase_migrations CASCADE")
        found = read_catalog(connection)

    assert "auth.users" in names(found, "table")
    assert names(found, "publication") == {"changes", "oddities"}


def test_only_the_named_schemas(sample: Sample) -> None:
    catalog = read_catalog(sample.connection, Scope(schemas=("Odd Schema", "af_db", "nowhere")))

    assert names(catalog, "schema") == {'"Odd Schema"'}
    assert names(catalog, "table") == {'"Odd Schema"."Odd ""Table"""'}
    assert {one.name for one in catalog.objects if '"Odd Schema"' not in one.name} == set()


def test_kinds_can_be_left_out(sample: Sample) -> None:
    without = {"owner", "grant", "comment", "policy"}
    catalog = read_catalog(sample.connection, Scope(leave_out_kinds=frozenset(without)))

    assert {one.kind for one in sample.catalog.objects} - {one.kind for one in catalog.objects} == without


def test_another_version_table(sample: Sample) -> None:
    catalog = read_catalog(sample.connection, Scope(version_table="tickets"))

    assert not [
        one.name for one in catalog.objects if "app.tickets." in f"{one.name}." and one.kind != "sequence"
    ]
    assert "public.alembic_version" in names(catalog, "table")


def test_what_an_extension_owns_is_left_out(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        for member in (
            *("TABLE app.marks", "VIEW app.names", "SEQUENCE app.numbers", "TYPE app.size"),
            *("FUNCTION app.same(text, text)", "COLLATION app.by_bytes"),
        ):
            execute(connection, f"ALTER EXTENSION plpgsql ADD {member}")
        differences = compare(sample.catalog, read_catalog(connection))

    assert {(one.kind, one.name) for one in differences} == {
        ("table", "app.marks"),
        ("view", "app.names"),
        ("sequence", "app.numbers"),
        ("enum", "app.size"),
        ("function", "app.same(text, text)"),
        ("collation", "app.by_bytes"),
    }


def test_an_extension_that_is_dropped(sample: Sample, empty: str) -> None:
    with connected(sample.server, empty) as connection:
        before = read_catalog(connection)
        with connection.begin():
            execute(connection, "DROP EXTENSION plpgsql")
        (difference,) = compare(before, read_catalog(connection))

    assert (difference.kind, difference.name) == ("extension", "plpgsql")
    assert (difference.expected, difference.found) == ("SCHEMA pg_catalog VERSION '1.0'", None)


def test_the_schema_of_an_extension_is_left_out_with_it(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        execute(
            connection,
            "CREATE SCHEMA its_own; CREATE TABLE its_own.t (); ALTER EXTENSION plpgsql ADD SCHEMA its_own",
        )

        assert compare(sample.catalog, read_catalog(connection)) == ()


def test_secrets_in_options_of_a_foreign_server_are_not_told(sample: Sample) -> None:
    (server,) = (one for one in sample.catalog.objects if one.kind == "foreign server")

    assert (
        server.definition == "TYPE 'x' FOREIGN DATA WRAPPER nowhere OPTIONS (api_key, host 'db.example.org')"
    )


def test_temporary_tables_are_nobodys_schema(sample: Sample) -> None:
    with sample.rolled_back() as connection:
        execute(
            connection,
            "CREATE TEMPORARY TABLE pg_class (oid integer); CREATE TEMPORARY VIEW v AS SELECT 1 AS x",
        )

        assert read_catalog(connection) == sample.catalog


def test_a_text_may_hold_any_character(newest_sample: Sample) -> None:
    with newest_sample.rolled_back() as connection:
        execute(connection, r"CREATE TABLE odd (a text DEFAULT E'\x1fA\x1e\x1fB')")
        found = {one.name: one.definition for one in read_catalog(connection).objects}

    assert found["public.odd.a"] == "text DEFAULT '\x1fA\x1e\x1fB'::text"


def test_what_is_dropped_while_it_is_read_is_not_there(newest_sample: Sample) -> None:
    """The snapshot has the index, and PostgreSQL prints a definition of what there is now: none."""
    with (
        connected(newest_sample.server, "sample") as reading,
        connected(newest_sample.server, "sample", isolation_level="AUTOCOMMIT") as other,
    ):
        other.exec_driver_sql("CREATE INDEX gone ON app.tickets (id)")
        try:
            reading.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            reading.exec_driver_sql("SELECT count(*) FROM pg_class")
        finally:
            other.exec_driver_sql("DROP INDEX app.gone")
        names = {one.name for one in read_catalog(reading).objects}

    assert "app.gone" not in names


def test_the_comment_of_an_extension_is_the_servers_own(newest_sample: Sample) -> None:
    with newest_sample.rolled_back() as connection:
        execute(connection, "COMMENT ON EXTENSION plpgsql IS 'as another version says it'")
        here = read_catalog(connection)
        elsewhere = read_catalog(connection, Scope(one_server=False))

    address = "EXTENSION plpgsql"
    assert [one.kind for one in here.objects if one.name == address] == ["comment"]
    assert [one for one in elsewhere.objects if one.name == address] == []
