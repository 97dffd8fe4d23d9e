"""``af-db check --against``: the branch that this one will be merged into, read without a checkout."""

from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine, Outcome
from tests.integration.check.repositories import Repository, make_repository
from tests.projects import ENV_PY, AlembicProject, make_project

PERSON = {"NAME": "A Developer", "EMAIL": "developer@example.com"}


@pytest.fixture(autouse=True)
def _bare_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what the developer's shell and home say to git."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        for name, value in PERSON.items():
            monkeypatch.setenv(f"GIT_{role}_{name}", value)


@pytest.fixture
def repository(project: AlembicProject) -> Repository:
    """The project on ``main`` and on ``feature``, which is checked out."""
    return make_repository(project)


def check(af_db: CommandLine, repository: Repository, ref: str = "main") -> Outcome:
    return af_db("check", "--json", "--against", ref, cwd=repository.project.root)


def findings(af_db: CommandLine, repository: Repository) -> list[dict[str, Any]]:
    outcome = check(af_db, repository)
    found: list[dict[str, Any]] = outcome.document["findings"]
    assert outcome.code == (3 if found else 0)
    assert any(line.startswith("target branch") for line in outcome.document["looked_at"])
    return found


def test_an_untouched_branch_gives_none(af_db: CommandLine, repository: Repository) -> None:
    assert findings(af_db, repository) == []


@pytest.mark.parametrize("committed", [False, True], ids=["in the working tree", "committed"])
def test_an_edited_revision_is_found(af_db: CommandLine, repository: Repository, *, committed: bool) -> None:
    path = repository.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("sa.Integer", "sa.BigInteger"))
    if committed:
        repository.commit()

    (found,) = findings(af_db, repository)

    assert (found["code"], found["level"], found["file"]) == ("edited-on-branch", "error", str(path))
    assert "sa.BigInteger" in path.read_text().splitlines()[found["line"] - 1]
    assert "1 added, 1 removed" in found["details"][0]
    assert found["remedy"] == "git checkout main -- alembic/versions/002_step_002.py"
    assert "sa.BigInteger" not in str(found), "what was changed may be a password"


def test_line_ends_are_no_edit(af_db: CommandLine, repository: Repository) -> None:
    path = repository.project.versions / "002_step_002.py"
    path.write_bytes(path.read_text().replace("\n", "  \r\n").encode() + b"\r\n\r\n")

    assert findings(af_db, repository) == []


def test_a_deleted_revision_is_found(af_db: CommandLine, repository: Repository) -> None:
    (repository.project.versions / "003_step_003.py").unlink()

    (found,) = findings(af_db, repository)

    assert (found["code"], Path(found["file"]).name) == ("deleted-on-branch", "003_step_003.py")
    assert found["remedy"] == "git checkout main -- alembic/versions/003_step_003.py"


def test_a_renamed_file_is_fine_and_a_renamed_and_edited_one_is_not(
    af_db: CommandLine, repository: Repository
) -> None:
    path = repository.project.versions / "003_step_003.py"
    path = path.rename(path.with_name("003_better_name.py"))
    repository.commit()
    assert findings(af_db, repository) == []

    path.write_text(f"{path.read_text()}\n# a second thought\n")

    (found,) = findings(af_db, repository)
    assert (found["code"], found["file"]) == ("edited-on-branch", str(path))
    assert "alembic/versions/003_step_003.py alembic/versions/003_better_name.py" in found["details"][0]


def test_a_renumbered_revision_is_a_deleted_one(af_db: CommandLine, repository: Repository) -> None:
    (repository.project.versions / "003_step_003.py").unlink()
    repository.project.add("004", "002")

    assert [found["code"] for found in findings(af_db, repository)] == ["deleted-on-branch"]


