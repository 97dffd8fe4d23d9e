"""The forms of ``af-db check``: each tells the same finding, with the same exit code."""

import json

import pytest

from tests.commands import CommandLine, Outcome
from tests.integration.check.repositories import make_repository
from tests.projects import AlembicProject


@pytest.fixture(autouse=True)
def _bare_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the developer's shell and home say to git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A Developer")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "developer@example.com")


@pytest.fixture
def place(project: AlembicProject) -> str:
    """Where a revision has no downgrade, as the repository has it."""
    make_repository(project)
    (project.versions / "004_x.py").write_text(
        '"""x"""\n\nrevision = "004"\ndown_revision = "003"\n\n\ndef upgrade():\n    pass\n'
    )
    return f"{project.root.name}/alembic/versions/004_x.py"


def check(af_db: CommandLine, project: AlembicProject, form: str) -> Outcome:
    # From another folder than the project's: places are the repository's all the same.
    outcome = af_db("check", "--format", form, cwd=project.versions)
    assert outcome.code == 3
    return outcome


def test_github(af_db: CommandLine, project: AlembicProject, place: str) -> None:
    first, *_ = check(af_db, project, "github").out.splitlines()

    assert first.startswith(f"::warning file={place},line=3,title=no-downgrade::")


def test_sarif(af_db: CommandLine, project: AlembicProject, place: str) -> None:
    (run,) = json.loads(check(af_db, project, "sarif").out)["runs"]

    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("no-downgrade", "warning")
    physical = result["locations"][0]["physicalLocation"]
    assert (physical["artifactLocation"]["uri"], physical["region"]["startLine"]) == (place, 3)
    assert run["automationDetails"]["id"] == "af-db check/"


def test_markdown(af_db: CommandLine, project: AlembicProject, place: str) -> None:
    assert f"**warning** `no-downgrade`, `{place}:3`: " in check(af_db, project, "markdown").out


def test_json(af_db: CommandLine, project: AlembicProject, place: str) -> None:
    document = check(af_db, project, "json").document

    assert [item["code"] for item in document["findings"]] == ["no-downgrade"]
    assert document["findings"][0]["file"].endswith(place)


def test_text(af_db: CommandLine, project: AlembicProject, place: str) -> None:
    text = check(af_db, project, "text").out

    assert text.startswith("004_x.py:3: warning: ")
    assert text.endswith("the history and the models: 1 warning\n")
