"""What a scratch database does not have, or has otherwise than production, is named."""

import os
from pathlib import Path

import pytest

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.rehearsal.scratch import Scratch, scratch_database
from agent_factory.migrate.rehearsal.scratch.access import Access
from agent_factory.migrate.rehearsal.scratch.original import Original
from agent_factory.migrate.rehearsal.scratch.own_server import own_server
from agent_factory.migrate.rehearsal.scratch.restore import restore
from tests.integration.scratch.production import Production, asked, copied, dumped
from tests.postgres import copied_installation, throwaway_server


def test_a_missing_extension_is_named(
    production: Production, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is missing because of it; the rest is there."""
    production.execute(
        "CREATE EXTENSION vector;"
        "CREATE TABLE public.items (id int PRIMARY KEY, place vector(3));"
        "CREATE INDEX items_place ON public.items USING hnsw (place vector_l2_ops);"
        "COMMENT ON TABLE public.items IS 'gone';"
        "CREATE TABLE public.other (item int REFERENCES public.items);"
        "CREATE TABLE public.letters (a bit(3), b bit(3));"
        "CREATE INDEX ON public.letters USING hnsw (a bit_hamming_ops);"
        "CREATE INDEX ON public.letters USING hnsw (b bit_hamming_ops)"
    )
    bin_dir = copied_installation(tmp_path)
    for path in bin_dir.parent.glob("share/**/vector.control"):
        path.unlink()
    monkeypatch.setenv("PATH", f"{bin_dir}:{os.environ['PATH']}")
    with scratch_database(18) as scratch:
        gap, other = copied(production.target, scratch).gaps
        assert gap.startswith("extension vector: not on the scratch server; therefore also missing: ")
        for missing in ("table public.items", "index public.items_place", "fk constraint public.other"):
            assert missing in gap
        assert asked(scratch, "SELECT count(*) FROM public.other") == 0
        version = "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
        assert asked(scratch, version) == production.ask(version)
        # What two objects need and is not there is told once.
        assert other.startswith('index public.letters_a_idx: access method "hnsw" does not exist')
        assert other.endswith("; therefore also missing: index public.letters_b_idx")


def test_functions_stand_in_for_an_extension_of_functions(tmp_path: Path) -> None:
    """A default that calls one is volatile as with the extension itself, and rewrites the table."""
    bin_dir = copied_installation(tmp_path)
    (extensions,) = bin_dir.parent.glob("share/**/extension")
    for name in ("uuid-ossp", "pgcrypto"):
        (extensions / f"{name}.control").write_text("default_version = '1'\nrelocatable = true\n")
    (extensions / "uuid-ossp--1.sql").write_text(
        "CREATE FUNCTION uuid_generate_v4() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';"
    )
    (extensions / "pgcrypto--1.sql").write_text(
        "CREATE FUNCTION gen_random_bytes(int) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea';"
    )
    with own_server(bin_dir) as original, scratch_database(18) as scratch:
        production = Target(url=original.url("postgres"), environment=scratch.target.environment)
        with connect(production) as connection, connection.begin():
            connection.exec_driver_sql(
                'CREATE SCHEMA "my extensions"; CREATE EXTENSION "uuid-ossp" SCHEMA "my extensions";'
                "CREATE EXTENSION pgcrypto;"
                'CREATE TABLE t (id uuid DEFAULT "my extensions".uuid_generate_v4(),'
                " key bytea DEFAULT gen_random_bytes(16));"
            )
        gaps = copied(production, scratch).gaps
        stand_in = "not on the scratch server; stand-in functions of the same names replace its own"
        assert sorted(gaps) == [f"extension pgcrypto: {stand_in}", f"extension uuid-ossp: {stand_in}"]
        with connect(scratch.target) as connection, connection.begin():
            before = connection.exec_driver_sql("SELECT pg_relation_filenode('t')").scalar_one()
            connection.exec_driver_sql('ALTER TABLE t ADD u uuid DEFAULT "my extensions".uuid_generate_v4()')
            assert connection.exec_driver_sql("SELECT pg_relation_filenode('t')").scalar_one() != before
            connection.exec_driver_sql('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
            connection.exec_driver_sql("INSERT INTO t DEFAULT VALUES")
            assert connection.exec_driver_sql("SELECT length(key) FROM t").scalar_one() == 16
            connection.exec_driver_sql("DROP EXTENSION pgcrypto CASCADE")
        assert asked(scratch, "SELECT to_regproc('gen_random_bytes')") is None


def test_a_missing_role_of_a_named_server_is_told(production: Production, app_role: str) -> None:
    with throwaway_server() as other, scratch_database(18, scratch_url=other.url("postgres")) as scratch:
        gaps = copied(production.target, scratch).gaps
        assert any(f"role {app_role}" in gap and "--scratch-url" in gap for gap in gaps)
        assert f'policy public.t own: role "{app_role}" does not exist' in gaps
        assert asked(scratch, f"SELECT count(*) FROM pg_roles WHERE rolname = '{app_role}'") == 0
        assert asked(scratch, "SELECT count(*) FROM public.t") == 0


def test_nothing_connects_and_no_login_is_copied(production: Production, scratch: Scratch) -> None:
    production.execute(
        "CREATE FOREIGN DATA WRAPPER far OPTIONS (debug 'C4n4ry');"
        "CREATE SERVER \"the; OPTIONS (far\" TYPE 'x' FOREIGN DATA WRAPPER far OPTIONS (host 'C4n4ry');"
        "CREATE USER MAPPING FOR PUBLIC SERVER \"the; OPTIONS (far\" OPTIONS (password 'C4n4ry');"
        "CREATE FOREIGN TABLE public.away (a int) SERVER \"the; OPTIONS (far\" OPTIONS (name 'b')"
    )
    name = production.ask("SELECT current_database()")
    production.execute(
        f"CREATE SUBSCRIPTION news_{name} CONNECTION 'host=127.0.0.1 port=1 password=C4n4ry'"
        " PUBLICATION p WITH (connect = false, slot_name = NONE)"
    )
    try:
        gaps = copied(production.target, scratch).gaps
    finally:
        production.execute(f"DROP SUBSCRIPTION news_{name}")
    assert sorted(gap.split(":")[0] for gap in gaps) == [
        "USER MAPPING public SERVER the; OPTIONS (far",
        "foreign data wrapper far",
        "server the; OPTIONS (far",
        f"subscription news_{name}",
    ]
    assert "C4n4ry" not in dumped(scratch.url) + "".join(gaps)
    assert asked(scratch, "SELECT count(*) FROM pg_foreign_table") == 1
    assert asked(scratch, "SELECT count(*) FROM pg_user_mapping") == 0


def test_an_event_trigger_is_there_and_does_nothing(production: Production, scratch: Scratch) -> None:
    production.execute(
        "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE 'not while I am here'; END $$;"
        "CREATE TABLE public.t (a int);"
        'CREATE EVENT TRIGGER "Re""fuse" ON ddl_command_start EXECUTE FUNCTION public.refuse();'
        "CREATE EVENT TRIGGER again ON ddl_command_end EXECUTE FUNCTION public.refuse();"
        "COMMENT ON EVENT TRIGGER again IS 'x'"
    )
    gaps = copied(production.target, scratch).gaps
    assert [gap.split(":")[0] for gap in gaps] == ['event trigger Re"fuse', "event trigger again"]
    with connect(scratch.target) as connection, connection.begin():
        connection.exec_driver_sql("ALTER TABLE public.t ADD b int")
        connection.exec_driver_sql('DROP EVENT TRIGGER "Re""fuse"')
    production.execute('DROP EVENT TRIGGER "Re""fuse"; DROP EVENT TRIGGER again')


def test_what_fails_after_a_table_is_made_does_not_cost_the_table(production: Production) -> None:
    """An older server does not know all attributes of a newer one's tables."""
    production.execute("CREATE TABLE public.t (a int, b int GENERATED ALWAYS AS (a + 1) VIRTUAL)")
    production.execute("CREATE TABLE public.u (a int); ALTER TABLE public.u ALTER a SET STATISTICS 5")
    with throwaway_server(16) as older, scratch_database(18, scratch_url=older.url("postgres")) as scratch:
        gaps = copied(production.target, scratch).gaps
        assert [gap for gap in gaps if gap.startswith("table public.t: ")]
        assert not [gap for gap in gaps if "transaction_timeout" in gap]
        assert (
            asked(
                scratch,
                "SELECT attstattarget FROM pg_attribute WHERE attrelid = 'u'::regclass AND attnum = 1",
            )
            == 5
        )


def test_a_setting_that_the_server_does_not_know_is_told(scratch: Scratch) -> None:
    original = Original(
        major=18,
        role="app",
        access=Access(),
        tablespaces=(),
        subscriptions=(),
        filled_views=frozenset(),
        has_public=True,
        extensions={},
        settings={
            "lc_time": "xx_XX",
            "lc_monetary": "xx_XX",
            "TimeZone": "Europe/Berlin",
            "new_setting": "on",
        },
    )
    gaps = restore("", original, scratch.target, is_own=True).gaps
    assert gaps == ("lc_time, lc_monetary: xx_XX is not known there",)
    assert asked(scratch, "SHOW TimeZone") == "Europe/Berlin"
