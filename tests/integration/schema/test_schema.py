"""The schema as a text: the same for the same schema, and what it makes is that schema."""

from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, Scope, compare, read_catalog
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.replay import OF_ROLES_AND_ROWS
from agent_factory.url import DatabaseURL, parse_url
from tests.commands import CommandLine
from tests.integration.baseline.conftest import with_baseline
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project

EVERYTHING = """
CREATE EXTENSION IF NOT EXISTS plpgsql;
CREATE SCHEMA "Own ""one"" x";
COMMENT ON SCHEMA "Own ""one"" x" IS 'it''s own;';
CREATE TYPE mood AS ENUM ('good', 'b;ad');
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE SEQUENCE counter START 7;
CREATE FUNCTION two() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 2; -- two;
$$;
CREATE FUNCTION many(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT a; END;
CREATE TABLE users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood mood DEFAULT 'good', n positive,
    twice integer GENERATED ALWAYS AS (n * 2) STORED, at timestamptz DEFAULT now(), CHECK (n <> 3)
);
COMMENT ON COLUMN users.n IS 'a; b -- c';
CREATE TABLE "Own ""one"" x".a (
    id bigserial PRIMARY KEY, user_id integer REFERENCES users (id) ON DELETE CASCADE);
CREATE UNIQUE INDEX a_once ON "Own ""one"" x".a (user_id) WHERE id > 0;
CREATE TABLE parts (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE VIEW good_users AS SELECT id FROM users WHERE mood = 'good';
CREATE MATERIALIZED VIEW counted AS SELECT count(*) AS n FROM good_users;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := 1; RETURN NEW; END $$;
CREATE TRIGGER touched BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_of_them ON users USING (true);
CREATE RULE nothing AS ON INSERT TO good_users DO INSTEAD (SELECT 1; SELECT 2);
CREATE STATISTICS of_users ON n, at FROM users;
"""
OF_SQLITE = """
CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL DEFAULT 'a; b');
CREATE TABLE notes (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES users (id));
CREATE INDEX ix ON notes (user_id) WHERE id > 0;
CREATE VIEW some AS SELECT id FROM users;
CREATE TRIGGER t AFTER INSERT ON users BEGIN
    DELETE FROM notes; UPDATE notes SET id = CASE WHEN id > 1 THEN 2 END; END;
CREATE VIRTUAL TABLE texts USING fts5(body);
"""


@pytest.fixture
def empty(tmp_path: Path) -> AlembicProject:
    """A project whose only revision makes nothing."""
    project = make_project(tmp_path / "kept")
    project.add("001", None, "pass")
    return project


def catalog_of(url: str) -> Catalog:
    target = Target(url=parse_url(url), environment=Environment.LOCAL)
    with connect(target, read_only=True) as connection:
        return read_catalog(connection, Scope(leave_out_kinds=OF_ROLES_AND_ROWS))


