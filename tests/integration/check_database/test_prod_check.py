"""What ``prod check`` finds, each cause by its own code, and nothing beside it."""

import contextlib
import re
import sqlite3
from pathlib import Path

import psycopg2
import pytest

from tests.integration.check_database.conftest import Checked


def test_a_database_as_its_migrations_made_it_is_well(prod: Checked) -> None:
    document = prod.check()

    assert (document["exit_code"], document["findings"], document["skipped"]) == (0, [], [])
    assert any(text.startswith("drift:") for text in document["looked_at"])


def test_a_throwaway_server_is_started_where_none_is_named(
    prod: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AF_DB_SCRATCH_URL")

    document = prod.check()

    assert (document["exit_code"], document["findings"], document["skipped"]) == (0, [], [])
    assert "against the migrations run on " in document["looked_at"][-3]


def test_nothing_is_written(prod: Checked) -> None:
    prod.execute("ALTER DATABASE " + prod.url.rpartition("/")[2] + " SET default_transaction_read_only = on")

    assert prod.check()["findings"] == []


@pytest.mark.parametrize(
    ("change", "object_", "remedy"),
    [
        pytest.param(
            "ALTER TABLE users ADD COLUMN by_hand text",
            "public.users.by_hand",
            None,
            id="a column was added",
        ),
        pytest.param(
            "DROP INDEX ix_users_email",
            "public.ix_users_email",
            "CREATE INDEX CONCURRENTLY ix_users_email ON public.users USING btree (email)",
            id="an index was dropped",
        ),
        pytest.param(
            "ALTER TABLE orders DROP CONSTRAINT orders_pkey",
            "public.orders.orders_pkey",
            "ALTER TABLE public.orders ADD CONSTRAINT orders_pkey PRIMARY KEY (id)",
            id="a primary key was dropped",
        ),
        pytest.param("CREATE TABLE stray (id integer)", "public.stray", None, id="a table was made"),
        pytest.param(
            "ALTER TABLE users ALTER COLUMN email DROP NOT NULL",
            "public.users.email",
            "ALTER TABLE public.users ALTER COLUMN email SET NOT NULL",
            id="NOT NULL was dropped",
        ),
        pytest.param(
            "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "public.f()",
            "DROP FUNCTION public.f()",
            id="a function was made",
        ),
    ],
)
def test_drift_is_one_finding_with_the_statement_that_mends_it(
    prod: Checked, change: str, object_: str, remedy: str | None
) -> None:
    prod.execute(change)

    document = prod.check()

    (found,) = document["findings"]
    assert (document["exit_code"], found["code"], found["level"]) == (3, "drift", "error")
    assert (found["object"], found["remedy"]) == (object_, remedy)
    assert [line.split()[0] for line in found["details"]] == ["expected", "found"]
    if remedy is not None:
        prod.execute(remedy)
        assert prod.check()["findings"] == []


def test_owners_and_grants_are_no_drift(prod: Checked) -> None:
    prod.execute("GRANT SELECT ON users TO PUBLIC")

    assert set(prod.findings()) == {"unexpected-grant"}


def test_a_database_that_is_behind_is_compared_with_where_it_is(prod: Checked) -> None:
    prod.project.add_table("003", "002")
    prod.project.add_table("004", "003")

    document = prod.check()

    (found,) = document["findings"]
    assert (document["exit_code"], found["code"]) == (3, "behind")
    assert found["message"] == "the database is at 002, 2 revisions behind"
    assert found["details"] == ["003 step 003", "004 step 004"]
    assert found["remedy"] == "af-db prod upgrade"


def test_a_database_at_a_revision_of_another_checkout_is_ahead(prod: Checked) -> None:
    (prod.project.versions / "002_step_002.py").unlink()

    document = prod.check()

    assert [item["code"] for item in document["findings"]] == ["database-ahead"]
    assert "002" in document["findings"][0]["message"]
    assert "drift: it is not known which migrations the database has" in document["skipped"]


def test_an_applied_revision_that_was_edited_is_found_with_its_file(prod: Checked) -> None:
    path = prod.project.versions / "001_step_001.py"
    path.write_text(path.read_text() + "\n# a comment\n")

    found = prod.findings()["edited-revision"]

    assert Path(found["file"]) == path
    assert found["remedy"] == "af-db prod history --diff"


def test_what_ran_without_af_db_after_it_came_is_found(prod: Checked) -> None:
    prod.project.add_table("003", "002")
    prod.execute(
        "CREATE TABLE t003 (id serial PRIMARY KEY)", "UPDATE alembic_version SET version_num = '003'"
    )

    found = prod.findings()

    assert list(found) == ["ran-outside"]
    assert found["ran-outside"]["message"].startswith("003 ran without af-db")


def test_what_was_undone_without_af_db_is_found(prod: Checked) -> None:
    prod.execute("DROP TABLE orders", "UPDATE alembic_version SET version_num = '001'")

    found = prod.findings()

    assert list(found) == ["behind", "ran-outside"]
    assert found["ran-outside"]["message"].startswith("002 was downgraded without af-db")


def test_what_ran_before_af_db_came_is_a_note(prod: Checked) -> None:
    prod.execute("DELETE FROM af_db.journal WHERE revision = '001'")

    document = prod.check()

    assert document["exit_code"] == 0
    assert [(item["code"], item["level"]) for item in document["findings"]] == [
        ("ran-before-journal", "note")
    ]


def test_a_revision_that_a_run_left_unfinished_is_found_with_what_it_had_committed(prod: Checked) -> None:
    prod.project.add_table("003", "002")
    prod.execute(
        """INSERT INTO af_db.journal (run_id, revision, direction, state, source_sha256, source, statements,
               af_db_version, alembic_version, started_at)
           VALUES (gen_random_uuid(), '003', 'upgrade', 'started', '', '', ARRAY['UPDATE users SET age = 1'],
               '0', '0', now())"""
    )

    found = prod.findings()

    assert list(found) == ["behind", "unfinished-revision"]
    assert found["unfinished-revision"]["details"] == ["UPDATE users SET age = 1"]


def test_a_run_that_still_goes_on_is_no_unfinished_one(prod: Checked) -> None:
    from agent_factory.migrate.db.run_lock import KEY_OF_DATABASE

    prod.execute(
        """INSERT INTO af_db.journal (run_id, revision, direction, state, source_sha256, source,
               af_db_version, alembic_version, started_at)
           VALUES (gen_random_uuid(), '002', 'downgrade', 'started', '', '', '0', '0', now())"""
    )
    connection = psycopg2.connect(prod.url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [KEY_OF_DATABASE])
        document = prod.check()
    connection.close()

    assert "unfinished-revision" not in {item["code"] for item in document["findings"]}
    assert "migration-running" in {item["code"] for item in document["findings"]}


def test_an_invalid_index_is_found_once_with_the_command_that_drops_it(prod: Checked) -> None:
    prod.execute("INSERT INTO users VALUES (1, 'a', 1), (2, 'a', 1)")
    with pytest.raises(psycopg2.errors.UniqueViolation):
        prod.execute("CREATE UNIQUE INDEX CONCURRENTLY by_hand ON users (email)")

    (found,) = prod.check()["findings"]

    assert (found["code"], found["level"]) == ("invalid-index", "warning")
    assert found["remedy"] == "DROP INDEX CONCURRENTLY public.by_hand"
    prod.execute(found["remedy"])
    assert prod.check()["findings"] == []


def test_an_invalid_index_that_the_migrations_want_is_built_anew(prod: Checked) -> None:
    prod.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_users_email'::regclass",
    )

    (found,) = prod.check()["findings"]

    assert found["code"] == "invalid-index"
    assert found["remedy"] == "REINDEX INDEX CONCURRENTLY public.ix_users_email"
    assert found["details"] == ["or without it: DROP INDEX CONCURRENTLY public.ix_users_email"]
    prod.execute(found["remedy"])
    assert prod.check()["findings"] == []