def test_a_revision_that_does_not_parse_any_more_was_edited(
    af_db: CommandLine, repository: Repository
) -> None:
    path = repository.project.versions / "003_step_003.py"
    path.write_text("<<<<<<< HEAD\n")

    codes = {found["code"] for found in findings(af_db, repository)}

    assert codes == {"broken-revision-file", "edited-on-branch"}


def test_a_new_revision_is_fine(af_db: CommandLine, repository: Repository) -> None:
    repository.project.add_table("004", "003")

    assert findings(af_db, repository) == []


def test_a_branch_that_is_behind_has_deleted_nothing(af_db: CommandLine, repository: Repository) -> None:
    repository.on_main()
    repository.project.add_table("004", "003")
    repository.on_branch()

    assert findings(af_db, repository) == []


def test_two_branches_that_build_on_the_same_revision_are_found(
    af_db: CommandLine, repository: Repository
) -> None:
    repository.on_main()
    repository.project.add_table("004", "003")
    repository.on_branch()
    path = repository.project.add_table("005", "003")

    (found,) = findings(af_db, repository)

    assert (found["code"], found["file"]) == ("multiple-heads-after-merge", str(path))
    assert "merged with main, the history has 2 heads: 004, 005" in found["message"]
    assert found["details"] == [
        "main:alembic/versions/004_step_004.py:7: 004 builds on 003",
        "alembic/versions/005_step_005.py:7: 005 builds on 003",
    ]
    assert path.read_text().splitlines()[found["line"] - 1] == "down_revision = '003'"


def test_two_branches_that_take_the_same_number_are_found(af_db: CommandLine, repository: Repository) -> None:
    repository.on_main()
    repository.project.add("004", "003", message="theirs")
    repository.on_branch()
    path = repository.project.add("004", "003", message="ours")

    (found,) = findings(af_db, repository)

    assert (found["code"], found["file"]) == ("duplicate-after-merge", str(path))
    assert "004_theirs.py" in found["message"]
    assert [detail.partition(":")[0] for detail in found["details"]] == [
        "main",
        "alembic/versions/004_ours.py",
    ]


def test_the_same_revision_on_both_sides_is_fine(af_db: CommandLine, repository: Repository) -> None:
    """As it is after a squashed merge: both have the file, and no commit that they share does."""
    for switch in (repository.on_main, repository.on_branch):
        switch()
        repository.project.add_table("004", "003")

    assert findings(af_db, repository) == []


def test_both_heads_joined_are_fine(af_db: CommandLine, repository: Repository) -> None:
    repository.on_main()
    repository.project.add_table("004", "003")
    repository.on_branch()
    repository.project.add_table("005", "003")
    repository.commit()
    repository.git("merge", "--quiet", "--no-edit", "main")
    assert [found["code"] for found in findings(af_db, repository)] == ["multiple-heads"]

    repository.project.add("006", ("004", "005"))

    assert findings(af_db, repository) == []


def test_what_the_target_branch_did_itself_is_no_fault_of_this_one(
    af_db: CommandLine, repository: Repository
) -> None:
    repository.on_main()
    path = repository.project.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}\n# corrected there\n")
    (repository.project.versions / "003_step_003.py").unlink()
    repository.on_branch()

    assert findings(af_db, repository) == []


def test_a_parent_that_the_target_branch_deleted_is_found(af_db: CommandLine, repository: Repository) -> None:
    repository.on_main()
    (repository.project.versions / "003_step_003.py").unlink()
    repository.on_branch()
    path = repository.project.add_table("004", "003")

    (found,) = findings(af_db, repository)

    assert (found["code"], found["file"]) == ("broken-after-merge", str(path))
    assert "003, which no file has" in found["message"]


def test_ids_that_are_computed_are_compared_too(af_db: CommandLine, repository: Repository) -> None:
    source = 'revision = str(4).zfill(3)\ndown_revision = "003"\ndef upgrade(): ...\ndef downgrade(): ...\n'
    path = repository.project.versions / "004_x.py"
    repository.on_main()
    path.write_text(source)
    repository.commit()
    repository.git("branch", "--quiet", "--force", "feature", "main")
    repository.on_branch()
    assert findings(af_db, repository) == []

    path.write_text(f"{source}# a second thought\n")

    assert [found["code"] for found in findings(af_db, repository)] == ["edited-on-branch"]


