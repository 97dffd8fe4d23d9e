"""Production's schema in a scratch database is the same, and new sessions there are like production's."""

import time
import uuid

import pytest
from sqlalchemy.exc import DBAPIError

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import autocommit_cursor
from agent_factory.migrate.model.target import local_target
from agent_factory.migrate.rehearsal.scratch import Locale, Scratch, scratch_database
from agent_factory.url import DatabaseURL, parse_url
from tests.integration.scratch.production import EVERYTHING, Production, asked, copied, dumped
from tests.postgres import administering, throwaway_server


def test_everything_is_the_same(production: Production, scratch: Scratch) -> None:
    production.execute(EVERYTHING)
    assert copied(production.target, scratch).gaps == ()
    assert dumped(scratch.url) == dumped(parse_url(production.url))
    assert asked(scratch, "SELECT to_regnamespace('af_db')") is None


@pytest.mark.parametrize("major", [16, 18])
def test_from_an_older_server(major: int) -> None:
    with scratch_database(16, name="app") as original, scratch_database(major, name="app") as scratch:
        with connect(original.target) as connection, connection.begin():
            connection.exec_driver_sql(EVERYTHING.replace("%", "%%"))
        assert copied(original.target, scratch).gaps == ()
        if major == 16:
            assert dumped(scratch.url, 16) == dumped(original.url, 16)
        assert asked(scratch, "SELECT count(*) FROM app.users") == 0


def test_what_production_has_filled_can_be_read(production: Production, scratch: Scratch) -> None:
    production.execute(EVERYTHING)
    copied(production.target, scratch)
    assert asked(scratch, "SELECT count(*) FROM app.above") == 1
    with pytest.raises(DBAPIError, match="has not been populated"):
        asked(scratch, "SELECT count(*) FROM app.empty")
    with connect(scratch.target) as connection, connection.begin():
        connection.exec_driver_sql("REFRESH MATERIALIZED VIEW CONCURRENTLY app.counts")


def test_the_schema_public_may_be_missing(production: Production, scratch: Scratch) -> None:
    production.execute("DROP SCHEMA public; CREATE SCHEMA app; CREATE TABLE app.t (a int)")
    assert copied(production.target, scratch).gaps == ()
    assert dumped(scratch.url) == dumped(parse_url(production.url))


def test_bytes_that_are_no_text_are_copied(server_url: DatabaseURL) -> None:
    """A database without an encoding may have names of any bytes."""
    with (
        scratch_database(18, name="old", locale=Locale(encoding="SQL_ASCII")) as original,
        scratch_database(18, name="old", locale=Locale(encoding="SQL_ASCII")) as scratch,
    ):
        with connect(original.target) as connection, autocommit_cursor(connection) as cursor:
            cursor.execute(b'CREATE TABLE "caf\xe9" (a int)')
        assert copied(original.target, scratch).gaps == ()
        assert asked(
            scratch, "SELECT encode(relname::text::bytea, 'hex') FROM pg_class WHERE relname LIKE 'caf%%'"
        )


def test_new_sessions_get_productions_settings(
    production: Production, reader: Production, scratch: Scratch
) -> None:
    role, name = parse_url(reader.url).user, parse_url(production.url).database
    production.execute(
        f"ALTER DATABASE {name} SET TimeZone = 'Europe/Berlin';"
        f"ALTER DATABASE {name} SET DateStyle = 'German, DMY';"
        f"ALTER ROLE {role} SET IntervalStyle = 'iso_8601';"
        f"""ALTER ROLE {role} SET search_path = "$user", 'Odd "one', public;"""
        f"ALTER ROLE {role} SET row_security = off"
    )
    assert copied(reader.target, scratch).gaps == ()
    assert asked(scratch, "SHOW TimeZone") == "Europe/Berlin"
    assert asked(scratch, "SHOW IntervalStyle") == "iso_8601"
    assert asked(scratch, "SELECT reset_val FROM pg_settings WHERE name = 'DateStyle'") == "German, DMY"
    assert asked(scratch, "SHOW search_path") == f'"{role}", "Odd ""one", public'
    assert asked(scratch, "SHOW row_security") == "off"


