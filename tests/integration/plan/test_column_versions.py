"""What PostgreSQL keeps beside a column is no difference: nothing is refused, reported or failed for it."""

import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from agent_factory.migrate.rehearsal.scratch import database, locales
from tests.column_versions import forget_versions, version_columns, version_columns_from_now_on
from tests.commands import CommandLine, Outcome
from tests.integration.catalog.databases import each_installation, installations
from tests.postgres import FOR_SCRATCH, Server, installation, throwaway_server
from tests.projects import AlembicProject, make_project

ALL_KINDS = """
op.execute('CREATE TYPE "odd; SET (x=1)" AS (a int, b text)')
op.execute('CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL, "it is (odd" int)')
op.execute('ALTER TABLE users ALTER COLUMN email SET (n_distinct = -0.5, n_distinct_inherited = 7)')
op.execute('CREATE TABLE events (id int, at date) PARTITION BY RANGE (at)')
op.execute("CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')")
op.execute('CREATE VIEW names AS SELECT id, email FROM users')
op.execute('CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users')
op.execute('CREATE INDEX ix_users_email ON users (lower(email))')
"""
MORE = """
op.execute('ALTER TABLE users ADD COLUMN age int')
op.execute('CREATE TABLE orders (id serial PRIMARY KEY, user_id int REFERENCES users (id))')
"""

Alter = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """A project and its production; ``major`` is the version of that server."""

    af_db: CommandLine
    project: AlembicProject
    server: Server
    url: str
    major: int

    def run(self, *arguments: str) -> Outcome:
        return self.af_db("prod", *arguments, cwd=self.project.root, url=self.url)

    def execute(self, sql: str) -> None:
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
        connection.close()


NEWEST = pytest.mark.parametrize("servers_of_major", installations()[-1:], indirect=True, ids=str)


@pytest.fixture(scope="module", params=each_installation())
def servers_of_major(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server, int]]:
    """Two servers of each version that is to be had here: production's, and one for rehearsals."""
    major = request.param.major
    with throwaway_server(major) as server, throwaway_server(major, settings=FOR_SCRATCH) as scratch:
        yield server, scratch, major


@pytest.fixture
def production(
    af_db: CommandLine,
    tmp_path: Path,
    servers_of_major: tuple[Server, Server, int],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Production]:
    """Production at 001 of two, made without af-db's rehearsal."""
    server, scratch, major = servers_of_major
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch.url("postgres"))
    name = f"production_{uuid.uuid4().hex[:8]}"
    _administer(server, f"CREATE DATABASE {name} STRATEGY file_copy")
    project = make_project(tmp_path / "versioned")
    project.add("001", None, ALL_KINDS, "pass")
    project.add("002", "001", MORE, "op.drop_table('orders')\nop.drop_column('users', 'age')")
    it = Production(af_db=af_db, project=project, server=server, url=server.url(name), major=major)
    assert it.run("upgrade", "001", "--yes", "--no-rehearsal").code == 0
    yield it
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def alter_copies(monkeypatch: pytest.MonkeyPatch) -> Callable[[Alter], None]:
    """Has each database that is made on a scratch server altered before it is used."""

    def have_altered(alter: Alter) -> None:
        def create_database(cursor: Any, name: str, *arguments: Any, **options: Any) -> str | None:
            gap = locales.create_database(cursor, name, *arguments, **options)
            login = cursor.connection.info
            password = login.password or ""
            alter(f"postgresql://{login.user}:{password}@/{name}?host={login.host}&port={login.port}")
            return gap

        monkeypatch.setattr(database, "create_database", create_database)

    return have_altered


@pytest.mark.parametrize("copies_have_versions", [True, False], ids=["newer copies", "older copies"])
@pytest.mark.slow
def test_no_command_says_a_word_of_the_versions_of_columns(
    production: Production,
    alter_copies: Callable[[Alter], None],
    tmp_path: Path,
    copies_have_versions: bool,
) -> None:
    if copies_have_versions:
        alter_copies(version_columns_from_now_on)
    version_columns(production.url)
    plan = tmp_path / "plan.json"

    outcomes = [
        production.run("check", "--json"),
        production.run("plan", "--json"),
        production.run("plan", "--out", str(plan)),
        production.run("upgrade", "--yes", "--plan", str(plan)),
    ]
    version_columns(production.url)
    outcomes += [production.run("check", "--json"), production.run("downgrade", "001", "--yes", "--json")]
    version_columns(production.url)
    outcomes += [production.run("upgrade", "--yes", "--json")]

    said = [outcome.out + outcome.err for outcome in outcomes]
    assert [outcome.code for outcome in outcomes] == [3, 0, 0, 0, 0, 0, 0], said
    assert [item["code"] for item in outcomes[0].document["findings"]] == ["behind"]
    assert not [text for text in [*said, plan.read_text()] if "attver" in text or "in the copy" in text]
    assert outcomes[1].document["review"]["notes"] == []
    assert outcomes[1].document["warnings"] == []


