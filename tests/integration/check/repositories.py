"""A project in a git repository, whose branches two developers work on."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.projects import AlembicProject


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository in ``top``; the project is in a folder of it."""

    top: Path
    project: AlembicProject

    def git(self, *arguments: str) -> str:
        """Run git and return what it says."""
        finished = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the one that af-db uses too
            cwd=self.top,
            capture_output=True,
            text=True,
            check=True,
        )
        return finished.stdout

    def commit(self) -> None:
        """Commit everything."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change", "--allow-empty")

    def on_main(self) -> None:
        """Commit, and go on with the target branch."""
        self.commit()
        self.git("checkout", "--quiet", "main")

    def on_branch(self) -> None:
        """Commit, and go on with this branch."""
        self.commit()
        self.git("checkout", "--quiet", "feature")


def make_repository(project: AlembicProject) -> Repository:
    """Commit the project on ``main``, and start the branch ``feature``."""
    repository = Repository(top=project.root.parent, project=project)
    (repository.top / ".gitignore").write_text("__pycache__/\n")
    repository.git("init", "--quiet", "--initial-branch=main")
    repository.commit()
    repository.git("checkout", "--quiet", "-b", "feature")
    return repository
