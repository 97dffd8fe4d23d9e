"""``ignore`` of [tool.af-db]: what it leaves out of ``af-db check``, and what is said of it."""

from tests.commands import CommandLine, Outcome
from tests.projects import AlembicProject

LEGACY = "legacy file names"


def check(af_db: CommandLine, project: AlembicProject, ignores: str, *arguments: str) -> Outcome:
    (project.root / "pyproject.toml").write_text(f"[tool.af-db]\nignore = [\n{ignores}\n]\n")
    return af_db("check", *arguments, cwd=project.root)


def misname(project: AlembicProject) -> None:
    (project.versions / "003_step_003.py").rename(project.versions / "legacy.py")


def test_what_is_ignored_is_told_with_the_reason_and_fails_nothing(
    af_db: CommandLine, project: AlembicProject
) -> None:
    misname(project)
    entry = f'{{ code = "file-name", file = "alembic/versions/legacy*", reason = "{LEGACY}" }}'

    document = check(af_db, project, entry, "--json").document
    text = check(af_db, project, entry)

    assert (document["exit_code"], document["findings"]) == (0, [])
    (ignored,) = document["ignored"]
    assert (ignored["finding"]["code"], ignored["reason"]) == ("file-name", LEGACY)
    assert text.code == 0
    assert f"[file-name], because: {LEGACY}" in text.out
    assert text.out.endswith(": nothing found (1 ignored)\n")


def test_another_file_is_not_ignored(af_db: CommandLine, project: AlembicProject) -> None:
    misname(project)

    outcome = check(
        af_db, project, '{ code = "file-name", file = "alembic/versions/001*", reason = "x" }', "--json"
    )

    assert outcome.code == 3
    assert {item["code"] for item in outcome.document["findings"]} == {"file-name", "unused-ignore"}


def test_an_ignore_without_a_reason_is_a_finding_at_its_line(
    af_db: CommandLine, project: AlembicProject
) -> None:
    misname(project)

    outcome = check(af_db, project, '{ code = "file-name" }', "--json")

    found = {item["code"]: item for item in outcome.document["findings"]}
    assert outcome.code == 3
    assert set(found) == {"file-name", "ignore-without-reason"}
    assert found["ignore-without-reason"]["file"] == str(project.root / "pyproject.toml")
    assert found["ignore-without-reason"]["line"] == 3


def test_an_ignore_of_what_is_not_looked_for_here_is_not_called_unused(
    af_db: CommandLine, project: AlembicProject
) -> None:
    ignores = '{ code = "drift", reason = "x" }, { code = "edited-on-branch", reason = "x" }'

    outcome = check(af_db, project, ignores, "--json")

    assert (outcome.code, outcome.document["findings"]) == (0, [])


def test_a_wrong_ignore_is_an_error(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = check(af_db, project, '"file-name"', "--json")

    assert (outcome.code, outcome.error["code"]) == (2, "bad-configuration")