@NEWEST
def test_a_real_difference_beside_the_versions_is_found(production: Production) -> None:
    assert production.run("upgrade", "--yes").code == 0
    production.execute("ALTER TABLE users ALTER COLUMN age SET (n_distinct = 5)")
    production.execute("ALTER TABLE users ALTER COLUMN email SET (n_distinct = -0.25)")
    production.execute("ALTER TABLE orders ALTER COLUMN user_id SET NOT NULL")
    version_columns(production.url)

    document = production.run("check", "--json").document

    remedies = {item["object"]: item["remedy"] for item in document["findings"] if item["code"] == "drift"}
    assert remedies == {
        "public.orders.user_id": "ALTER TABLE public.orders ALTER COLUMN user_id DROP NOT NULL",
        "public.users.age": "ALTER TABLE public.users ALTER COLUMN age RESET (n_distinct)",
        "public.users.email": "ALTER TABLE public.users ALTER COLUMN email SET (n_distinct=-0.5)",
    }
    forget_versions(production.url)
    for remedy in remedies.values():
        production.execute(remedy)
    assert production.run("check", "--json").document["findings"] == []


@NEWEST
def test_a_run_that_comes_out_otherwise_is_told_beside_the_versions(production: Production) -> None:
    production.execute("INSERT INTO users (email) VALUES ('a')")
    production.project.add(
        "003",
        "002",
        "if op.get_bind().scalar(sa.text('SELECT count(*) FROM users')):\n"
        "    op.execute('ALTER TABLE orders ADD COLUMN surprise int')",
    )
    version_columns(production.url)

    outcome = production.run("upgrade", "--yes", "--json")

    assert outcome.code == 8
    assert outcome.error["code"] == "not-as-rehearsed"
    assert outcome.error["message"].splitlines()[1:] == [
        "  column public.orders.surprise: expected none, found integer",
        "003 sent 2 statements, and 1 at the rehearsal",
    ]


@NEWEST
def test_a_database_that_was_dumped_and_restored_is_as_its_migrations_made_it(
    production: Production,
) -> None:
    assert production.run("upgrade", "--yes").code == 0
    version_columns(production.url)
    name = production.url.rpartition("/")[2]
    restored = f"{name}_restored"
    _administer(production.server, f"CREATE DATABASE {restored}")
    programs = installation(production.major)
    address = [
        "-h",
        production.server.socket_dir,
        "-p",
        str(production.server.port),
        "-U",
        production.server.user,
    ]
    dump = subprocess.run(
        [programs / "pg_dump", *address, name], capture_output=True, text=True, check=True, timeout=60
    )
    # A server from before those releases refuses the option that its own pg_dump wrote, and goes on.
    subprocess.run(
        [programs / "psql", "-q", "-X", *address, restored],
        input=dump.stdout,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    connection = psycopg2.connect(production.server.url(restored))
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE users ALTER COLUMN email SET (n_distinct = -0.5, n_distinct_inherited = 7)"
        )
    connection.close()
    version_columns(production.server.url(restored))

    outcome = production.af_db(
        "prod", "check", "--json", cwd=production.project.root, url=production.server.url(restored)
    )

    assert (outcome.code, outcome.document["findings"]) == (0, [])
    _administer(production.server, f"DROP DATABASE {restored} WITH (FORCE)")


STATISTICS_OF_EVERY_COLUMN = """
CREATE SCHEMA af_db;
CREATE FUNCTION af_db.surprise() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
    UPDATE pg_catalog.pg_attribute a SET attstattarget = 1 + (random() * 900)::integer
    FROM pg_catalog.pg_class c
    WHERE c.oid = a.attrelid AND c.oid >= 16384 AND c.relkind = 'r' AND a.attnum > 0
      AND coalesce(attstattarget, -1) < 0;
END$$;
CREATE EVENT TRIGGER surprise ON ddl_command_end EXECUTE FUNCTION af_db.surprise();
"""


@NEWEST
@pytest.mark.slow
def test_the_next_setting_that_a_copy_does_not_keep_is_left_out_and_named_once(
    production: Production, alter_copies: Callable[[Alter], None]
) -> None:
    """The copies set a statistics target for every column by themselves, as a release to come might."""

    def surprise(url: str) -> None:
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute(STATISTICS_OF_EVERY_COLUMN)
        connection.close()

    alter_copies(surprise)
    checked = production.run("check", "--json")
    planned = production.run("plan", "--json")
    upgraded = production.run("upgrade", "--yes", "--json")

    assert [item["code"] for item in checked.document["findings"]] == ["behind"]
    (skipped,) = (item for item in checked.document["skipped"] if "statistics target" in item)
    assert skipped.startswith("drift: statistics target of ")
    (warning,) = planned.document["warnings"]
    assert warning["code"] == "not-compared"
    assert "statistics target of" in warning["message"]
    assert upgraded.code == 0, upgraded.err

    production.execute("INSERT INTO users (email) VALUES ('a')")
    production.project.add(
        "003",
        "002",
        "if op.get_bind().scalar(sa.text('SELECT count(*) FROM users')):\n"
        "    op.execute('ALTER TABLE users ALTER COLUMN age SET DEFAULT 5')",
    )
    otherwise = production.run("upgrade", "--yes", "--json")
    assert otherwise.code == 8
    assert otherwise.error["message"].splitlines()[1:] == [
        "  column public.users.age: expected integer, found integer DEFAULT 5",
        "003 sent 2 statements, and 1 at the rehearsal",
    ]


def _administer(server: Server, sql: str) -> None:
    connection = psycopg2.connect(server.url("postgres"))
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()
