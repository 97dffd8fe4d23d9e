"""``local merge`` joins branches that do not get in each other's way, and refuses those that do."""

import os
from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject, make_project

ADD_NAME = 'op.add_column("t001", sa.Column("name", sa.String(20)))'
ADD_AGE = 'op.add_column("t001", sa.Column("age", sa.Integer))'
REFER = """
op.create_table(
    "{0}",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("t001.id", name="fk_{0}")),
)
"""


@pytest.fixture(params=["sqlite", "postgresql", "files"])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The database of the developer: of each kind with rehearsals, and one that none is made for."""
    monkeypatch.setenv("AF_DB_REHEARSAL", str(request.param != "files").lower())
    kind = "sqlite" if request.param == "files" else request.param
    if kind == "postgresql":
        monkeypatch.setenv("AF_DB_SCRATCH_URL", request.getfixturevalue("scratch_server"))
    found: str = request.getfixturevalue(f"{kind}_url")
    return found


def merged(project: AlembicProject) -> list[str]:
    return [path.name for path in project.versions.glob("*merge*.py")]


def test_branches_that_change_the_same_table_are_refused_by_name(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    project.add("004", "003", ADD_NAME, message="add name")
    project.add("005", "004", 'op.drop_table("t002")')
    project.add("006", "003", ADD_AGE, message="add age")

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=url)

    assert (outcome.code, outcome.error["code"]) == (4, "same-table")
    first, *rest = outcome.error["message"].splitlines()
    assert first.startswith("branches change the same table, ")
    (line,) = rest
    assert line.strip().removeprefix("public.") == "t001: 004 add name (of 005) and 006 add age (of 006)"
    assert [step.rpartition(": ")[2] for step in outcome.error["next_steps"]] == [
        "af-db local rebase",
        "af-db local merge --allow same-table",
    ]
    assert merged(project) == []


def test_a_branch_that_depends_on_another_begins_where_that_one_ends(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    project.add_table("004", "003")
    path = project.add_table("005", None)
    path.write_text(f"{path.read_text()}\ndepends_on = '003'\n")
    project.add("006", "005", ADD_NAME)
    project.add("007", ("004", "005"), ADD_AGE)

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=url)

    assert (outcome.code, outcome.error["code"]) == (4, "same-table"), outcome.err
    assert "t001: 006 step 006 (of 006) and 007 step 007 (of 007)" in outcome.error["message"]


def test_what_is_allowed_by_name_is_merged_and_told(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    project.add("004", "003", ADD_NAME)
    project.add("005", "003", ADD_AGE)

    outcome = af_db("local", "merge", "--allow", "same-table", cwd=project.root, url=url)

    assert outcome.code == 0
    assert "t001: 004 step 004 (of 004) and 005 step 005 (of 005)" in outcome.err
    assert merged(project) == ["006_merge_004_and_005.py"]


def test_branches_with_tables_of_their_own_are_merged(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    """Both refer to a table that neither changes: such a table is locked, and is not the same table."""
    project.add("004", "003", REFER.format("left"))
    project.add("005", "003", REFER.format("right"))

    outcome = af_db("local", "merge", cwd=project.root, url=url)

    assert (outcome.code, merged(project)) == (0, ["006_merge_004_and_005.py"]), outcome.err


def test_rows_of_one_table_that_both_write_are_the_same_table(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    project.add("004", "003", 'op.execute("UPDATE t002 SET id = id + 1")')
    project.add("005", "003", 'op.execute("DELETE FROM t002")')

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=url)

    assert (outcome.code, outcome.error["code"]) == (4, "same-table")
    assert "t002: 004" in outcome.error["message"]


def test_every_pair_of_three_heads_is_compared(af_db: CommandLine, project: AlembicProject, url: str) -> None:
    project.add("004", "003", ADD_NAME)
    project.add("005", "003", 'op.add_column("t002", sa.Column("x", sa.Integer))')
    project.add("006", "003", ADD_AGE)

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=url)

    (line,) = outcome.error["message"].splitlines()[1:]
    assert "t001: 004 step 004 (of 004) and 006 step 006 (of 006)" in line


def test_a_computed_name_is_seen_by_a_rehearsal_and_told_without_one(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    for revision in ("004", "005"):
        project.add(revision, "003", f'op.add_column("t00" + str(1), sa.Column("c{revision}", sa.Integer))')

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=url)

    if os.environ["AF_DB_REHEARSAL"] == "false":
        assert outcome.document["notes"] == [
            f"{revision}_step_{revision}.py, line 12: which table it changes is known only when it runs"
            for revision in ("004", "005")
        ]
    else:
        assert "t001: 004" in outcome.error["message"]


def test_where_the_branches_do_not_run_their_files_are_read(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    project.add("004", "003", f"{ADD_NAME}\nop.execute('only PostgreSQL knows this')")
    project.add("005", "003", ADD_AGE)

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (4, "same-table")
    assert "read in the files (revision 004: " in outcome.error["message"]
    assert not Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_a_database_that_is_not_there_is_not_needed(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    project.add_table("004", "003")
    project.add_table("005", "003")

    outcome = af_db("local", "merge", cwd=project.root, url="postgresql://u@127.0.0.1:1/x")

    assert (outcome.code, merged(project)) == (0, ["006_merge_004_and_005.py"])


def test_two_histories_that_share_nothing_are_compared_from_their_beginnings(
    af_db: CommandLine, tmp_path: Path, url: str
) -> None:
    project = make_project(tmp_path / "two")
    project.add_table("001", None)
    project.add("002", None, 'op.create_table("t001", sa.Column("id", sa.Integer, primary_key=True))')

    outcome = af_db("local", "merge", "--json", cwd=project.root, url=url)

    assert (outcome.code, outcome.error["code"]) == (4, "same-table")


def test_a_word_that_is_no_consent_to_a_merge_is_refused(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = af_db("local", "merge", "--allow", "drift", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "unknown-hazard")
    assert outcome.error["next_steps"] == ["there are: same-table"]


def test_a_branch_that_does_not_end_is_read_in_its_file(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    project.add("004", "003", f"import time\ntime.sleep(60)\n{ADD_NAME}")
    project.add("005", "003", ADD_AGE)

    command = "local", "merge", "--rehearsal-timeout", "500ms", "--json"
    outcome = af_db(*command, cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (4, "same-table")
    assert "it did not finish in 500 ms" in outcome.error["message"]