def test_a_constraint_left_not_valid_is_found_once_with_the_statement_that_validates_it(
    prod: Checked,
) -> None:
    prod.execute(
        "ALTER TABLE orders DROP CONSTRAINT fk_orders_user_id",
        "ALTER TABLE orders ADD CONSTRAINT fk_orders_user_id FOREIGN KEY (user_id) REFERENCES users NOT VALID",  # noqa: E501
    )

    (found,) = prod.check()["findings"]

    assert (found["code"], found["level"]) == ("constraint-not-valid", "warning")
    assert found["remedy"] == "ALTER TABLE public.orders VALIDATE CONSTRAINT fk_orders_user_id"
    prod.execute(found["remedy"])
    assert prod.check()["findings"] == []


def test_a_constraint_that_is_neither_expected_nor_valid_has_one_remedy(prod: Checked) -> None:
    prod.execute('ALTER TABLE orders ADD CONSTRAINT "Not me" CHECK (id > 0) NOT VALID')

    (found,) = prod.check()["findings"]

    assert (found["code"], found["object"]) == ("drift", 'public.orders."Not me"')
    assert found["remedy"] == 'ALTER TABLE public.orders DROP CONSTRAINT "Not me"'


@pytest.mark.parametrize(
    ("statements", "codes"),
    [
        pytest.param(
            ["INSERT INTO alembic_version VALUES ('001')"], ["overlapping-rows"], id="two rows of one line"
        ),
        pytest.param(
            [
                "ALTER TABLE alembic_version DROP CONSTRAINT alembic_version_pkc",
                "INSERT INTO alembic_version VALUES ('002')",
            ],
            ["duplicate-version-rows", "version-table-key"],
            id="one row twice, and no key",
        ),
        pytest.param(
            ["ALTER TABLE alembic_version DROP CONSTRAINT alembic_version_pkc"],
            ["version-table-key"],
            id="no key",
        ),
        pytest.param(
            ["INSERT INTO alembic_version VALUES ('nowhere')"], ["database-ahead"], id="an unknown row"
        ),
    ],
)
def test_a_version_table_that_is_not_sane_is_found(
    prod: Checked, statements: list[str], codes: list[str]
) -> None:
    prod.execute(*statements)

    assert [item["code"] for item in prod.check()["findings"]] == codes


