"""The project's own Python files, executed from the bytes that were read once."""

import importlib.util
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from alembic.script import Script

import agent_factory.migrate
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.project.importlib_internals import load_by
from agent_factory.migrate.revisions.contents import content_of, forget_contents

_TAKEN = "__af_db_taken__"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_NOT_OWN = tuple(str(Path(str(module.__file__)).parent) for module in (os, agent_factory.migrate))
"""Python's own library and this package, which may stand in a project's folder."""


class ProjectCode:
    """The code of one project's Python files.

    A file is the project's when it stands in ``root`` and is not installed there as a library, or in one of
    ``folders``: those of env.py and of the revisions, which may be inside of a library. Each is read once
    and compiled once, whatever becomes of the file; Python's ``__pycache__`` is neither read nor written.
    """

    def __init__(self, root: Path, folders: Iterable[str], *, is_sourceless: bool) -> None:
        self._root = _spellings(root)
        self._folders = tuple(name for folder in folders for name in _spellings(folder))
        self._is_sourceless = is_sourceless
        self._owned: dict[str, bool] = {}
        self._code: dict[str, CodeType] = {}
        self._bytecode: dict[str, None] = {}

    @property
    def executed(self) -> tuple[str, ...]:
        """The paths of the files that Python has executed, or begun to."""
        return (*self._code, *self._bytecode)

    def owns(self, path: str) -> bool:
        """Say whether this Python file is one of the project's."""
        if not path.endswith((".py", ".pyc", ".pyo")):
            return False
        folder = path.rpartition(os.sep)[0]
        found = self._owned.get(folder)
        if found is None:
            found = self._owned[folder] = self._is_own_folder(folder)
        return found

    def read(self, path: str) -> bytes:
        """Return what the file held when it was first read.

        Raises UsageError for bytecode in ``__pycache__``, unless the project is ``sourceless``.
        """
        if Path(path).parent.name == "__pycache__" and not self._is_sourceless:
            raise UsageError(
                "no-source",
                f"{path} is there, and its source is not",
                state=NOT_TOUCHED,
                next_steps=(
                    "bring the source back",
                    "or, if bytecode is meant to run: sourceless = true in Alembic's configuration",
                ),
                file=Path(path),
            )
        if not path.endswith(".py"):
            self._bytecode[path] = None
        return content_of(path).data

    def compiled(self, path: str, compile_source: Callable[[bytes, str], CodeType]) -> CodeType:
        """Return the code of this source file. Raises what Python raises of a file that it does not take."""
        code = self._code.get(path)
        if code is None:
            code = self._code[path] = compile_source(content_of(path).data, path)
        return code

    def _is_own_folder(self, folder: str) -> bool:
        names = _spellings(folder)
        if any(_is_in(name, own) for name in names for own in self._folders):
            return True
        return not any(_is_in(name, other) for name in names for other in _NOT_OWN) and any(
            _is_in(name, root) and _INSTALLED.isdisjoint(Path(name.removeprefix(root)).parts)
            for name in names
            for root in self._root
        )


def execute_from_bytes(root: Path, folders: Iterable[str], *, is_sourceless: bool) -> ProjectCode:
    """Have this process read each of the project's files once from now on, and execute what it has read.

    Returns what knows which files these are.
    """
    forget_contents()
    code = ProjectCode(root, folders, is_sourceless=is_sourceless)
    load_by(code)
    return code


def take_module(script: Script, reused: Callable[[str, Exception], None]) -> ModuleType:
    """Return a module of this revision whose functions nobody has called.

    Alembic executes a file once and calls its functions as often as they are wanted. A list at its top that
    upgrade() empties, a counter or an iterator would be used up by a rehearsal, or by a try that met a lock,
    so what the file was at its first use is executed again for each later one. Modules that it imports stay
    as they are, since they would register their listeners twice. Where it cannot be executed again, such as
    one that adds a table to the application's metadata, it is used as it is, and ``reused`` is called.
    """
    module = script.module
    if not hasattr(module, _TAKEN):
        setattr(module, _TAKEN, True)
        return module
    spec = _spec_of(module)
    fresh = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(fresh)
    except Exception as error:  # noqa: BLE001 - a file may raise anything
        reused(script.revision, error)
        return module
    return fresh


def load_module(path: Path) -> ModuleType:
    """Execute a revision's file, under the name that Alembic gives to it, and return the new module.

    Raises what the file raises. The module is not kept among those that Python has imported.
    """
    spec = importlib.util.spec_from_file_location(re.sub(r"\W", "_", path.name), path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path.name} is not a file that Python can execute")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _spec_of(module: ModuleType) -> Any:
    return module.__spec__


def _spellings(folder: str | Path) -> tuple[str, ...]:
    """A folder's path as it is given, and without links."""
    return tuple(dict.fromkeys((str(Path(folder).absolute()), os.path.realpath(folder))))


def _is_in(folder: str, other: str) -> bool:
    return folder == other or folder.startswith(other if other.endswith(os.sep) else f"{other}{os.sep}")
