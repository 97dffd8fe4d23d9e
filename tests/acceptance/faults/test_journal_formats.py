"""Journals of an older af-db are carried over whole; of a newer one, and what is none, nothing is written."""

import contextlib
from pathlib import Path

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.old_journals import (
    forget_version_tables,
    make_old_journal,
    write_old_row,
)
from tests.acceptance.faults.runs import migrate, migrating
from tests.acceptance.faults.test_histories import BY_SEARCH_PATH, entries, service
from tests.commands import run_process
from tests.projects import AlembicProject

REMARK = "SELECT obj_description('af_db.journal'::regclass, 'pg_class')"


def by_plain_alembic(database: Database, revision: str, *, table: str = "alembic_version") -> None:
    """Have a version table at a revision, as if an earlier run had put it there."""
    database.execute(
        f"CREATE TABLE IF NOT EXISTS {table} (version_num varchar(32) PRIMARY KEY)",
        f"DELETE FROM {table}",
        f"INSERT INTO {table} VALUES ('{revision}')",
    )


@pytest.fixture
def old(project: AlembicProject, database: Database) -> AlembicProject:
    """A project at 002, both revisions run by af-db 0.2."""
    make_old_journal(database)
    database.execute("CREATE TABLE t001 (id int PRIMARY KEY)", "CREATE TABLE t002 (id int PRIMARY KEY)")
    by_plain_alembic(database, "002")
    for revision in ("001", "002"):
        write_old_row(database, project, revision)
    return project


def test_an_old_journal_is_read_as_it_is(old: AlembicProject, database: Database) -> None:
    found = entries(old, database)
    text = run_process("prod", "history", cwd=old.root, url=database.url)

    assert [entry["is_outside"] for entry in found] == [False, False, False]
    assert [bool(entry["by"]) for entry in found] == [False, True, True]
    assert text.out.count("deployer@ci-7") == 2
    assert "unknown version table" not in text.out + text.err
    assert database.value(REMARK) is None, "what only reads changes nothing"


def test_a_run_carries_an_old_journal_over(old: AlembicProject, database: Database) -> None:
    write_old_row(database, old, "003", state="failed")

    ended = migrate(old, database.url)

    assert (ended.code, ended.applied) == (0, ["003"])
    assert ended.warnings("old-journal") == []
    assert database.value(REMARK) == "af-db journal, format 2"
    assert set(database.journal("version_schema, version_table")) == {("public", "alembic_version")}
    assert database.journal("revision, state") == [
        *(("001", "applied"), ("002", "applied"), ("003", "failed"), ("003", "applied"))
    ]
    assert all(entry["by"] for entry in entries(old, database))


def test_an_edited_file_is_noticed_by_an_old_row(old: AlembicProject, database: Database) -> None:
    (path,) = old.versions.glob("002_*")
    path.write_text(f"{path.read_text()}\n# a second thought\n")

    assert migrate(old, database.url).error["code"] == "edited-revision"
    assert migrate(old, database.url, "--accept-edited", "002").applied == ["003"]
    old.add_table("004", "003")
    assert migrate(old, database.url).applied == ["004"]


def test_what_an_older_run_left_unfinished_holds_up(old: AlembicProject, database: Database) -> None:
    write_old_row(database, old, "003", state="started", statements=("CREATE TABLE half (a int)",))

    assert migrate(old, database.url).error["code"] == "unfinished-revision"
    assert migrate(old, database.url, "--resume", "003").applied == ["003"]


def test_an_older_af_db_that_writes_after_a_newer_one(old: AlembicProject, database: Database) -> None:
    """Its rows say nothing of a version table, and are found out again."""
    assert migrate(old, database.url).applied == ["003"]
    old.add_table("004", "003")
    write_old_row(database, old, "004")
    by_plain_alembic(database, "004")

    assert [bool(entry["by"]) for entry in entries(old, database)] == [True] * 4
    old.add_table("005", "004")
    assert migrate(old, database.url).warnings("ran-outside") == []
    assert set(database.journal("version_table")) == {("alembic_version",)}


