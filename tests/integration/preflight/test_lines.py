"""Each line of the checklist passes and fails by a real state of a real server."""

import contextlib
import threading
import time
import uuid
from dataclasses import replace
from typing import Any

import psycopg2
import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.integration.preflight.conftest import ADDS, DROPS, Site
from tests.postgres import new_database
from tests.projects import AlembicProject


def test_a_sound_plan_passes(site: Site) -> None:
    site.commit()

    lines = site.preflight()

    assert {name: line["verdict"] for name, line in lines.items()} == {
        "tested-locally": "pass",
        "staging": "not known",
        "backup": "not known",
        "reviewed": "not known",
        "way-back": "pass",
        "announced": "not known",
        "quiet": "pass",
        "watched": "not known",
        "room": "pass",
    }
    assert "back: af-db prod downgrade 001" in lines["way-back"]["evidence"]
    assert "loses column public.users.nick" in lines["way-back"]["evidence"]
    assert "by Ann" in lines["reviewed"]["evidence"]


@pytest.mark.parametrize(
    ("up", "down", "line", "verdict", "said"),
    [
        (ADDS, None, "way-back", "warn", "no downgrade() in 002"),
        (ADDS, "op.drop_column('users', 'nik')", "tested-locally", "fail", "002"),
        (ADDS, "op.drop_column('users', 'nik')", "way-back", "fail", "nik"),
        (ADDS, "op.execute('SELECT 1')", "tested-locally", "fail", "nick"),
        ("op.execute('DROP TABLE users')", "op.execute('SELECT 1')", "tested-locally", "fail", "users"),
        (
            "op.execute('ALTER TABLE users ALTER id TYPE bigint')",
            "op.execute('SELECT 1')",
            "way-back",
            "warn",
            "does not restore: column public.users.id",
        ),
    ],
)
def test_the_ways_up_and_down(
    site: Site, up: str, down: str | None, line: str, verdict: str, said: str
) -> None:
    site.write(up, down)

    found = site.preflight()[line]

    assert (found["verdict"], said in found["evidence"]) == (verdict, True), found


