"""``local rebase``: after a pull, this branch's revisions follow those of the branch that it goes into."""

import fcntl
import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agent_factory.migrate.rebase.files import KEPT
from tests.commands import CommandLine, Outcome
from tests.projects import AlembicProject
from tests.terminal import run_on_terminal

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone:
    """A clone whose branch ``feature`` has revisions of its own, and its ``origin``."""

    af_db: CommandLine
    project: AlembicProject
    url: str

    @property
    def versions(self) -> Path:
        return self.project.versions

    def git(self, *arguments: str) -> str:
        finished = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the one that af-db uses too
            cwd=self.project.root,
            capture_output=True,
            text=True,
            check=True,
        )
        return finished.stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change", "--allow-empty")

    def add_to_main(self, *revisions: tuple[str, str, str]) -> None:
        """Push revisions (id, parent, message) to the main branch, and come back; they are not here yet."""
        self.commit()
        self.git("checkout", "--quiet", "main")
        for revision, follows, message in revisions:
            self.add(revision, follows, message)
        self.commit()
        self.git("push", "--quiet", "origin", "main")
        self.git("checkout", "--quiet", "feature")

    def pull(self) -> None:
        self.commit()
        self.git("fetch", "--quiet")
        self.git("merge", "--quiet", "--no-edit", "origin/main")

    def add(self, revision: str, follows: str | None, message: str) -> Path:
        table = message.replace(" ", "_")
        return self.project.add(
            revision,
            follows,
            f'op.create_table("{table}", sa.Column("id", sa.Integer, primary_key=True))',
            f'op.drop_table("{table}")',
            message=message,
        )

    def run(self, *arguments: str) -> Outcome:
        return self.af_db("local", *arguments, cwd=self.project.root, url=self.url)

    def rebase(self, *arguments: str) -> Outcome:
        return self.run("rebase", "--yes", "--json", *arguments)

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted(self.versions.glob("*.py"))}

    def history(self) -> list[tuple[str, list[str]]]:
        """Ids and parents, oldest first."""
        entries: list[dict[str, Any]] = self.run("history", "--json").document["entries"]
        return [(entry["revision"]["id"], entry["revision"]["parents"]) for entry in reversed(entries)]


@pytest.fixture
def clone(af_db: CommandLine, project: AlembicProject, tmp_path: Path, sqlite_url: str) -> Clone:
    """001 to 003 are on the main branch of ``origin``; ``feature`` is checked out."""
    it = Clone(af_db=af_db, project=project, url=sqlite_url)
    (project.root / ".gitignore").write_text("__pycache__/\n")
    it.git("init", "--quiet", "--initial-branch=main")
    it.commit()
    origin = tmp_path / "origin.git"
    it.git("clone", "--quiet", "--bare", ".", str(origin))
    it.git("remote", "add", "origin", str(origin))
    it.git("fetch", "--quiet")
    it.git("branch", "--quiet", "--set-upstream-to=origin/main", "main")
    it.git("checkout", "--quiet", "-b", "feature")
    return it


@pytest.fixture
def forked(clone: Clone) -> Clone:
    """Both sides have a 004, the branch a 005 as well; the main branch's is pulled."""
    clone.add("004", "003", "mine")
    clone.add("005", "004", "mine too")
    clone.add_to_main(("004", "003", "theirs"))
    clone.pull()
    return clone


def test_two_revisions_with_one_number_become_one_line(forked: Clone) -> None:
    assert forked.run("history", "--json").error["code"] == "duplicate-revision"

    document = forked.rebase().document

    assert [(file["id_before"], file["id"], file["parents"]) for file in document["files"]] == [
        ("004", "005", ["004"]),
        ("005", "006", ["005"]),
    ]
    assert (document["against"], document["heads"], document["written"]) == ("origin/main", ["004"], True)
    assert sorted(forked.files())[3:] == ["004_theirs.py", "005_mine.py", "006_mine_too.py"]
    assert forked.history()[3:] == [("004", ["003"]), ("005", ["004"]), ("006", ["005"])]
    assert forked.run("upgrade").code == 0
    assert forked.run("downgrade", "003").code == 0


def test_nothing_but_the_declarations_is_edited(forked: Clone) -> None:
    before = forked.files()

    forked.rebase()

    after = forked.files()
    expected = before["005_mine_too.py"].replace(b"'005'", b"'006'").replace(b"'004'", b"'005'")
    assert after["006_mine_too.py"] == expected
    assert after["004_theirs.py"] == before["004_theirs.py"]
    assert forked.git("status", "--porcelain", "--", "alembic/versions/004_theirs.py") == ""


