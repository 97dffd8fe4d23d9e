"""What is asked for by name and could not be checked is a finding; what is not asked for is not."""

from typing import Any

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

NOBODY = "postgresql://nobody@127.0.0.1:1/postgres"
REQUIRED = "[tool.af-db]\nrequire-rehearsal = true\n"


@pytest.fixture(autouse=True)
def _rehearsing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AF_DB_REHEARSAL")


def not_checked(af_db: CommandLine, project: AlembicProject, *options: str) -> list[dict[str, Any]]:
    outcome = af_db("check", "--json", *options, cwd=project.root)
    found = [item for item in outcome.document["findings"] if item["code"] == "not-checked"]
    assert outcome.code == (3 if found else 0)
    return found


def test_a_server_that_is_named_and_does_not_answer(af_db: CommandLine, project: AlembicProject) -> None:
    (found,) = not_checked(af_db, project, "--scratch-url", NOBODY)

    assert found["level"] == "error"
    assert "--scratch-url" in found["message"]
    assert "127.0.0.1" in "\n".join(found["details"])


def test_a_server_that_the_environment_names(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_SCRATCH_URL", NOBODY)

    assert len(not_checked(af_db, project)) == 1
    assert not_checked(af_db, project, "--no-rehearsal") == []


def test_a_rehearsal_that_the_project_requires(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "agent_factory.migrate.rehearsal.scratch.database.local_installations", lambda _program: ()
    )
    monkeypatch.setattr(
        "agent_factory.migrate.rehearsal.scratch.database.wheel_installations", lambda _program: ()
    )
    assert not_checked(af_db, project) == []

    (project.root / "pyproject.toml").write_text(REQUIRED)

    (found,) = not_checked(af_db, project)
    assert "require-rehearsal" in found["message"]
    assert not_checked(af_db, project, "--no-rehearsal") == []
