"""Branches with a label each stay apart: nobody is advised to join them, and what is advised runs."""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import CommandLine, Outcome
from tests.projects import AlembicProject, make_project

Run = Callable[..., Outcome]


@pytest.fixture
def branches(tmp_path: Path) -> AlembicProject:
    """``core`` with two revisions, ``plug`` with three."""
    project = make_project(tmp_path / "branches")
    for label, first in (("core", "a1"), ("plug", "b1")):
        project.add(
            first,
            None,
            f'op.create_table("{first}", sa.Column("id", sa.Integer))',
            f'op.drop_table("{first}")',
            labels=(label,),
        )
    project.add_table("a2", "a1")
    project.add_table("b2", "b1")
    return project


@pytest.fixture
def local(af_db: CommandLine, branches: AlembicProject, database_url: str) -> Run:
    def run(*arguments: str) -> Outcome:
        return af_db("local", *arguments, cwd=branches.root, url=database_url)

    return run


def steps(outcome: Outcome, text: str) -> list[list[str]]:
    """The commands that are advised, without the program's name and the group."""
    return [step.partition(f"{text} ")[2].split() for step in outcome.error["next_steps"] if text in step]


@pytest.mark.parametrize("command", ["current", "history"])
def test_where_the_database_is_says_which_branches_there_are(local: Run, command: str) -> None:
    outcome = local(command)

    assert "heads are a2 (core), b2 (plug): branches that stay apart" in outcome.err
    assert "join" not in outcome.err
    assert local(command, "--json").document["branches"] == ["core", "plug"]


def test_an_upgrade_says_what_runs(local: Run) -> None:
    refused = local("upgrade", "--json")
    assert refused.error["code"] == "multiple-heads"
    advised = steps(refused, "af-db local")

    assert advised == [["upgrade", "heads"], ["upgrade", "core@head"], ["upgrade", "plug@head"]]
    assert [local(*words).code for words in reversed(advised)] == [0, 0, 0]
    assert local("current").out.split() == ["a2", "(head)", "b2", "(head)"]


def test_a_downgrade_says_what_runs(local: Run) -> None:
    assert local("upgrade", "heads").code == 0
    refused = local("downgrade", "-1", "--json")
    advised = steps(refused, "af-db local")

    assert advised == [["downgrade", "core@-1"], ["downgrade", "plug@-1"]]
    assert [local(*words, "--yes").code for words in advised] == [0, 0]
    assert local("current").out.split() == ["a1", "b1"]


@pytest.mark.parametrize("labels", [("team-2", "team+3.x"), ("my shop", "o'stock"), ("$HOME", "*")])
def test_what_is_advised_runs_whatever_the_labels_are(
    af_db: CommandLine, tmp_path: Path, database_url: str, labels: tuple[str, str]
) -> None:
    """In the shell, and in Alembic, which takes team-2@head for two revisions before one."""
    project = make_project(tmp_path / "odd")
    for number, label in enumerate(labels):
        project.add(f"a{number}", None, labels=(label,))
        project.add(f"b{number}", f"a{number}")

    def run(step: str, *more: str) -> Outcome:
        return af_db(*shlex.split(step.partition("af-db ")[2]), *more, cwd=project.root, url=database_url)

    refused = run("af-db local upgrade --json")
    assert refused.error["code"] == "multiple-heads"
    for step in refused.error["next_steps"][1:]:
        assert run(step).code == 0
    assert run("af-db local current").out.split() == ["b0", "(head)", "b1", "(head)"]

    for step in run("af-db local downgrade -1 --json").error["next_steps"]:
        assert run(step, "--yes").code == 0
    assert run("af-db local current").out.split() == ["a0", "a1"]


def test_the_remedy_of_a_branch_that_is_behind_runs(local: Run) -> None:
    assert local("upgrade", "core@head").code == 0
    assert local("upgrade", "b1").code == 0
    (behind,) = [item for item in local("check", "--json").document["findings"] if item["code"] == "behind"]
    words = behind["remedy"].removeprefix("af-db local ").split()

    assert local(*words).code == 0
    assert local("check").code == 0


def test_heads_of_which_one_has_no_label_are_to_be_joined(local: Run, branches: AlembicProject) -> None:
    branches.add_table("a3", "a1")

    assert "join them: af-db local merge" in local("current").err
    assert "join them: af-db local merge" in local("upgrade", "--json").error["next_steps"]
    assert local("current", "--json").document["branches"] == []
