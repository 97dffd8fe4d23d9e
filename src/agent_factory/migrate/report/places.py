"""Where a file is, as those see it who have the repository and not this machine."""

from pathlib import Path


def repository_root(folder: Path) -> Path:
    """Return the folder that git's repository around ``folder`` begins at; ``folder`` where there is none.

    ``.git`` is a folder, and a file in a linked worktree or a submodule.
    """
    here = folder.resolve()
    return next((parent for parent in (here, *here.parents) if (parent / ".git").exists()), here)


def inside(root: Path, file: Path) -> str | None:
    """Return the file's path in the repository, with slashes; None where it is outside of it."""
    whole = file.resolve()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else None
