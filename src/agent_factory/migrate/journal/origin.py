"""Looks at who runs this, from where, with which code."""

import getpass
import socket
import subprocess
from pathlib import Path

from agent_factory.migrate.model.checklist import Checklist
from agent_factory.migrate.model.origin import Origin
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.version import af_db_version, alembic_version
from agent_factory.redaction import environment_without_secrets

GIT_TIMEOUT_S = 5


def find_origin(root: Path, setup: Setup, ci_url: str | None, checklist: Checklist | None = None) -> Origin:
    """Look at this process, at what it was given, and at the checkout in ``root``."""
    commit, dirty = _git_state(root)
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's numeric user has no name
        user = None
    return Origin(
        os_user=user,
        host=socket.gethostname(),
        git_commit=commit,
        git_dirty=dirty,
        ci_url=ci_url,
        af_db_version=af_db_version(),
        alembic_version=alembic_version(),
        arguments=tuple(f"{option} {value}" for option, value in setup.arguments),
        checklist=tuple(map(str, checklist.lines)) if checklist is not None else (),
    )


def ask_git(root: Path, *words: str) -> str | None:
    """Return what git says in this folder, None where it fails or there is none."""
    try:
        ran = subprocess.run(
            ["git", *words],  # noqa: S607 - the user's git
            cwd=root,
            env=environment_without_secrets(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout if ran.returncode == 0 else None


def _git_state(root: Path) -> tuple[str | None, bool | None]:
    """The commit that is checked out, and whether the project's folder differs from it."""
    said = ask_git(root, "status", "--porcelain=v2", "--branch", "--", ".")
    lines = (said or "").splitlines()
    commit = next((line.split()[-1] for line in lines if line.startswith("# branch.oid ")), None)
    if commit in (None, "(initial)"):
        return None, None
    return commit, any(not line.startswith("#") for line in lines)