def test_two_services_find_their_old_rows(tmp_path: Path, database: Database) -> None:
    """They have ids in common; the source tells whose row is whose, and no run is refused for another's."""
    shop, mail = service(tmp_path, "shop"), service(tmp_path, "mail")
    for project in (shop, mail):
        assert migrate(project, database.url, "001").code == 0
    forget_version_tables(database)

    seen = run_process("prod", "history", cwd=shop.root, url=database.url)
    assert "of an unknown version table" in seen.err
    assert migrate(shop, database.url).applied == ["002"]
    assert database.journal("revision, version_table") == [
        *(("001", "versions_of_shop"), ("001", None), ("002", "versions_of_shop"))
    ]
    assert migrate(mail, database.url).applied == ["002"]
    assert database.journal("revision, version_table")[1] == ("001", "versions_of_mail")
    seen = run_process("prod", "history", cwd=shop.root, url=database.url)
    assert "unknown version table" not in seen.err


def test_tenants_whose_old_rows_cannot_be_told_apart(project: AlembicProject, database: Database) -> None:
    """Nothing is made up of them and none is lost: not whose they are, nor that a revision ran outside."""
    project.env_py.write_text(BY_SEARCH_PATH)
    for tenant in ("t1", "t2"):
        database.execute(f"CREATE SCHEMA {tenant}")
    assert migrate(project, database.url, "002", environment={"TENANT": "t1"}).code == 0
    assert migrate(project, database.url, "001", environment={"TENANT": "t2"}).code == 0
    forget_version_tables(database)

    for tenant, revisions in (("t2", ["002", "003"]), ("t1", ["003"])):
        ended = migrate(project, database.url, environment={"TENANT": tenant})
        assert (ended.code, ended.applied) == (0, revisions), ended.outcome.out
        assert ended.warnings("ran-outside") == []
    assert database.journal("revision, version_schema")[:3] == [("001", None), ("002", "t1"), ("001", None)]
    seen = run_process("prod", "history", cwd=project.root, url=database.url, environment={"TENANT": "t2"})
    (line,) = [line for line in seen.out.splitlines() if "step 001" in line]
    assert "of an unknown version table" in line
    assert "of an unknown version table, since an older af-db wrote them: 001" in seen.err
    found = run_process(
        *("prod", "check", "--json"), cwd=project.root, url=database.url, environment={"TENANT": "t2"}
    )
    assert not {item["code"] for item in found.document["findings"]} & {"ran-outside", "edited-revision"}


@pytest.mark.parametrize("is_old", [True, False])
def test_two_that_start_at_once(tmp_path: Path, database: Database, is_old: bool) -> None:
    """Both make the journal, or change its format."""
    names = [f"service_{number}" for number in range(8)]
    projects = [service(tmp_path, name) for name in names]
    if is_old:
        make_old_journal(database)
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(migrating(project, database.url)) for project in projects]
        ended = [run.end() for run in runs]

    assert [run.code for run in ended] == [0] * len(names), [run.outcome.out for run in ended if run.code]
    assert [run.applied for run in ended] == [["001", "002"]] * len(names)
    assert set(database.journal("version_table")) == {(f"versions_of_{name}",) for name in names}
    assert database.value(REMARK) == "af-db journal, format 2"


@pytest.mark.slow
def test_a_journal_that_is_in_use_all_the_time(old: AlembicProject, database: Database) -> None:
    """Its format waits for another run; the revision does not."""
    with database.transaction("LOCK TABLE af_db.journal IN ROW EXCLUSIVE MODE"):
        ended = migrate(old, database.url)

    assert (ended.code, ended.applied) == (0, ["003"])
    assert len(ended.warnings("old-journal")) == 1
    assert len(database.journal()) == 3
    old.add_table("004", "003")
    assert migrate(old, database.url).applied == ["004"]
    assert set(database.journal("version_table")) == {("alembic_version",)}