def test_nothing_is_written_to_the_repository(af_db: CommandLine, repository: Repository) -> None:
    path = repository.project.versions / "002_step_002.py"
    path.write_text("# edited\n")
    before = repository.git("status", "--porcelain=v2", "--branch"), repository.git("show-ref")

    findings(af_db, repository)

    assert (repository.git("status", "--porcelain=v2", "--branch"), repository.git("show-ref")) == before


def test_in_a_hook_of_gits(
    af_db: CommandLine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hook is told where the repository is as seen from its topmost folder, and the project is deeper."""
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_INDEX_FILE", ".git/index")

    assert findings(af_db, repository) == []


def test_folders_with_any_name(af_db: CommandLine, tmp_path: Path) -> None:
    project = make_project(tmp_path / 'grün [1] & "x"', tables=2)
    (project.root / f"models_of_{project.root.name}.py").rename(project.root / "models.py")
    project.env_py.write_text(ENV_PY.format(models="models"))
    repository = make_repository(project)
    assert findings(af_db, repository) == []

    path = project.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}# edited\n")

    assert [found["file"] for found in findings(af_db, repository)] == [str(path)]


def test_without_a_target_branch_the_check_is_told_as_skipped(
    af_db: CommandLine, repository: Repository
) -> None:
    skipped = af_db("check", "--json", cwd=repository.project.root).document["skipped"]

    assert any(line.startswith("target branch: ") and "--against" in line for line in skipped)


def test_a_target_branch_without_revisions_is_told_as_skipped(
    af_db: CommandLine, repository: Repository
) -> None:
    repository.git("checkout", "--quiet", "--orphan", "empty")
    repository.git("rm", "-r", "--quiet", "--cached", ".")
    repository.git("commit", "--quiet", "--message", "nothing", "--allow-empty")
    repository.git("checkout", "--quiet", "--force", "feature")

    outcome = check(af_db, repository, "empty")

    assert outcome.code == 0
    assert any("empty has no revisions in" in line for line in outcome.document["skipped"])


def move_the_revisions(repository: Repository) -> Path:
    """Have the revisions in another folder than the target branch has them; return where they are."""
    project = repository.project
    moved = project.root / "migrations"
    (project.root / "alembic").rename(moved)
    project.config.write_text(project.config.read_text().replace("%(here)s/alembic", "%(here)s/migrations"))
    return moved / "versions"


@pytest.mark.parametrize("committed", [False, True], ids=["in the working tree", "committed"])
def test_a_folder_that_was_renamed_is_compared_all_the_same(
    af_db: CommandLine, repository: Repository, *, committed: bool
) -> None:
    versions = move_the_revisions(repository)
    assert findings(af_db, repository) == []

    path = versions / "002_step_002.py"
    path.write_text(path.read_text().replace("sa.Integer", "sa.BigInteger"))
    (versions / "003_step_003.py").unlink()
    if committed:
        repository.commit()

    found = {item["code"]: item for item in findings(af_db, repository)}
    assert set(found) == {"edited-on-branch", "deleted-on-branch"}
    assert found["edited-on-branch"]["file"] == str(path)
    assert (
        "alembic/versions/002_step_002.py migrations/versions/002" in found["edited-on-branch"]["details"][0]
    )


def test_a_folder_of_which_nothing_is_left_is_a_finding(af_db: CommandLine, repository: Repository) -> None:
    versions = move_the_revisions(repository)
    for path in versions.glob("*.py"):
        path.unlink()
    (versions / "100_all.py").write_text(
        'revision = "100"\ndown_revision = None\ndef upgrade(): ...\ndef downgrade(): ...\n'
    )

    found = the_one_not_checked(check(af_db, repository))

    assert "alembic/versions" in found["message"]


def test_a_branch_without_common_history_is_compared_all_the_same(
    af_db: CommandLine, repository: Repository
) -> None:
    repository.git("checkout", "--quiet", "--orphan", "other")
    path = repository.project.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}# edited\n")
    repository.commit()

    assert [found["code"] for found in findings(af_db, repository)] == ["edited-on-branch"]


def the_one_not_checked(outcome: Outcome) -> dict[str, Any]:
    """The finding that a branch which is named could not be checked."""
    (found,) = findings_of(outcome)
    assert (outcome.code, found["code"], found["level"]) == (3, "not-checked", "error")
    assert any(line.startswith("target branch: ") for line in outcome.document["skipped"])
    return found


@pytest.mark.parametrize("ref", ["nowhere", "origin/nowhere", "-x", "--all", "", "main:alembic", "a b"])
def test_an_unknown_ref_is_a_finding(af_db: CommandLine, repository: Repository, ref: str) -> None:
    outcome = af_db("check", "--json", f"--against={ref}", cwd=repository.project.root)

    assert the_one_not_checked(outcome)["details"][0].startswith("fetch it: git fetch")


def test_an_unknown_ref_hides_no_other_finding(af_db: CommandLine, repository: Repository) -> None:
    repository.project.add_table("004", None)

    outcome = af_db("check", "--format", "github", "--against=nowhere", cwd=repository.project.root)

    assert outcome.code == 3
    assert "::error title=not-checked::target branch: git knows no commit 'nowhere'%0A" in outcome.out
    assert "title=multiple-bases::" in outcome.out


def test_outside_a_repository_is_a_finding(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = af_db("check", "--json", "--against", "main", cwd=project.root)

    assert "git finds no repository" in the_one_not_checked(outcome)["message"]


def test_a_repository_of_another_user_is_a_finding_that_says_how_to_trust_it(
    af_db: CommandLine, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # what git's own tests do

    found = the_one_not_checked(check(af_db, repository))

    assert "git config --global --add safe.directory" in found["details"][0]


def test_without_git_is_a_finding(
    af_db: CommandLine, repository: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    assert "git is not installed" in the_one_not_checked(check(af_db, repository))["message"]


def shallow_clone(repository: Repository, folder: Path) -> Repository:
    """A clone with the last commit of each branch, as continuous integration makes it."""
    repository.commit()
    url = repository.top.absolute().as_uri()
    repository.git(
        "clone", "--quiet", "--depth=1", "--no-single-branch", "--branch=feature", url, str(folder)
    )
    return Repository(top=folder, project=AlembicProject(root=folder / repository.project.root.name))


def test_a_shallow_clone_that_suffices(
    af_db: CommandLine, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository.project.add_table("004", "003")
    clone = shallow_clone(repository, tmp_path_factory.mktemp("clone") / "of")

    outcome = check(af_db, clone, "origin/main")

    assert (outcome.code, outcome.document["findings"]) == (0, [])


def test_a_shallow_clone_that_does_not_reach_back_is_a_finding(
    af_db: CommandLine, repository: Repository, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (repository.project.versions / "003_step_003.py").unlink()
    clone = shallow_clone(repository, tmp_path_factory.mktemp("clone") / "of")

    found = the_one_not_checked(check(af_db, clone, "origin/main"))
    assert "git fetch --unshallow" in found["details"][0]
    unknown = the_one_not_checked(check(af_db, clone, "origin/nowhere"))
    assert "shallow" in unknown["message"]
    clone.git("fetch", "--quiet", "--unshallow")
    assert [found["code"] for found in findings_of(check(af_db, clone, "origin/main"))] == [
        "deleted-on-branch"
    ]


def findings_of(outcome: Outcome) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = outcome.document["findings"]
    return found
