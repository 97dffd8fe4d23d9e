"""Runs that have nothing to do, and steps that say too little: what they answer."""

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject


@pytest.mark.parametrize("group", ["local", "prod"])
def test_an_edited_revision_is_named_though_nothing_is_pending(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, group: str
) -> None:
    af_db(group, "upgrade", "--yes", cwd=project.root, url=postgresql_url)
    path = project.versions / "002_step_002.py"
    path.write_text(
        path.read_text().replace('op.drop_table("t002")', 'op.drop_table("t002")  # now\n    x = 1')
    )

    outcome = af_db(group, "upgrade", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0
    assert outcome.out.startswith("nothing to do: ")
    assert f"warning: 002 changed after it was applied; see what: af-db {group} history --diff" in outcome.err
    accepted = af_db(group, "upgrade", "--accept-edited", "002", cwd=project.root, url=postgresql_url)
    assert "warning: 002" not in accepted.err, "whoever names it knows it"


def test_it_is_in_the_document_too(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    project.add_table("003", "002").write_text(
        (project.versions / "003_step_003.py").read_text().replace("Integer", "BigInteger")
    )

    outcome = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert [warning["code"] for warning in outcome.document["warnings"]] == ["edited-revision"]


@pytest.mark.parametrize(
    ("revision", "named"), [("001", "001 is applied already"), ("base", "base is before")]
)
def test_an_upgrade_to_a_revision_that_is_past_says_where_it_is_and_how_to_go_back(
    af_db: CommandLine, project: AlembicProject, database_url: str, revision: str, named: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    outcome = af_db("local", "upgrade", revision, cwd=project.root, url=database_url)

    assert outcome.code == 0
    assert outcome.out.startswith("nothing to do: ")
    assert named in outcome.err
    assert outcome.err.endswith(f"to go back to it: af-db local downgrade {revision}\n")


@pytest.mark.parametrize("revision", ["head", "003", "heads"])
def test_one_that_is_where_it_was_asked_to_be_says_no_more(
    af_db: CommandLine, project: AlembicProject, database_url: str, revision: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    assert af_db("local", "upgrade", revision, cwd=project.root, url=database_url).err == ""


def test_a_downgrade_to_nowhere_advises_one_step(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    outcome = af_db("local", "downgrade", "--json", cwd=project.root, url=sqlite_url)

    assert outcome.code == 2
    assert outcome.error["next_steps"][0] == "one revision back: af-db local downgrade -1"


@pytest.mark.parametrize("step", ["-1", "-2"])
def test_a_step_back_over_a_merge_names_both_ways(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, step: str
) -> None:
    project.add_table("004", "003")
    project.add_table("005", "003")
    project.add("006", ("004", "005"))
    af_db("local", "upgrade", cwd=project.root, url=sqlite_url)

    outcome = af_db("local", "downgrade", step, "--json", cwd=project.root, url=sqlite_url)

    assert outcome.error["message"] == f"006 joins 004 and 005, so {step} does not say which way back"
    alone, behind = outcome.error["next_steps"]
    assert "back to 004 and 005" in alone
    assert af_db(*alone.split()[-3:], cwd=project.root, url=sqlite_url).out == "006 (head) -> 004, 005\n"
    assert "back to 003" in behind
    assert af_db(*behind.split()[-3:], cwd=project.root, url=sqlite_url).out == "004, 005 -> 003\n"