def test_the_urls_options_are_productions_settings_too(production: Production, scratch: Scratch) -> None:
    production.execute("CREATE SCHEMA app; CREATE TABLE app.t (a int)")
    target = local_target(f"{production.url}?options=-csearch_path%3Dapp&sslmode=prefer")
    assert copied(target, scratch).gaps == ()
    assert asked(scratch, "SHOW search_path") == "app"
    assert asked(scratch, "SELECT count(*) FROM t") == 0


def test_a_missing_role_is_made_on_our_own_server(
    production: Production, app_role: str, scratch: Scratch
) -> None:
    assert copied(production.target, scratch).gaps == ()
    assert dumped(scratch.url) == dumped(parse_url(production.url))
    assert asked(scratch, f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{app_role}'") is False


def test_a_tablespace_of_production_is_there(production: Production, server_url: DatabaseURL) -> None:
    """In which nothing is: a revision may name it all the same."""
    name = f"fast_{uuid.uuid4().hex[:12]}"
    with administering(server_url) as cursor:
        cursor.execute("SET allow_in_place_tablespaces = on")
        cursor.execute(f"CREATE TABLESPACE {name} LOCATION ''")
    try:
        production.execute(f"CREATE TABLE public.t (a int) TABLESPACE {name}")
        with scratch_database(18) as scratch:
            assert copied(production.target, scratch).gaps == ()
            with connect(scratch.target) as connection, connection.begin():
                connection.exec_driver_sql(f"ALTER TABLE public.t SET TABLESPACE {name}")
    finally:
        production.execute("DROP TABLE public.t")
        with administering(server_url) as cursor:
            cursor.execute(f"DROP TABLESPACE {name}")


def test_many_tables(production: Production, scratch: Scratch) -> None:
    """As many as a large project has, quickly."""
    production.execute(
        """DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE format(
        'CREATE TABLE public.t%s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text NOT NULL, b int
         CHECK (b > 0), p bigint REFERENCES public.t%s); CREATE INDEX ON public.t%s (a)', i, i, i);
        END LOOP; END $$"""
    )
    began = time.monotonic()
    assert copied(production.target, scratch).gaps == ()
    assert time.monotonic() - began < 10
    assert asked(scratch, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 300


def test_a_role_that_may_do_no_more_than_make_databases(
    production: Production, server_url: DatabaseURL
) -> None:
    """On the server of --scratch-url."""
    production.execute(
        f"ALTER DATABASE {parse_url(production.url).database} SET search_path = app, public;"
        "CREATE SCHEMA app; CREATE TABLE app.t (a int PRIMARY KEY); COMMENT ON SCHEMA public IS 'theirs';"
        "CREATE MATERIALIZED VIEW app.v AS SELECT * FROM app.t; CREATE PUBLICATION p FOR TABLE app.t"
    )
    role = f"maker_{uuid.uuid4().hex[:12]}"
    with throwaway_server() as other:
        with administering(parse_url(other.url("postgres"))) as cursor:
            cursor.execute(f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'x'")
            cursor.execute(f"ALTER ROLE {role} SET search_path = elsewhere")
        url = f"postgresql://{role}:x@{other.host}:{other.port}/postgres"
        with scratch_database(18, scratch_url=url) as scratch:
            assert copied(production.target, scratch).gaps == ()
            assert asked(scratch, "SHOW search_path") == "app, public"
            assert asked(scratch, "SELECT count(*) FROM v") == 0


def test_roles_own_and_may_do_what_they_do_in_production(production: Production, scratch: Scratch) -> None:
    """Owners, rights on objects, columns and the database, by default and by membership; no password."""
    end = uuid.uuid4().hex[:8]
    owner, group, login = (f"{word}_{end}" for word in ("owner", "group", "Log in; to"))
    name = parse_url(production.url).database
    production.execute(
        f"CREATE ROLE {owner} NOINHERIT CREATEROLE; CREATE ROLE {group} BYPASSRLS;"
        f"CREATE ROLE \"{login}\" LOGIN PASSWORD 'C4n4ry'; GRANT {group} TO {owner};"
        f'GRANT {owner} TO "{login}" WITH ADMIN OPTION;'
        f'GRANT pg_monitor TO "{login}";'
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC; GRANT CREATE ON DATABASE {name} TO {owner};"
        f'CREATE SCHEMA app AUTHORIZATION {owner}; GRANT CREATE ON SCHEMA app TO "{login}" WITH GRANT OPTION;'
        f"REVOKE ALL ON SCHEMA public FROM PUBLIC; SET ROLE {owner};"
        "CREATE TABLE app.t (id serial PRIMARY KEY, n text); CREATE TYPE app.mood AS ENUM ('a');"
        "CREATE VIEW app.v AS SELECT * FROM app.t; CREATE MATERIALIZED VIEW app.m AS SELECT 1 AS one;"
        "CREATE FUNCTION app.f() RETURNS text LANGUAGE sql"
        " AS 'SELECT $$\nALTER TABLE app.t OWNER TO nobody;\n$$::text';"
        f"REVOKE ALL ON FUNCTION app.f() FROM PUBLIC; GRANT SELECT (n), UPDATE ON app.t TO {group};"
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO {group};"
        "RESET ROLE"
    )
    try:
        assert copied(production.target, scratch).gaps == ()
        for question in _OF_RIGHTS:
            told = question.format(names=f"'{owner}', '{group}', '{login}'")
            assert asked(scratch, told) == production.ask(told), question
        assert asked(scratch, f"SELECT count(*) FROM pg_authid WHERE rolname ~ '{end}' AND rolcanlogin") == 0
        assert asked(scratch, f"SELECT count(rolpassword) FROM pg_authid WHERE rolname ~ '{end}'") == 0
        assert asked(scratch, "SELECT count(*) FROM app.m") == 1
    finally:
        production.execute("RESET ROLE; DROP SCHEMA app CASCADE")
        for role in (group, owner, f'"{login}"'):
            production.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


_OF_RIGHTS = (
    """SELECT string_agg(concat_ws(' ', nspname, pg_get_userbyid(nspowner),
                                   replace(nspacl::text, current_user, 'x')), E'\\n' ORDER BY nspname)
       FROM pg_namespace WHERE nspname IN ('app', 'public')""",
    """SELECT string_agg(concat_ws(' ', relname, pg_get_userbyid(relowner), relacl), E'\\n' ORDER BY relname)
       FROM pg_class WHERE relnamespace = 'app'::regnamespace""",
    """SELECT string_agg(typname || ' ' || pg_get_userbyid(typowner), E'\\n' ORDER BY typname)
       FROM pg_type WHERE typnamespace = 'app'::regnamespace""",
    "SELECT pg_get_userbyid(proowner) || ' ' || proacl::text FROM pg_proc WHERE proname = 'f'",
    "SELECT attacl::text FROM pg_attribute WHERE attrelid = 'app.t'::regclass AND attname = 'n'",
    "SELECT pg_get_userbyid(defaclrole) || ' ' || defaclacl::text FROM pg_default_acl",
    """SELECT string_agg(concat_ws(' ', pg_get_userbyid(roleid), pg_get_userbyid(member), admin_option,
                                   to_jsonb(m)->>'inherit_option'), E'\\n' ORDER BY roleid::regrole::text)
       FROM pg_auth_members m WHERE pg_get_userbyid(member) IN ({names})""",
    """SELECT string_agg(concat_ws(' ', rolname, rolinherit, rolcreaterole, rolbypassrls, rolsuper), E'\\n'
                         ORDER BY rolname) FROM pg_roles WHERE rolname IN ({names})""",
    """SELECT string_agg(privilege_type || ' ' || pg_get_userbyid(grantee), E'\\n')
       FROM pg_database d, aclexplode(datacl) a
       WHERE datname = current_database() AND pg_get_userbyid(grantee) IN ({names})""",
    """SELECT count(*) FROM pg_database d, aclexplode(datacl)
       WHERE datname = current_database() AND grantee = 0""",
)
