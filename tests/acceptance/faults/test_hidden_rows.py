"""Rows that the role may not see are no rows that are not there: af-db refuses, and names what helps."""

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.runs import migrate
from tests.commands import Outcome, run_process
from tests.projects import AlembicProject

COMMANDS = (
    ("current",),
    ("prod", "current"),
    ("prod", "history"),
    ("prod", "upgrade", "--yes"),
    ("prod", "check"),
)


@pytest.fixture
def lowly(project: AlembicProject, database: Database, migrator: Database) -> Database:
    """The database at 001 as a role that may read and write what there is, and owns nothing of it."""
    assert migrate(project, database.url, "001").code == 0
    role = migrator.value("SELECT current_user")
    database.execute(
        f"GRANT USAGE ON SCHEMA af_db TO {role}",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA af_db, public TO {role}",
    )
    return migrator


def ask(project: AlembicProject, database: Database, *command: str) -> Outcome:
    return run_process(*command, "--json", cwd=project.root, url=database.url)


def refused(outcome: Outcome, *, because: str) -> str:
    assert (outcome.code, outcome.error["code"]) == (4, "hidden-rows"), outcome.out + outcome.err
    assert because in outcome.error["message"]
    return " ".join(outcome.error["next_steps"])


@pytest.mark.parametrize("command", COMMANDS)
def test_row_level_security_of_the_version_table(
    project: AlembicProject, database: Database, lowly: Database, command: tuple[str, ...]
) -> None:
    role = lowly.value("SELECT current_user")
    database.execute("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY")

    helps = refused(
        ask(project, lowly, *command), because=f"public.alembic_version may hide rows from {role}"
    )

    policy = f"CREATE POLICY af_db ON public.alembic_version TO {role} USING (true)"
    assert policy in helps
    assert ask(project, database, "current").document["current"][0]["revision"] == "001", "it is its owner's"
    database.execute(policy)
    assert ask(project, lowly, "current").document["current"][0]["revision"] == "001"
    assert migrate(project, lowly.url).applied == ["002", "003"]


@pytest.mark.parametrize(
    "policies",
    [
        ("CREATE POLICY later ON alembic_version USING (version_num > '001')",),
        ("CREATE POLICY others ON alembic_version TO pg_monitor USING (true)",),
        ("CREATE POLICY added ON alembic_version FOR INSERT WITH CHECK (true)",),
        (
            "CREATE POLICY all_rows ON alembic_version USING (true)",
            "CREATE POLICY none ON alembic_version AS RESTRICTIVE USING (version_num = '')",
        ),
    ],
)
def test_policies_that_do_not_show_every_row(
    project: AlembicProject, database: Database, lowly: Database, policies: tuple[str, ...]
) -> None:
    database.execute("ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY", *policies)

    refused(ask(project, lowly, "prod", "current"), because="row level security")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_view_in_the_place_of_the_version_table(
    project: AlembicProject, database: Database, lowly: Database, command: tuple[str, ...]
) -> None:
    database.execute(
        "ALTER TABLE alembic_version RENAME TO versions",
        "CREATE VIEW alembic_version AS SELECT * FROM versions WHERE version_num > '001'",
    )

    refused(ask(project, database, *command), because="public.alembic_version is a view")


def test_a_schema_that_the_role_may_not_use(
    project: AlembicProject, database: Database, lowly: Database
) -> None:
    """search_path passes over it without a word, as if the table were not there."""
    role = lowly.value("SELECT current_user")
    database.execute(f"REVOKE USAGE ON SCHEMA public FROM {role}, PUBLIC")

    for command in COMMANDS:
        helps = refused(ask(project, lowly, *command), because=f"{role} may not use the schema public")
        assert f"GRANT USAGE ON SCHEMA public TO {role}" in helps


def test_a_version_table_that_the_role_may_not_read(
    project: AlembicProject, database: Database, lowly: Database
) -> None:
    role = lowly.value("SELECT current_user")
    database.execute(f"REVOKE SELECT ON alembic_version FROM {role}")

    for command in COMMANDS:
        helps = refused(ask(project, lowly, *command), because=f"{role} may not read public.alembic_version")
        assert f"GRANT SELECT ON public.alembic_version TO {role}" in helps


def test_row_level_security_of_the_journal(
    project: AlembicProject, database: Database, lowly: Database
) -> None:
    role = lowly.value("SELECT current_user")
    database.execute("ALTER TABLE af_db.journal ENABLE ROW LEVEL SECURITY")

    for command in COMMANDS[2:]:
        helps = refused(ask(project, lowly, *command), because=f"af_db.journal may hide rows from {role}")
        assert f"CREATE POLICY af_db ON af_db.journal TO {role} USING (true)" in helps
    assert ask(project, lowly, "current").code == 0
    assert database.versions == ["001"]


def test_row_level_security_of_the_environment_name(
    project: AlembicProject, database: Database, lowly: Database
) -> None:
    """Without it ``local`` would take production for a developer's database."""
    database.execute("ALTER TABLE af_db.environment ENABLE ROW LEVEL SECURITY")

    refused(ask(project, lowly, "local", "upgrade"), because="af_db.environment may hide rows")


def test_a_journal_that_the_role_may_not_read(
    project: AlembicProject, database: Database, lowly: Database
) -> None:
    """What is edited or unfinished is in it: a run does not go on without."""
    role = lowly.value("SELECT current_user")
    database.execute(f"REVOKE SELECT ON af_db.journal FROM {role}")

    ended = migrate(project, lowly.url)

    assert (ended.code, ended.error["code"]) == (4, "journal-not-read")
    assert f"TO {role}" in " ".join(ended.error["next_steps"])
    assert database.versions == ["001"]