def test_a_role_that_may_write_the_journal_and_not_change_it(
    old: AlembicProject, migrator: Database, database: Database
) -> None:
    role = migrator.value("SELECT current_user")
    database.execute(
        f"GRANT USAGE ON SCHEMA af_db TO {role}",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA af_db, public TO {role}",
    )

    ended = migrate(old, migrator.url)

    assert (ended.code, ended.applied) == (0, ["003"])
    (warning,) = ended.warnings("old-journal")
    assert "format 1" in warning
    assert role in warning
    assert database.journal("revision, db_role")[-1] == ("003", role)
    assert migrate(old, migrator.url).code == 0
    assert all(entry["by"] for entry in entries(old, database))
    old.add_table("004", "003")
    assert migrate(old, database.url).applied == ["004"]
    assert set(database.journal("version_table")) == {("alembic_version",)}


def test_the_owner_may_change_the_format_without_rights_on_the_database(
    old: AlembicProject, migrator: Database, database: Database
) -> None:
    role, name = migrator.rows("SELECT current_user, current_database()")[0]
    database.execute(
        f"ALTER SCHEMA af_db OWNER TO {role}",
        f"ALTER TABLE af_db.journal OWNER TO {role}",
        f"ALTER TABLE af_db.environment OWNER TO {role}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}",
        f"REVOKE CREATE ON DATABASE {name} FROM {role}",
    )

    assert migrate(old, migrator.url).applied == ["003"]
    assert database.value(REMARK) == "af-db journal, format 2"


def test_a_journal_of_a_newer_af_db(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url, "001").code == 0
    database.execute(
        "ALTER TABLE af_db.journal ADD COLUMN something_new text, DROP COLUMN host",
        "COMMENT ON TABLE af_db.journal IS 'af-db journal, format 3'",
    )
    before = database.rows("SELECT * FROM af_db.journal")

    for command in ("prod upgrade", "prod downgrade base"):
        refused = migrate(project, database.url, command=command)
        assert (refused.code, refused.error["code"]) == (4, "newer-journal")
        assert "format 3" in refused.error["message"]
        assert "unchanged" in refused.error["state"]
    refused_name = run_process("prod", "environment", "staging", "--yes", cwd=project.root, url=database.url)
    assert refused_name.code == 4
    assert run_process("prod", "history", cwd=project.root, url=database.url).code == 4
    assert run_process("prod", "current", cwd=project.root, url=database.url).out == "001\n"
    assert database.rows("SELECT * FROM af_db.journal") == before
    assert database.versions == ["001"]


def arguments_of(project: AlembicProject, database: Database) -> list[list[str] | None]:
    """What the journal has of each applied revision, newest first."""
    looked = run_process("prod", "history", "--json", cwd=project.root, url=database.url)
    return [entry["by"]["arguments"] for entry in looked.document["entries"] if entry["by"]]


def without_arguments(database: Database) -> None:
    """Make the journal what the first af-db of format 2 made."""
    database.execute("ALTER TABLE af_db.journal DROP COLUMN arguments")


def test_what_was_typed_for_env_py_is_kept_and_shown(project: AlembicProject, database: Database) -> None:
    typed = ("-x", "tenant=a b", "-x", "api-token=hunter2hunter2")
    assert migrate(project, database.url, "001", *typed).code == 0
    assert migrate(project, database.url, "002").code == 0

    kept = database.journal("arguments")

    assert kept == [(["-x tenant=a b", "-x api-token=***"],), ([],)]
    assert arguments_of(project, database) == [[], ["-x tenant=a b", "-x api-token=***"]]


def test_a_journal_that_has_no_arguments_yet(project: AlembicProject, database: Database) -> None:
    """It is read as it is, and the next run adds the column; what ran before says nothing."""
    assert migrate(project, database.url, "001", "-x", "tenant=a").code == 0
    without_arguments(database)

    assert arguments_of(project, database) == [None]
    ended = migrate(project, database.url, "002", "-x", "tenant=a")

    assert (ended.code, ended.warnings("old-journal")) == (0, [])
    assert database.journal("revision, arguments") == [("001", None), ("002", ["-x tenant=a"])]