def test_tables_without_a_revision_are_one_finding_and_not_drift(prod: Checked) -> None:
    prod.execute("DELETE FROM alembic_version")

    document = prod.check()

    assert {"not-versioned", "behind"} <= {item["code"] for item in document["findings"]}
    assert "drift" not in {item["code"] for item in document["findings"]}
    assert "public.orders, public.users" in next(
        item["message"] for item in document["findings"] if item["code"] == "not-versioned"
    )


def test_the_wrong_environment_is_found(prod: Checked) -> None:
    staging = prod.findings("--environment", "staging")
    prod.execute("UPDATE af_db.environment SET name = 'staging'")

    assert list(staging) == ["wrong-environment"]
    assert prod.findings()["wrong-environment"]["message"] == (
        "the environment name of the database is staging, not production"
    )
    assert prod.findings("--environment", "staging") == {}


def test_a_production_that_does_not_say_so_is_a_note(prod: Checked) -> None:
    prod.execute("DELETE FROM af_db.environment")

    document = prod.check()

    assert (document["exit_code"], [item["code"] for item in document["findings"]]) == (
        0,
        ["no-environment-name"],
    )


def test_what_cannot_be_checked_is_told_with_the_reason(
    prod: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod.execute("DROP SCHEMA af_db CASCADE")

    document = prod.check("--scratch-url", "postgresql://nobody@127.0.0.1:1/none")

    (found,) = document["findings"]
    assert (found["code"], found["level"]) == ("not-checked", "error"), "the server was asked for by name"
    journal, environment, drift = document["skipped"]
    assert (journal, environment) == (
        "journal: the database has none",
        "environment name: the database has none",
    )
    assert re.match(r"drift: no throwaway server: --scratch-url: ", drift)


def test_without_a_rehearsal_drift_is_skipped_and_the_rest_is_checked(prod: Checked) -> None:
    prod.execute("ALTER TABLE users ADD COLUMN by_hand text", "INSERT INTO alembic_version VALUES ('001')")

    document = prod.check("--no-rehearsal")

    assert [item["code"] for item in document["findings"]] == ["overlapping-rows"]
    assert document["skipped"] == [
        "drift: no throwaway database is wanted (--no-rehearsal, AF_DB_REHEARSAL=false)"
    ]


def test_migrations_that_do_not_run_on_an_empty_database_are_told(prod: Checked) -> None:
    path = prod.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("def upgrade():", "def upgrade():\n    op.execute('oops')"))

    document = prod.check()

    assert [(item["code"], item["level"]) for item in document["findings"]] == [
        ("edited-revision", "error"),
        ("not-checked", "warning"),
    ]
    assert document["skipped"] == [
        'drift: the migrations do not run on an empty database: 002: syntax error at or near "oops"'
    ]