def test_the_check_against_the_target_branch_is_well_afterwards(forked: Clone) -> None:
    forked.rebase()

    outcome = forked.af_db(
        *("check", "--json", "--no-rehearsal", "--against", "origin/main"), cwd=forked.project.root
    )

    assert (outcome.code, outcome.document["findings"]) == (0, [])


def test_two_heads_with_numbers_of_their_own_become_one_line(clone: Clone) -> None:
    clone.add("004", "003", "mine")
    clone.add_to_main(("005", "003", "theirs"))
    clone.pull()
    assert clone.run("upgrade").code == 2

    assert clone.rebase().code == 0

    assert clone.history()[3:] == [("005", ["003"]), ("006", ["005"])]
    assert "006_mine.py" in clone.files()


def test_a_second_rebase_has_nothing_to_do(forked: Clone) -> None:
    forked.rebase()
    before = forked.files()

    outcome = forked.run("rebase")

    assert outcome.out == "nothing to rebase: this branch's revisions follow those of origin/main\n"
    assert (outcome.code, forked.files()) == (0, before)


def test_a_dry_run_shows_what_would_change_and_changes_nothing(forked: Clone) -> None:
    before = forked.files()

    outcome = forked.run("rebase", "--dry-run")

    assert outcome.code == 0
    lines = [" ".join(line.split()) for line in outcome.out.splitlines()]
    assert lines[0] == "against origin/main, at 004"
    assert lines[4:6] == [
        "004 -> 005 003 -> 004 004_mine.py -> 005_mine.py",
        "005 -> 006 004 -> 005 005_mine_too.py -> 006_mine_too.py",
    ]
    assert lines[-1] == "2 files would change"
    assert forked.files() == before


def test_without_a_terminal_and_without_yes_nothing_changes(forked: Clone) -> None:
    before = forked.files()

    outcome = forked.run("rebase")

    assert (outcome.code, outcome.out) == (4, "")
    assert "004_mine.py -> 005_mine.py" in outcome.err
    assert "af-db local rebase --yes" in outcome.err
    assert forked.files() == before


@pytest.mark.parametrize(("answer", "code"), [("y\r", 0), ("n\r", 4)])
def test_it_shows_what_it_will_do_and_asks(forked: Clone, answer: str, code: int) -> None:
    before = forked.files()

    outcome = run_on_terminal(
        *("local", "rebase"), cwd=forked.project.root, url=forked.url, answers={"[y/n]": answer}
    )

    assert outcome.code == code, outcome.out
    assert "004_mine.py -> 005_mine.py" in outcome.out.partition("[y/n]")[0]
    assert (forked.files() == before) is (code == 4)


def test_what_is_not_pulled_yet_is_named(clone: Clone) -> None:
    clone.add("004", "003", "mine")
    clone.add_to_main(("004", "003", "theirs"))
    before = clone.files()

    outcome = clone.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "not-pulled")
    assert outcome.error["message"] == (
        "origin/main has revisions that are not here: alembic/versions/004_theirs.py"
    )
    assert outcome.error["next_steps"][0] == "bring them in: git merge origin/main"
    assert clone.files() == before


def test_another_branch_can_be_named(clone: Clone) -> None:
    clone.add("004", "003", "base of ours")
    clone.commit()
    clone.git("branch", "--quiet", "stacked")
    clone.add("005", "003", "mine")

    document = clone.rebase("--against", "stacked").document

    assert [(file["id"], file["parents_before"], file["parents"]) for file in document["files"]] == [
        ("005", ["003"], ["004"])
    ]
    assert clone.rebase("--against", "nowhere").error["code"] == "unknown-ref"


def test_the_main_branch_is_the_one_that_the_remote_names(clone: Clone) -> None:
    clone.add("004", "003", "mine")
    clone.commit()
    clone.git("push", "--quiet", "origin", "main:trunk")
    clone.git("remote", "set-head", "origin", "trunk")
    named = clone.rebase().document["against"]
    clone.git("remote", "set-head", "origin", "--delete")
    clone.git("update-ref", "-d", "refs/remotes/origin/main")

    outcome = clone.rebase()

    assert named == "origin/trunk"
    assert (outcome.code, outcome.error["code"]) == (2, "no-default-branch")


