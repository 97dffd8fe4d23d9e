"""The files that Alembic takes for revisions."""

import os
import re
from collections.abc import Sequence

_REVISION = re.compile(r"(?!\.#|__init__).*\.py")
"""alembic.script.base, 1.20; the same as ``revision_files.FILE_NAME``, which would import ast."""


def list_revision_files(folders: Sequence[str], *, deeper: bool) -> dict[str, os.stat_result] | None:
    """Return the revision files of these folders with what the file system says of each.

    ``deeper`` takes the folders inside them too. None where Alembic would have more to say: a file that
    is there twice, a link, a name that is no file.
    """
    found: dict[str, os.stat_result] = {}
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        if not os.path.isdir(folder):  # noqa: PTH112 - pathlib takes 5 ms for what 5,000 files need here
            return None
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_symlink():
                    return None
                if entry.is_dir():
                    if deeper and not entry.name.endswith("__pycache__"):
                        waiting.append(entry.path)
                elif _REVISION.fullmatch(entry.name):
                    if entry.path in found:
                        return None
                    found[entry.path] = entry.stat()
    return found