def execute(url: str, sql: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()


def make_sqlite(url: str, sql: str) -> None:
    engine = sa.create_engine(parse_url(url).to_sqlalchemy())
    connection = engine.raw_connection()
    connection.executescript(sql)
    connection.close()
    engine.dispose()


def test_what_is_written_makes_the_schema_again(
    af_db: CommandLine, empty: AlembicProject, postgresql_url: str, server_url: DatabaseURL
) -> None:
    execute(postgresql_url, EVERYTHING)
    assert af_db("local", "upgrade", cwd=empty.root, url=postgresql_url).code == 0

    outcome = af_db("prod", "schema", "--out", "schema.sql", cwd=empty.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert outcome.out == "schema.sql\n"
    text = (empty.root / "schema.sql").read_text()
    assert "alembic_version" not in text
    assert "af_db" not in text.replace("af-db", "")
    assert "OWNER" not in text
    with new_database(server_url) as by_hand, new_database(server_url) as as_baseline:
        execute(by_hand, text)
        assert compare(catalog_of(postgresql_url), catalog_of(by_hand)) == ()
        with_baseline(empty, "schema.sql")
        assert af_db("local", "upgrade", cwd=empty.root, url=as_baseline).code == 0
        assert compare(catalog_of(postgresql_url), catalog_of(as_baseline)) == ()
        again = af_db("local", "schema", cwd=empty.root, url=as_baseline)
        assert again.out == text


def test_it_does_not_depend_on_the_order_in_which_it_was_made(
    af_db: CommandLine, empty: AlembicProject, postgresql_url: str, server_url: DatabaseURL
) -> None:
    tables = ["CREATE TABLE b (id int PRIMARY KEY);", "CREATE TABLE a (id int);", "CREATE INDEX z ON b (id);"]
    execute(postgresql_url, "".join([*tables, "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql RETURN 1"]))
    with new_database(server_url) as other:
        execute(other, "".join([tables[1], "CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql RETURN 1;"]))
        execute(other, "".join([tables[0], tables[2]]))

        one, two = (af_db("local", "schema", cwd=empty.root, url=url) for url in (postgresql_url, other))

        assert one.code == 0, one.err
        assert one.out == two.out


def test_a_kept_file_is_compared(af_db: CommandLine, empty: AlembicProject, postgresql_url: str) -> None:
    execute(postgresql_url, "CREATE TABLE a (id int)")
    check = ("local", "schema", "--check", "--out", "schema.sql")
    assert af_db(*check, "--json", cwd=empty.root, url=postgresql_url).error["code"] == "schema-file"
    af_db("local", "schema", "--out", "schema.sql", cwd=empty.root, url=postgresql_url)
    before = (empty.root / "schema.sql").read_text()

    same = af_db(*check, cwd=empty.root, url=postgresql_url)
    execute(postgresql_url, "ALTER TABLE a ADD COLUMN b int")
    other = af_db(*check, cwd=empty.root, url=postgresql_url)

    assert (same.code, other.code) == (0, 3)
    assert "+    b integer" in other.out
    assert (empty.root / "schema.sql").read_text() == before
    assert af_db("local", "schema", "--check", cwd=empty.root, url=postgresql_url).code == 2


def test_schemas_of_the_configuration_and_of_platforms(
    af_db: CommandLine, empty: AlembicProject, postgresql_url: str
) -> None:
    """What is a platform's is in no file; what the configuration does not name neither."""
    execute(
        postgresql_url,
        "CREATE SCHEMA pgbouncer; CREATE TABLE pgbouncer.theirs (id int); CREATE SCHEMA other;"
        "CREATE TABLE other.second (id int); CREATE TABLE ours (id int);",
    )

    every = af_db("local", "schema", cwd=empty.root, url=postgresql_url).out
    (empty.root / "pyproject.toml").write_text('[tool.af-db]\nschemas = ["public"]\n')
    named = af_db("local", "schema", cwd=empty.root, url=postgresql_url).out

    assert [word in every for word in ("theirs", "second", "ours")] == [False, True, True]
    assert [word in named for word in ("theirs", "second", "ours")] == [False, False, True]


def test_a_user_mapping_with_its_password_is_not_written(
    af_db: CommandLine, empty: AlembicProject, postgresql_url: str
) -> None:
    execute(
        postgresql_url,
        "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;"
        "CREATE USER MAPPING FOR CURRENT_USER SERVER s OPTIONS (password 'of the mapping');",
    )

    outcome = af_db("local", "schema", cwd=empty.root, url=postgresql_url)

    assert "CREATE SERVER s" in outcome.out
    assert "of the mapping" not in outcome.out


def test_a_sqlite_file_makes_the_schema_again(
    af_db: CommandLine, empty: AlembicProject, sqlite_url: str, tmp_path: Path
) -> None:
    make_sqlite(sqlite_url, OF_SQLITE)
    assert af_db("local", "upgrade", cwd=empty.root, url=sqlite_url).code == 0

    outcome = af_db("local", "schema", "--out", "schema.sql", cwd=empty.root, url=sqlite_url)

    assert outcome.code == 0, outcome.err
    text = (empty.root / "schema.sql").read_text()
    assert "alembic_version" not in text
    other = f"sqlite:///{tmp_path / 'other.db'}"
    with_baseline(empty, "schema.sql")
    assert af_db("local", "upgrade", cwd=empty.root, url=other).code == 0
    assert catalog_of(other) == catalog_of(sqlite_url)
    assert af_db("local", "schema", cwd=empty.root, url=other).out == text


def test_a_function_is_written_as_it_is(
    af_db: CommandLine, empty: AlembicProject, postgresql_url: str, server_url: DatabaseURL
) -> None:
    """Tabs, blanks at the end of a line, other line ends, and what looks like a password."""
    body = "\tSELECT 'a\u2028b'; -- \u202e  \r\n UPDATE t SET password = 'swordfish';  \f\n"
    execute(postgresql_url, "CREATE TABLE t (password text)")
    execute(postgresql_url, f"CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $${body}$$")

    printed = af_db("local", "schema", cwd=empty.root, url=postgresql_url)
    af_db("local", "schema", "--out", "schema.sql", cwd=empty.root, url=postgresql_url)
    as_json = af_db("local", "schema", "--json", cwd=empty.root, url=postgresql_url)

    assert body in printed.out
    assert printed.out.encode() == (empty.root / "schema.sql").read_bytes()
    assert as_json.error["code"] == "sql-not-whole"
    check = ("local", "schema", "--out", "schema.sql", "--check")
    assert af_db(*check, cwd=empty.root, url=postgresql_url).code == 0
    with new_database(server_url) as other:
        execute(other, printed.out)
        assert compare(catalog_of(postgresql_url), catalog_of(other)) == ()


def test_a_password_of_the_environment_is_not_written(
    af_db: CommandLine, empty: AlembicProject, postgresql_url: str
) -> None:
    password = postgresql_url.partition("@")[0].rpartition(":")[2]
    execute(postgresql_url, f"CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '{password}' $$")

    outcome = af_db("local", "schema", "--out", "schema.sql", "--json", cwd=empty.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "secrets-in-sql")
    assert not (empty.root / "schema.sql").exists()
