"""Which folders hold a project's own files."""

import os
from collections.abc import Iterable
from pathlib import Path

import agent_factory.migrate
from agent_factory.migrate.revisions.config_file import INSTALLED

_NOT_OWN = tuple(str(Path(str(module.__file__)).parent) for module in (os, agent_factory.migrate))
"""Python's own library and this package, which may stand in a project's folder."""


class OwnFolders:
    """The folders of one project: those in ``root`` in which no library is installed, and ``folders``.

    The latter are those of env.py and of the revisions, which may be inside of a library.
    """

    def __init__(self, root: Path, folders: Iterable[str]) -> None:
        self._root = _spellings(root)
        self._folders = tuple(name for folder in folders for name in _spellings(folder))
        self._known: dict[str, bool] = {}

    def hold(self, folder: str) -> bool:
        """Say whether this folder's files are the project's."""
        found = self._known.get(folder)
        if found is None:
            found = self._known[folder] = self._look(folder)
        return found

    def _look(self, folder: str) -> bool:
        names = _spellings(folder)
        if any(_is_in(name, own) for name in names for own in self._folders):
            return True
        return not any(_is_in(name, other) for name in names for other in _NOT_OWN) and any(
            _is_in(name, root) and INSTALLED.isdisjoint(Path(name.removeprefix(root)).parts)
            for name in names
            for root in self._root
        )


def _spellings(folder: str | Path) -> tuple[str, ...]:
    """A folder's path as it is given, and without links."""
    return tuple(dict.fromkeys((str(Path(folder).absolute()), os.path.realpath(folder))))


def _is_in(folder: str, other: str) -> bool:
    return folder == other or folder.startswith(other if other.endswith(os.sep) else f"{other}{os.sep}")