def test_drift_that_nobody_looked_for_is_found_in_production_and_not_in_a_local_database(
    prod: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AF_DB_SCRATCH_URL")
    for kind in ("local", "wheel"):
        name = f"agent_factory.migrate.rehearsal.scratch.database.{kind}_installations"
        monkeypatch.setattr(name, lambda _program: ())

    assert prod.findings()["not-checked"]["level"] == "warning"
    assert prod.run("check").code == 3
    assert prod.findings("--no-rehearsal") == {}
    local = prod.af_db("local", "check", "--json", cwd=prod.project.root, url=prod.url).document
    assert {item["code"] for item in local["findings"]} == {"wrong-environment"}


def test_a_role_that_may_only_read_is_enough(prod: Checked) -> None:
    name = f"reader_{prod.url.rpartition('/')[2]}"
    prod.execute(
        f"CREATE ROLE {name} LOGIN PASSWORD 'secret-of-the-reader'",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}",
    )
    address = prod.url.rpartition("@")[2]
    try:
        document = prod.check(url=f"postgresql://{name}:secret-of-the-reader@{address}")
    finally:
        prod.execute(f"DROP OWNED BY {name}", f"DROP ROLE {name}")

    assert (document["exit_code"], document["findings"]) == (0, [])
    assert document["skipped"] == [
        f"journal: {name} may not read af_db",
        f"environment name: {name} may not read af_db",
    ]


def test_drift_is_found_on_sqlite(sqlite: Checked) -> None:
    assert sqlite.check()["findings"] == []
    with contextlib.closing(sqlite3.connect(sqlite.url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("CREATE INDEX by_hand ON users (age)")
    connection.close()

    document = sqlite.check()

    (found,) = document["findings"]
    assert (document["exit_code"], found["code"]) == (3, "drift")
    assert (found["object"], found["remedy"]) == ("by_hand", "DROP INDEX by_hand")
    assert document["skipped"] == ["journal: SQLite has none", "environment name: SQLite has none"]


def test_a_local_database_that_calls_itself_production_is_found(prod: Checked) -> None:
    outcome = prod.af_db("local", "check", "--json", cwd=prod.project.root, url=prod.url)

    assert outcome.code == 3
    assert [item["code"] for item in outcome.document["findings"]] == ["wrong-environment"]


def test_an_empty_database_is_behind_and_nothing_else(prod: Checked, sqlite_url: str) -> None:
    outcome = prod.af_db("local", "check", "--json", cwd=prod.project.root, url=sqlite_url)

    assert [item["code"] for item in outcome.document["findings"]] == ["behind"]
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()