class TestStaging:
    def test_the_same_file(self, site: Site, staging: str) -> None:
        assert site.run("upgrade", "--yes", "--environment", "staging", url=staging).code == 0

        found = site.preflight()["staging"]

        assert found["verdict"] == "pass"
        assert "the same files ran, without drift: 002 on 20" in found["evidence"]

    def test_the_database_itself(self, site: Site, staging: str) -> None:
        outcome = site.run("preflight", "--json", url=staging)

        (found,) = (line for line in outcome.document["checklist"]["lines"] if line["name"] == "staging")
        assert (found["verdict"], found["evidence"]) == ("pass", "this is the staging database")

    def test_not_run(self, site: Site, staging: str) -> None:  # noqa: ARG002 - it is named in the environment
        found = site.preflight()["staging"]

        assert (found["verdict"], "002 has not run" in found["evidence"]) == ("fail", True)

    @pytest.mark.slow
    def test_another_file(self, site: Site, staging: str) -> None:
        assert site.run("upgrade", "--yes", "--environment", "staging", url=staging).code == 0
        site.write(ADDS.replace("Text()", "String(20)"), DROPS)

        found = site.preflight()["staging"]

        assert (found["verdict"], "another file of 002" in found["evidence"]) == ("fail", True)

    @pytest.mark.slow
    def test_drift(self, site: Site, staging: str) -> None:
        assert site.run("upgrade", "--yes", "--environment", "staging", url=staging).code == 0
        Site(af_db=site.af_db, project=site.project, url=staging).execute("CREATE TABLE by_hand (a int)")

        found = site.preflight()["staging"]

        assert (found["verdict"], "1 differences" in found["evidence"]) == ("fail", True)

    @pytest.mark.slow
    def test_no_such_server(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STAGING_DATABASE_URL", "postgresql://u:hush-hush@127.0.0.1:1/d")

        outcome = site.run("preflight", "--json")

        (found,) = (line for line in outcome.document["checklist"]["lines"] if line["name"] == "staging")
        assert found["verdict"] == "not known"
        assert "hush-hush" not in outcome.out + outcome.err


class TestQuiet:
    def test_a_lock_on_a_table_of_the_plan(self, site: Site) -> None:
        with site.transaction("INSERT INTO users VALUES (1)"):
            assert site.preflight()["quiet"]["verdict"] == "pass"

    def test_a_long_transaction_on_it(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agent_factory.migrate.review.checklist.quiet.LONG_S", 0.5)
        with site.transaction("INSERT INTO users VALUES (1)"):
            time.sleep(0.6)
            found = site.preflight()["quiet"]

        assert found["verdict"] == "warn"
        assert "holds public.users in a transaction open for" in found["evidence"]

    def test_somebody_waits(self, site: Site) -> None:
        with site.transaction("LOCK users IN SHARE MODE"), site.transaction() as waiting:
            waiting.cursor().execute("SET statement_timeout = '20s'")
            waiting.commit()
            writer = waiting.info.backend_pid
            with site.transaction() as asking:
                run_in_background(waiting, "INSERT INTO users VALUES (2)")
                until_it_waits(asking, writer)
                found = site.preflight()["quiet"]

        assert found["verdict"] == "warn"
        assert "1 session waits for locks on tables of the plan" in found["evidence"]

    @pytest.mark.parametrize(
        ("hours", "verdict", "said"),
        [
            ("00:00-23:59 UTC", "pass", "nobody waits"),
            ("00:00-00:01 UTC", "warn", "quiet hours are 00:00-00:01 UTC"),
            ("02:00-05:00 Nowhere/City", "warn", "knows no time zone Nowhere/City"),
        ],
    )
    def test_hours(self, site: Site, hours: str, verdict: str, said: str) -> None:
        (site.project.root / "pyproject.toml").write_text(f'[tool.af-db]\nquiet-hours = "{hours}"\n')

        found = site.preflight()["quiet"]

        assert (found["verdict"], said in found["evidence"]) == (verdict, True), found


class TestReviewed:
    def test_not_as_committed(self, site: Site) -> None:
        site.commit()
        site.write(ADDS.replace("nick", "name"), DROPS.replace("nick", "name"))

        found = site.preflight()["reviewed"]

        assert (found["verdict"], "not as committed: 002" in found["evidence"]) == ("warn", True)

    @pytest.mark.slow
    def test_approved(self, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AF_DB_APPROVED_BY", "Bea")

        found = site.preflight()["reviewed"]

        assert (found["verdict"], found["evidence"]) == ("said", "approved by Bea")

    def test_a_saved_plan(self, site: Site) -> None:
        assert site.run("plan", "--out", "plan.json").code == 0

        outcome = site.run("upgrade", "--plan", "plan.json", "--yes")

        assert outcome.code == 0, outcome.err
        assert "runs the plan saved at 20" in outcome.err


def test_rights_that_are_lacking(site: Site) -> None:
    role = f"preflight_{uuid.uuid4().hex[:8]}"
    site.execute(
        f"CREATE ROLE {role}_owner",
        f"CREATE ROLE {role} LOGIN PASSWORD 'preflight'",
        f"ALTER TABLE users OWNER TO {role}_owner",
        f"GRANT SELECT ON users, alembic_version TO {role}",
        f"GRANT USAGE ON SCHEMA af_db TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA af_db TO {role}",
    )
    url = parse_url(site.url)
    other = replace(site, url=f"postgresql://{role}:preflight@{url.host}:{url.port}/{url.database}")
    try:
        found = other.preflight()["room"]
    finally:
        site.execute(
            "ALTER TABLE users OWNER TO CURRENT_USER",
            f"DROP OWNED BY {role}",
            f"DROP ROLE {role}, {role}_owner",
        )

    assert found["verdict"] == "fail"
    assert f"public.users is {role}_owner's, and this role may not change it" in found["evidence"]


def test_an_invalid_index(site: Site) -> None:
    site.execute(
        "CREATE INDEX ix ON users (id)",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix'::regclass",
    )

    found = site.preflight()["room"]

    assert (found["verdict"], "the index public.ix of users is INVALID" in found["evidence"]) == (
        "warn",
        True,
    )


class TestRequired:
    @pytest.fixture
    def project(self, site: Site) -> AlembicProject:
        (site.project.root / "pyproject.toml").write_text(
            '[tool.af-db.preflight]\nrequire = ["staging", "way-back"]\n'
        )
        return site.project

    @pytest.mark.usefixtures("project")
    def test_neither_yes_nor_a_flag_runs_without(self, site: Site) -> None:
        outcome = site.run("upgrade", "--yes", "--json")

        assert (outcome.code, outcome.error["code"]) == (4, "not-ready")
        assert "staging: not known" in outcome.error["message"]
        assert "way-back" not in outcome.error["message"]
        assert site.run("current").out == "001\n"

    @pytest.mark.usefixtures("project")
    def test_it_runs_when_they_pass(self, site: Site, staging: str) -> None:
        assert site.run("upgrade", "--yes", "--environment", "staging", url=staging).code == 0

        outcome = site.run("upgrade", "--yes")

        assert outcome.code == 0, outcome.err

    def test_a_line_that_there_is_none_of(self, site: Site) -> None:
        (site.project.root / "pyproject.toml").write_text('[tool.af-db.preflight]\nrequire = ["coffee"]\n')

        outcome = site.run("preflight", "--json")

        assert (outcome.code, outcome.error["code"]) == (2, "bad-configuration")


def test_what_is_said_is_never_a_pass(site: Site) -> None:
    outcome = site.run("upgrade", "--yes", "--note", "backup: 02:10", "--note", "#ops informed")

    assert outcome.code == 0
    assert "said       backup" in outcome.err
    assert "said       announced" in outcome.err
    assert "not known  way-back" in outcome.err
    assert "tested-locally" not in outcome.err, "it would cost a wait"


def test_the_checklist_writes_nothing(site: Site) -> None:
    before = site.run("history", "--json").document

    site.preflight("--note", "backup: 02:10")

    assert site.run("history", "--json").document == before


def run_in_background(connection: Any, statement: str) -> None:
    def run() -> None:
        with contextlib.suppress(psycopg2.Error):  # the connection is closed under it
            connection.cursor().execute(statement)

    threading.Thread(target=run, daemon=True).start()


def until_it_waits(connection: Any, pid: int) -> None:
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", [pid])
            ((count,),) = cursor.fetchall()
        connection.rollback()
        if count:
            return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


def test_the_journal_keeps_what_stood_above_the_question(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AF_DB_APPROVED_BY", "Bea")

    assert site.run("upgrade", "--yes", "--note", "#ops informed, ticket 812").code == 0

    (newest, _first) = site.run("history", "--json").document["entries"]
    kept = newest["by"]["checklist"]
    assert "announced: said: #ops informed, ticket 812" in kept
    assert "reviewed: said: approved by Bea" in kept
    assert any(line.startswith("way-back: not known: back: af-db prod downgrade 001") for line in kept)


def test_a_role_that_sees_no_other_session(site: Site) -> None:
    role = f"preflight_{uuid.uuid4().hex[:8]}"
    site.execute(
        f"CREATE ROLE {role} LOGIN PASSWORD 'preflight'",
        f"GRANT ALL ON SCHEMA public, af_db TO {role}",
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public, af_db TO {role}",
    )
    url = parse_url(site.url)
    other = replace(site, url=f"postgresql://{role}:preflight@{url.host}:{url.port}/{url.database}")
    try:
        with site.transaction("INSERT INTO users VALUES (1)"):
            found = other.preflight()["quiet"]
    finally:
        site.execute(f"DROP OWNED BY {role}", f"DROP ROLE {role}")

    assert found["verdict"] == "not known"
    assert "transactions of other roles cannot be seen by this one" in found["evidence"]


def test_two_heads_have_no_one_downgrade(site: Site) -> None:
    site.project.add("003", "001")
    site.project.add("004", ("002", "003"))
    assert site.run("upgrade", "003", "--yes", "--no-rehearsal").code == 0
    assert site.run("upgrade", "002", "--yes", "--no-rehearsal").code == 0

    found = site.preflight()["way-back"]

    assert (found["verdict"], "each branch goes back by" in found["evidence"]) == ("not known", True)


@pytest.mark.parametrize("by", ["variable", "project"])
def test_a_job_for_staging_need_not_repeat_its_name(
    site: Site, server_url: DatabaseURL, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    settings = '[tool.af-db.preflight]\nrequire = ["staging"]\n'
    if by == "variable":
        monkeypatch.setenv("AF_DB_ENVIRONMENT", "staging")
    else:
        settings = '[tool.af-db]\nenvironment = "staging"\n' + settings
    (site.project.root / "pyproject.toml").write_text(settings)
    with new_database(server_url) as url:
        assert site.run("upgrade", "--yes", url=url).code == 0, "what must pass is for production"
        assert site.run("environment", url=url).out.split()[-1] == "staging"
        assert site.run("check", url=url).code == 0

    refused = site.run("upgrade", "--yes", "--json")

    assert (refused.code, refused.error["code"]) == (4, "wrong-environment")
