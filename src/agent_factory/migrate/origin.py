"""Who runs this, from where, with which code."""

import getpass
import socket
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

GIT_TIMEOUT_S = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the journal keeps about a run besides the revision; None where it cannot be known."""

    os_user: str | None
    host: str | None
    git_commit: str | None
    git_dirty: bool | None
    ci_url: str | None
    af_db_version: str
    alembic_version: str


def find_origin(root: Path, ci_url: str | None) -> Origin:
    """Look at this process and at the checkout in ``root``."""
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--", ".") if commit else None
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's numeric user has no name
        user = None
    return Origin(
        os_user=user,
        host=socket.gethostname(),
        git_commit=commit,
        git_dirty=None if changes is None else bool(changes),
        ci_url=ci_url,
        af_db_version=version("agent-factory"),
        alembic_version=version("alembic"),
    )


def _git(root: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            ["git", *arguments],  # noqa: S607 - the git of the user's path
            cwd=root,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return finished.stdout.strip() if finished.returncode == 0 else None
