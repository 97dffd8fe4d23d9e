"""Revision files and the version table that do not fit each other."""

from collections.abc import Callable

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.runs import migrate
from tests.commands import run_process
from tests.projects import AlembicProject

UNREACHABLE = "postgresql://nobody:nothing@127.0.0.1:1/nothing"
"""What is wrong with the files is told before anybody connects."""


@pytest.fixture
def edited(project: AlembicProject, database: Database) -> AlembicProject:
    """A project at 002 whose file 002 was changed after it was applied."""
    assert migrate(project, database.url, "002").code == 0
    path = project.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}\n# a second thought\n")
    return project


def test_an_applied_file_was_edited(edited: AlembicProject, database: Database) -> None:
    """Fault 18: what ran is not what the file says now, so nothing more runs."""
    refused = migrate(edited, database.url)

    assert (refused.code, refused.error["code"]) == (4, "edited-revision")
    message = refused.error["message"]
    ran = database.value("SELECT source_sha256 FROM af_db.journal WHERE revision = '002'")
    assert "002" in message
    assert ran[:8] in message
    assert message.count("sha256") >= 1
    assert any("--accept-edited 002" in step for step in refused.error["next_steps"])
    assert database.versions == ["002"]


def test_an_edited_file_shows_in_the_history(edited: AlembicProject, database: Database) -> None:
    """Fault 18: as a mark, and with --diff what changed."""
    text = run_process("prod", "history", cwd=edited.root, url=database.url)
    (line,) = [line for line in text.out.splitlines() if "step 002" in line]
    assert "edited" in line
    document = run_process("prod", "history", "--json", cwd=edited.root, url=database.url).document
    assert [entry["is_edited"] for entry in document["entries"]] == [False, True, False]

    difference = run_process("prod", "history", "--diff", cwd=edited.root, url=database.url)

    assert (text.code, difference.code) == (0, 0)
    assert "+# a second thought" in difference.out


def test_an_edited_file_that_is_accepted(edited: AlembicProject, database: Database) -> None:
    """Fault 18: it is accepted by name, once, as it is now; another edit needs another consent."""
    accepted = migrate(edited, database.url, "--accept-edited", "002")

    assert (accepted.code, accepted.applied) == (0, ["003"])
    ran, now = database.rows(
        "SELECT source_sha256, accepted_sha256 FROM af_db.journal WHERE revision = '002'"
    )[0]
    assert now is not None
    assert ran != now
    edited.add_table("004", "003")
    assert migrate(edited, database.url).applied == ["004"]
    path = edited.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}\n# a third thought\n")
    edited.add_table("005", "004")
    assert migrate(edited, database.url).error["code"] == "edited-revision"


def test_the_consent_for_another_revision_does_not_count(edited: AlembicProject, database: Database) -> None:
    """Fault 18."""
    refused = migrate(edited, database.url, "--accept-edited", "001")

    assert (refused.code, refused.error["code"]) == (4, "edited-revision")


def test_line_ends_are_no_edit(project: AlembicProject, database: Database) -> None:
    """Fault 18: a checkout on Windows has the same revisions."""
    assert migrate(project, database.url, "002").code == 0
    path = project.versions / "002_step_002.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))

    assert migrate(project, database.url).applied == ["003"]


def test_the_database_is_ahead_of_the_files(project: AlembicProject, database: Database) -> None:
    """Fault 19: an older checkout, most likely; stamping would hide it."""
    assert migrate(project, database.url).code == 0
    (project.versions / "003_step_003.py").unlink()

    for command in ("prod upgrade", "prod downgrade 001"):
        refused = migrate(project, database.url, command=command)
        assert (refused.code, refused.error["code"]) == (4, "database-ahead")
        assert "003" in refused.error["message"]
        assert "older" in " ".join(refused.error["next_steps"])
        assert "stamp" not in refused.outcome.out
    looked = run_process("prod", "current", cwd=project.root, url=database.url)
    assert (looked.code, looked.out) == (0, "003 (not in this checkout)\n")
    assert database.versions == ["003"]


def several_heads(project: AlembicProject) -> tuple[str, ...]:
    project.add("004", "002", name="004_other.py")
    return ("003", "004")


def duplicate_ids(project: AlembicProject) -> tuple[str, ...]:
    project.add("003", "002", name="003_other.py")
    return ("003_other.py", "003_step_003.py")


def a_cycle(project: AlembicProject) -> tuple[str, ...]:
    project.add("001", "003", name="001_step_001.py")
    return ("001", "002", "003")


def a_missing_parent(project: AlembicProject) -> tuple[str, ...]:
    (project.versions / "002_step_002.py").unlink()
    return ("002", "003")


@pytest.mark.parametrize(
    ("break_history", "code"),
    [
        (several_heads, "multiple-heads"),
        (duplicate_ids, "duplicate-revision"),
        (a_cycle, "revision-cycle"),
        (a_missing_parent, "missing-parent"),
    ],
)
def test_files_that_make_no_history(
    project: AlembicProject,
    database: Database,
    break_history: Callable[[AlembicProject], tuple[str, ...]],
    code: str,
) -> None:
    """Fault 20: what is wrong is named with the revisions or files, and nothing runs."""
    named = break_history(project)
    is_readable = code == "multiple-heads"

    ended = migrate(project, database.url if is_readable else UNREACHABLE)

    assert (ended.code, ended.error["code"]) == (2, code)
    for name in named:
        assert name in ended.error["message"]
    assert "KeyError" not in ended.outcome.out + ended.outcome.err
    assert (database.tables, database.versions) == (set(), [])


def test_overlapping_rows(project: AlembicProject, database: Database) -> None:
    """Fault 20: alembic_version holds a revision and one that it builds on."""
    assert migrate(project, database.url, "002").code == 0
    database.execute("INSERT INTO alembic_version VALUES ('001')")

    ended = migrate(project, database.url)

    assert ended.code in (2, 4), ended.outcome.out
    for name in ("001", "002"):
        assert name in ended.error["message"]
    assert "alembic_version" in ended.outcome.out, "it is the rows that are wrong, not what was typed"
    for command in ("current", "history"):
        looked = run_process("prod", command, cwd=project.root, url=database.url)
        assert "Traceback" not in looked.err
    assert (database.tables, database.versions) == ({"t001", "t002"}, ["001", "002"])
