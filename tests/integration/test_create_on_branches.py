"""``create`` with the options of ``alembic revision``: where the new revision goes, and its id and labels."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.commands import CommandLine, Outcome
from tests.integration.tables import tables
from tests.projects import AlembicProject

Create = Callable[..., Outcome]


@pytest.fixture
def create(af_db: CommandLine, project: AlembicProject) -> Create:
    """``create`` in the project, as JSON, without a database."""

    def run(*options: str) -> Outcome:
        return af_db("local", "create", "a step", "--empty", "--json", *options, cwd=project.root)

    return run


def declared(path: str | Path) -> dict[str, object]:
    """What a revision file says of itself, without the line that names the day."""
    scope: dict[str, object] = {}
    exec(Path(path).read_text(), scope)  # noqa: S102 - the file was just written
    names = ("revision", "down_revision", "branch_labels", "depends_on")
    return {name: scope[name] for name in names}


@pytest.mark.parametrize(
    "options",
    [
        ("--rev-id", "abc"),
        ("--head", "base", "--branch-label", "other", "--rev-id", "b1"),
        ("--head", "002", "--splice", "--rev-id", "b1"),
        ("--head", "00", "--splice", "--rev-id", "b1"),
        ("--head", "base", "--depends-on", "002", "--depends-on", "003", "--rev-id", "b1"),
        ("--head", "003", "--branch-label", "side", "--rev-id", "b1"),
        ("--head", "nobody", "--rev-id", "b1"),
        ("--depends-on", "nobody", "--rev-id", "b1"),
        ("--head", "001", "--rev-id", "b1"),
        ("--rev-id", "a-b"),
        ("--version-path", "elsewhere", "--rev-id", "b1"),
    ],
)
def test_what_is_written_is_what_alembic_revision_writes(
    create: Create, project: AlembicProject, options: tuple[str, ...]
) -> None:
    def written() -> Path | None:
        return next(project.versions.glob("*_a_step.py"), None)

    subprocess.run(
        [sys.executable, "-m", "alembic", "revision", "-m", "a step", *options],
        cwd=project.root,
        env={**os.environ},
        check=False,
        capture_output=True,
    )
    by_alembic = written()
    expected = declared(by_alembic) if by_alembic else None
    if by_alembic:
        by_alembic.unlink()

    outcome = create(*options)

    path = written()
    assert (declared(path) if path else None) == expected
    assert outcome.code == (0 if expected else 2), outcome.out


def test_a_branch_in_a_folder_of_its_own_goes_on_by_its_label(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    text = project.config.read_text()
    project.config.write_text(
        f"{text}version_locations = %(here)s/alembic/versions{os.pathsep}%(here)s/plug/versions\n"
    )
    project.write_models(
        "metadata = sa.MetaData()\n"
        'for name in ("t001", "t002", "t003", "plugged"):\n'
        '    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    )

    def run(*words: str) -> Outcome:
        return af_db("local", *words, cwd=project.root, url=database_url)

    first = run(
        *("create", "begin", "--empty", "--head", "base", "--branch-label", "plug", "--rev-id", "p1"),
        *("--version-path", "plug/versions", "--depends-on", "003"),
    )
    assert (first.code, first.out) == (0, "plug/versions/p1_begin.py\n"), first.err
    assert run("upgrade", "heads").code == 0

    unclear = run("create", "next", "--json")
    second = run("create", "next", "--head", "plug@head", "--rev-id", "p2")

    assert (unclear.code, unclear.error["code"]) == (2, "multiple-heads")
    assert "go on with p1: af-db local create next --json --head p1" in unclear.error["next_steps"]
    assert (second.code, second.out) == (0, "plug/versions/p2_next.py\n"), second.err
    assert declared(project.root / "plug/versions/p2_next.py")["down_revision"] == "p1"
    assert run("upgrade", "heads").code == 0
    assert "plugged" in tables(database_url)
    assert run("create", "none", "--head", "plug@head").out.startswith("nothing to create")


def test_the_number_goes_on_where_no_id_is_given(create: Create) -> None:
    assert create("--head", "001", "--splice").document["revision"]["id"] == "004"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--rev-id", "002"), "bad-revision-id"),
        (("--rev-id", "it's"), "bad-revision-id"),
        (("--rev-id", "../x"), "bad-revision-id"),
        (("--branch-label", "003"), "bad-branch-label"),
        (("--branch-label", "taken"), "bad-branch-label"),
        (("--head", "001"), "not-a-head"),
        (("--head", "nobody@head"), "unknown-revision"),
        (("--depends-on", "nobody"), "unknown-revision"),
        (("--version-path", "elsewhere"), "no-such-folder"),
    ],
)
def test_what_alembic_would_refuse_or_could_not_read_again_writes_nothing(
    create: Create, project: AlembicProject, options: tuple[str, ...], code: str
) -> None:
    project.add("003", "002", labels=("taken",))
    before = sorted(project.versions.iterdir())

    outcome = create(*options)

    assert (outcome.code, outcome.error["code"]) == (2, code)
    assert sorted(path for path in project.versions.iterdir() if path.suffix == ".py") == [
        path for path in before if path.suffix == ".py"
    ]
    assert create().code == 0


def test_a_path_that_is_typed_means_the_folder_where_it_is_typed(
    af_db: CommandLine, project: AlembicProject
) -> None:
    outcome = af_db(
        *("local", "create", "here", "--empty", "--version-path", "."), cwd=project.versions, url=None
    )

    assert (outcome.code, outcome.out) == (0, "004_here.py\n")


def test_a_template_without_labels_says_what_to_correct(create: Create, project: AlembicProject) -> None:
    template = project.root / "alembic" / "script.py.mako"
    template.write_text(template.read_text().replace("branch_labels = ${repr(branch_labels)}\n", ""))

    outcome = create("--branch-label", "side")

    assert (outcome.code, outcome.error["code"]) == (2, "cannot-create")
    assert "script.py.mako" in outcome.error["message"]