def test_a_role_that_may_not_add_the_arguments(
    project: AlembicProject, migrator: Database, database: Database
) -> None:
    assert migrate(project, database.url, "001").code == 0
    without_arguments(database)
    role = migrator.value("SELECT current_user")
    database.execute(
        f"GRANT USAGE ON SCHEMA af_db TO {role}",
        f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA af_db, public TO {role}",
    )

    ended = migrate(project, migrator.url, "002", "-x", "tenant=a")

    assert (ended.code, ended.applied) == (0, ["002"])
    assert [bool(entry["by"]) for entry in entries(project, database)] == [False, True, True]


def test_a_row_of_an_af_db_that_keeps_no_arguments(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url, "001").code == 0
    write_old_row(database, project, "002")
    by_plain_alembic(database, "002")

    assert arguments_of(project, database) == [None, []]


def test_a_dump_that_leaves_comments_out(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url, "001").code == 0
    database.execute("COMMENT ON TABLE af_db.journal IS NULL")

    assert migrate(project, database.url).applied == ["002", "003"]
    assert set(database.journal("version_table")) == {("alembic_version",)}


FOREIGN = {
    "another table": (
        ("CREATE SCHEMA af_db", "CREATE TABLE af_db.journal (x int)"),
        "lacks the table environment",
    ),
    "another table beside another": (
        (
            "CREATE SCHEMA af_db",
            "CREATE TABLE af_db.journal (x int)",
            "CREATE TABLE af_db.environment (only_row boolean, name text, set_at timestamptz, set_by text)",
        ),
        "has no column id (bigint)",
    ),
    "a column that was dropped": (("ALTER TABLE af_db.journal DROP COLUMN host",), "has no column host"),
    "a column of another type": (
        ("ALTER TABLE af_db.journal ALTER host TYPE varchar(9)",),
        "has a column host of the type character varying, not text",
    ),
    "a column that has to be written": (
        (
            "ALTER TABLE af_db.journal ADD COLUMN mine int NOT NULL DEFAULT 1",
            "ALTER TABLE af_db.journal ALTER mine DROP DEFAULT",
        ),
        "has a column mine that is NOT NULL",
    ),
    "one half of it": (("DROP TABLE af_db.environment",), "lacks the table environment"),
    "the other half": (("DROP TABLE af_db.journal",), "lacks the table journal"),
}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_journal_that_is_not_ours(project: AlembicProject, database: Database, what: str) -> None:
    statements, why = FOREIGN[what]
    if not statements[0].startswith("CREATE SCHEMA"):
        assert migrate(project, database.url, "001").code == 0
    database.execute(*statements)

    commands = (
        migrate(project, database.url).outcome,
        run_process("prod", "history", "--json", cwd=project.root, url=database.url),
        run_process("prod", "check", "--json", cwd=project.root, url=database.url),
        run_process("prod", "environment", "--json", cwd=project.root, url=database.url),
    )

    for command in commands:
        assert (command.code, command.error["code"]) == (4, "foreign-journal"), command.err
        assert why in command.error["message"]
        assert "ALTER SCHEMA af_db RENAME" in " ".join(command.error["next_steps"])
        assert "Traceback" not in command.err
    assert run_process("prod", "current", cwd=project.root, url=database.url).code == 0


def test_a_view_in_the_place_of_the_journal(project: AlembicProject, database: Database) -> None:
    assert migrate(project, database.url, "001").code == 0
    database.execute(
        "ALTER TABLE af_db.journal RENAME TO behind",
        "CREATE VIEW af_db.journal AS SELECT * FROM af_db.behind",
    )

    refused = migrate(project, database.url)

    assert (refused.code, refused.error["code"]) == (4, "hidden-rows")
    assert "af_db.journal is a view" in refused.error["message"]
