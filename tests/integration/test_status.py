"""``current`` and ``history``, on both databases."""

import re
from pathlib import Path

from tests.commands import CommandLine
from tests.projects import AlembicProject, make_project


def test_an_empty_database_is_at_no_revision(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    outcome = af_db("current", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.out, outcome.err) == (0, "(no revision)\n", "")


def test_reading_makes_no_sqlite_file(af_db: CommandLine, project: AlembicProject) -> None:
    for command in (("current",), ("local", "current"), ("local", "history")):
        assert af_db(*command, cwd=project.root).code == 0

    assert not (project.root / "agent_factory.db").exists()


def test_current_names_the_revision_and_the_head(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", "002", cwd=project.root, url=database_url)
    assert af_db("current", cwd=project.root, url=database_url).out == "002\n"

    af_db("local", "upgrade", cwd=project.root, url=database_url)
    for command in (("current",), ("local", "current")):
        assert af_db(*command, cwd=project.root, url=database_url).out == "003 (head)\n"


def test_check_heads_fails_until_the_database_is_at_the_head(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    behind = af_db("current", "--check-heads", cwd=project.root, url=database_url)
    assert behind.code == 3
    assert "head is 003" in behind.err

    af_db("local", "upgrade", cwd=project.root, url=database_url)
    assert af_db("current", "--check-heads", cwd=project.root, url=database_url).code == 0


def test_current_as_json(af_db: CommandLine, project: AlembicProject, database_url: str) -> None:
    af_db("local", "upgrade", "001", cwd=project.root, url=database_url)

    outcome = af_db("current", "--check-heads", "--json", cwd=project.root, url=database_url)

    assert outcome.code == 3
    assert outcome.document["schema_version"] == 1
    assert outcome.document["command"] == "current"
    assert outcome.document["exit_code"] == 3
    assert outcome.document["current"] == [{"revision": "001", "is_head": False, "known": True}]
    assert outcome.document["heads"] == ["003"]
    assert outcome.document["at_head"] is False


def test_history_is_newest_first_and_says_what_is_applied(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", "002", cwd=project.root, url=database_url)

    outcome = af_db("local", "history", cwd=project.root, url=database_url)

    rows = [re.split(r" \d{4}-", line.removeprefix("->"))[0].split() for line in outcome.out.splitlines()[2:]]
    assert rows == [
        ["003", "002", "step", "003", "pending,", "head"],
        ["002", "001", "step", "002", "applied,", "current"],
        ["001", "base", "step", "001", "applied"],
    ]
    document = af_db("local", "history", "--json", cwd=project.root, url=database_url).document
    assert [entry["is_applied"] for entry in document["entries"]] == [False, True, True]
    assert [entry["is_current"] for entry in document["entries"]] == [False, True, False]
    assert document["entries"][0]["revision"]["parents"] == ["002"]


def test_a_piped_table_loses_no_text(af_db: CommandLine, project: AlembicProject) -> None:
    message = "a message of " + "very " * 60 + "many words"
    project.add("004", "003", message=message, name="004_long.py")

    assert message in af_db("local", "history", cwd=project.root).out
    assert message in af_db("local", "upgrade", cwd=project.root).err


def test_a_revision_that_this_checkout_lacks_is_named(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    newer = project.add_table("004", "003")
    af_db("local", "upgrade", cwd=project.root, url=database_url)
    newer.unlink()

    assert af_db("current", cwd=project.root, url=database_url).out == "004 (not in this checkout)\n"
    assert af_db("current", "--check-heads", cwd=project.root, url=database_url).code == 3
    assert "004" in af_db("local", "history", cwd=project.root, url=database_url).err

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)
    assert (refused.code, refused.error["code"]) == (4, "database-ahead")
    assert "git pull" in refused.error["next_steps"][0]


def test_an_empty_project_has_an_empty_history(af_db: CommandLine, tmp_path: Path) -> None:
    project = make_project(tmp_path / "empty_project")

    assert af_db("local", "history", cwd=project.root).out == "no revisions\n"
    assert af_db("current", "--check-heads", cwd=project.root).code == 0


def test_the_project_is_found_from_a_folder_inside_it(af_db: CommandLine, project: AlembicProject) -> None:
    af_db("local", "upgrade", cwd=project.versions)

    assert (project.root / "agent_factory.db").exists()
    assert af_db("current", cwd=project.root).out == "003 (head)\n"


def test_another_project_is_named_before_or_after_the_command(
    af_db: CommandLine, project: AlembicProject, tmp_path: Path
) -> None:
    config = str(project.config)

    assert af_db("-c", config, "local", "upgrade", cwd=tmp_path).code == 0
    assert af_db("local", "current", "--config", config, cwd=tmp_path).out == "003 (head)\n"


def test_the_environment_file_of_the_project_is_read(af_db: CommandLine, project: AlembicProject) -> None:
    (project.root / ".env").write_text("DATABASE_URL=sqlite:///./from_file.db\n")

    af_db("local", "upgrade", cwd=project.root)

    assert (project.root / "from_file.db").exists()


def test_production_reads_neither_the_file_nor_a_fallback(
    af_db: CommandLine, project: AlembicProject
) -> None:
    (project.root / ".env").write_text("DATABASE_URL=postgresql://u@localhost/db\n")

    for command in ("current", "history", "upgrade"):
        outcome = af_db("prod", command, "--json", cwd=project.root)
        assert (outcome.code, outcome.error["code"]) == (2, "no-database-url")
