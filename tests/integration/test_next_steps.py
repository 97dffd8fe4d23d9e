"""What a command that failed advises: the file and the line first, and the command as it was typed."""

import json

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

TYPO = 'op.execute("UPDATE t001 SET idd = 1")'


@pytest.fixture
def broken(project: AlembicProject) -> AlembicProject:
    project.add("004", "003", TYPO)
    return project


def test_the_first_step_is_the_file_and_its_line(
    af_db: CommandLine, broken: AlembicProject, database_url: str
) -> None:
    outcome = af_db("local", "upgrade", "--json", "--yes", cwd=broken.root, url=database_url)

    assert outcome.code == 7
    first, *_, last = outcome.error["next_steps"]
    assert first == "correct alembic/versions/004_step_004.py, line 12"
    assert last == "then: af-db local upgrade head --yes"
    assert "by hand" not in outcome.out, "nobody knows that"


def test_the_options_of_the_command_are_repeated(
    af_db: CommandLine, broken: AlembicProject, database_url: str
) -> None:
    config = str(broken.config)

    outcome = af_db(
        *("local", "upgrade", "-x", "tenant=a b", "-c", config, "+4", "--lock-wait", "5s", "--json"),
        cwd=broken.root,
        url=database_url,
    )

    again = f"then: af-db -c {config} -x 'tenant=a b' local upgrade 004 --lock-wait 5s"
    assert outcome.error["next_steps"][-1] == again


def test_the_hint_of_the_server_stands_with_its_error(
    af_db: CommandLine, broken: AlembicProject, postgresql_url: str
) -> None:
    broken.add(
        "004", "003", 'op.execute("ALTER TABLE t001 ADD COLUMN n text"); op.execute("SELECT nn FROM t001")'
    )

    outcome = af_db("local", "upgrade", cwd=broken.root, url=postgresql_url)

    assert (
        'column "nn" does not exist; hint: Perhaps you meant to reference the column "t001.n".' in outcome.err
    )


def test_the_hint_of_a_raise_may_hold_values(
    af_db: CommandLine, broken: AlembicProject, postgresql_url: str
) -> None:
    raised = "DO $$BEGIN RAISE EXCEPTION 'no' USING HINT = 'ask ad' || 'a@example.com'; END$$"
    broken.add("004", "003", f'op.execute("{raised}")')

    outcome = af_db("local", "upgrade", cwd=broken.root, url=postgresql_url)

    assert outcome.code == 7
    assert "hint: ***" in outcome.err
    assert "ada@example.com" not in outcome.err + outcome.out


def test_what_fails_for_ever_is_not_to_be_run_again(
    af_db: CommandLine, broken: AlembicProject, database_url: str
) -> None:
    broken.add("004", "003", 'op.execute("SELEKT 1")')

    outcome = af_db("local", "upgrade", cwd=broken.root, url=database_url)

    assert "again:" not in outcome.err
    assert "  next      correct alembic/versions/004_step_004.py, line 12\n" in outcome.err


def test_a_revision_that_refuses_by_itself_is_to_be_read(
    af_db: CommandLine, broken: AlembicProject, database_url: str
) -> None:
    broken.add("004", "003", 'raise RuntimeError("run the import first")')

    outcome = af_db("local", "upgrade", "--json", cwd=broken.root, url=database_url)

    assert (
        outcome.error["next_steps"][0] == "read why it raises this: alembic/versions/004_step_004.py, line 12"
    )


def test_a_cause_outside_of_the_revision_does_not_send_anybody_to_its_file(
    af_db: CommandLine, broken: AlembicProject, postgresql_url: str
) -> None:
    broken.add("004", "003", 'op.execute("SELECT pg_sleep(9)")')

    outcome = af_db(
        *("local", "upgrade", "--statement-timeout", "200ms", "--json"), cwd=broken.root, url=postgresql_url
    )

    assert outcome.error["code"] == "statement-timeout"
    assert "correct alembic" not in str(outcome.error["next_steps"])


def test_a_downgrade_that_fails_can_be_corrected_and_run(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    path = project.add("004", "003", "pass", 'op.execute("DROP TABLE nothing_of_it")')
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)

    outcome = af_db("local", "downgrade", "003", "--json", cwd=project.root, url=postgresql_url)

    first, *_, last = outcome.error["next_steps"]
    assert first == "correct alembic/versions/004_step_004.py, line 16"
    assert last.startswith("then: af-db local downgrade 003 --accept-edited 004")
    path.write_text(path.read_text().replace("DROP TABLE nothing_of_it", "SELECT 1"))
    assert af_db(*last.split()[2:], cwd=project.root, url=postgresql_url).code == 0


def test_what_the_server_says_by_the_way_is_shown_once(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    drop = 'op.execute("DROP TABLE IF EXISTS old_one")'
    project.add(
        "004",
        "003",
        f"{drop}\n{drop}\nop.execute(\"DO $$BEGIN RAISE WARNING 'of %', 'ad' || 'a@x.org'; END$$\")",
    )

    outcome = af_db("local", "upgrade", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0
    assert outcome.err.count('notice   004: table "old_one" does not exist, skipping') == 1
    assert outcome.err.count("warning  004: ***") == 1
    assert "ada@x.org" not in outcome.err


def test_what_the_server_says_is_an_event_for_machines(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    rows = "DO $$BEGIN FOR i IN 1..100 LOOP RAISE NOTICE 'row %', i; END LOOP; END$$"
    project.add("004", "003", f'op.execute("DROP VIEW IF EXISTS v")\nop.execute("{rows}")')

    outcome = af_db("local", "upgrade", "--progress", "json", cwd=project.root, url=postgresql_url)

    said = [event for line in outcome.err.splitlines() if (event := _event(line))["event"] == "server-notice"]
    assert {key: said[0][key] for key in ("revision", "severity", "message")} == {
        "revision": "004",
        "severity": "NOTICE",
        "message": 'view "v" does not exist, skipping',
    }
    assert len(said) == 21
    assert said[1]["message"] == "***"
    assert said[-1]["message"] == "further messages of the server are not shown"


def _event(line: str) -> dict[str, str]:
    event: dict[str, str] = json.loads(line) if line.startswith("{") else {"event": ""}
    return event