def test_ids_that_are_no_numbers_stay_and_get_another_parent(clone: Clone) -> None:
    clone.add("ab12cd34", "003", "mine")
    clone.add_to_main(("ef56ab78", "003", "theirs"))
    clone.pull()

    document = clone.rebase().document

    assert [(file["id"], file["parents"]) for file in document["files"]] == [("ab12cd34", ["ef56ab78"])]
    assert clone.history()[3:] == [("ef56ab78", ["003"]), ("ab12cd34", ["ef56ab78"])]


def test_a_merge_that_joins_nothing_any_more_is_told(clone: Clone) -> None:
    clone.add("004", "003", "mine")
    clone.add_to_main(("005", "003", "theirs"))
    clone.pull()
    assert clone.run("merge").code == 0

    outcome = clone.run("rebase", "--yes")

    assert outcome.code == 0
    assert "007_merge_004_and_005.py joined 004, 005, and has nothing to join any more" in outcome.err
    assert clone.history()[3:] == [("005", ["003"]), ("006", ["005"]), ("007", ["006"])]


def test_files_whose_ids_are_computed_are_refused_by_name(forked: Clone) -> None:
    path = forked.versions / "005_mine_too.py"
    path.write_text(path.read_text().replace("revision = '005'", "revision = '00' + '5'", 1))
    before = forked.files()

    outcome = forked.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "cannot-rebase")
    assert (
        "alembic/versions/005_mine_too.py: its revision is known only by running it"
        in (outcome.error["message"])
    )
    assert forked.files() == before


def test_files_that_cannot_be_edited_safely_are_refused_by_name(forked: Clone) -> None:
    path = forked.versions / "004_mine.py"
    path.write_text(f"{path.read_text()}\nfor down_revision in ('003',):\n    pass\n")
    before = forked.files()

    outcome = forked.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "cannot-rebase")
    assert "alembic/versions/004_mine.py" in outcome.error["message"]
    assert forked.files() == before


def test_a_file_with_a_conflict_in_it_is_refused_by_name(forked: Clone) -> None:
    path = forked.versions / "004_mine.py"
    path.write_text(f"<<<<<<< HEAD\n{path.read_text()}")

    outcome = forked.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "cannot-rebase")
    assert "alembic/versions/004_mine.py: it is not valid Python" in outcome.error["message"]


def test_a_branch_to_follow_with_two_heads_of_its_own_is_refused(clone: Clone) -> None:
    clone.add("006", "003", "mine")
    clone.add_to_main(("004", "003", "left"), ("005", "003", "right"))
    clone.pull()

    outcome = clone.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "cannot-rebase")
    assert "the branch to follow has several heads itself: 004 (" in outcome.error["message"]


def test_a_folder_without_a_repository_is_told(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = af_db("local", "rebase", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "not-a-repository")


def test_what_an_earlier_run_left_half_way_is_put_back_first(forked: Clone) -> None:
    forked.rebase()
    done = forked.files()
    kept = forked.project.root / KEPT
    kept.mkdir()
    (kept / "0.004_mine.py.before").write_bytes(b"a part of it")

    outcome = forked.rebase()

    assert (outcome.code, outcome.document["files"]) == (0, [])
    assert forked.files() == done
    assert not kept.exists()


def test_a_dry_run_puts_nothing_back(forked: Clone) -> None:
    path = forked.versions / "004_mine.py"
    before = path.read_bytes()
    kept = forked.project.root / KEPT
    kept.mkdir()
    (kept / "0").write_bytes(before)
    sha256 = hashlib.sha256(before).hexdigest()
    change = {"old": str(path), "new": str(path), "copy": "0"}
    change |= {"before_sha256": sha256, "after_sha256": hashlib.sha256(b"after").hexdigest()}
    (kept / "files.json").write_text(json.dumps([change]))
    path.write_bytes(b"after")

    outcome = forked.rebase("--dry-run")

    assert (outcome.code, outcome.error["code"]) == (4, "cannot-rebase")
    assert "004_mine.py" in outcome.error["message"]
    assert outcome.error["next_steps"] == ["put them back, and rebase: af-db local rebase --yes"]
    assert path.read_bytes() == b"after"
    assert forked.rebase().document["notes"][0].endswith("put back first: 004_mine.py")


def test_while_another_rebase_runs_it_is_refused(forked: Clone) -> None:
    kept = forked.project.root / KEPT
    kept.mkdir()
    descriptor = os.open(kept, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    before = forked.files()

    outcome = forked.rebase()
    os.close(descriptor)

    assert (outcome.code, outcome.error["code"]) == (4, "rebase-running")
    assert (forked.files(), kept.is_dir()) == (before, True)


def test_what_another_branch_of_the_remote_has_is_not_moved(forked: Clone) -> None:
    forked.git("push", "--quiet", "origin", "HEAD:feature", "HEAD~1:refs/heads/ours-too")
    before = forked.files()

    outcome = forked.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "revision-pushed")
    assert "004_mine.py (origin/ours-too)" in outcome.error["message"]
    assert outcome.error["next_steps"][-1].endswith("af-db local rebase --allow pushed --yes")
    assert forked.files() == before
    assert forked.rebase("--allow", "pushed").document["written"]


def test_what_only_this_branch_of_the_remote_has_is_moved(forked: Clone) -> None:
    forked.git("push", "--quiet", "origin", "HEAD:feature", "HEAD:under-another-name")
    forked.git("branch", "--quiet", "--set-upstream-to=origin/under-another-name")

    assert forked.rebase().document["written"]


@pytest.fixture(params=["sqlite", "postgresql"])
def at_hand(request: pytest.FixtureRequest, clone: Clone) -> Clone:
    """The same with a database of each kind, which has what was there before the pull."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    it = Clone(af_db=clone.af_db, project=clone.project, url=url)
    it.add("004", "003", "mine")
    it.commit()
    assert it.run("upgrade").code == 0
    return it


@pytest.mark.slow
def test_what_the_database_has_is_not_moved(at_hand: Clone) -> None:
    at_hand.add_to_main(("005", "003", "theirs"))
    at_hand.pull()
    before = at_hand.files()

    outcome = at_hand.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "revision-applied")
    assert "004 (alembic/versions/004_mine.py)" in outcome.error["message"]
    assert outcome.error["next_steps"] == [
        "downgrade it first: af-db local downgrade 003",
        "or, if no database has to be kept: af-db local rebase --allow applied --yes",
    ]
    assert at_hand.files() == before

    assert at_hand.run("downgrade", "003").code == 0
    assert at_hand.rebase().code == 0
    assert at_hand.run("upgrade").code == 0


@pytest.mark.slow
def test_with_one_number_twice_the_way_back_is_told_and_works(at_hand: Clone) -> None:
    at_hand.add_to_main(("004", "003", "theirs"))
    at_hand.pull()

    outcome = at_hand.rebase()

    assert (outcome.code, outcome.error["code"]) == (4, "revision-applied")
    path = at_hand.versions / "004_theirs.py"
    if at_hand.url.startswith("postgresql"):  # the journal knows which of the two ran
        first, second, _consent = outcome.error["next_steps"]
        assert first == (
            "take the other branch's files out of the folder (alembic/versions/004_theirs.py), then: "
            "af-db local downgrade 003"
        )
        assert second == "put them back"
        aside = path.rename(at_hand.project.root / "004_theirs.py")
        assert at_hand.run("downgrade", "003").code == 0
        aside.rename(path)
        assert at_hand.rebase().code == 0
    else:
        assert "is at 004, which no file or more than one has" in outcome.error["message"]
        assert at_hand.rebase("--allow", "applied").code == 0


def test_the_journal_tells_that_the_other_of_two_ran(clone: Clone, postgresql_url: str) -> None:
    clone.add("004", "003", "mine")
    clone.add_to_main(("004", "003", "theirs"))
    clone.git("checkout", "--quiet", "main")
    it = Clone(af_db=clone.af_db, project=clone.project, url=postgresql_url)
    assert it.run("upgrade").code == 0
    clone.git("checkout", "--quiet", "feature")
    clone.pull()

    assert it.rebase().code == 0

    assert it.run("upgrade").code == 0
    assert it.run("current").out == "005 (head)\n"


def test_a_database_that_cannot_be_reached_proves_nothing(forked: Clone) -> None:
    gone = Clone(af_db=forked.af_db, project=forked.project, url="postgresql://u@127.0.0.1:1/x")
    before = forked.files()

    refused = gone.rebase()

    assert refused.code == 5
    assert "af-db local rebase --allow applied" in refused.error["next_steps"][-1]
    assert forked.files() == before
    assert gone.rebase("--allow", "applied").code == 0


def test_a_word_that_is_no_consent_to_a_rebase_is_refused(forked: Clone) -> None:
    assert forked.rebase("--allow", "drift").error["code"] == "unknown-hazard"
