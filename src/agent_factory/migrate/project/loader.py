"""The project's own Python files, executed from the bytes that were read once."""

import importlib.util
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from alembic.script import Script

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.project.importlib_internals import load_by
from agent_factory.migrate.project.own_folders import OwnFolders
from agent_factory.migrate.revisions.contents import FileContent, begin_with_contents, content_of

_TAKEN = "__af_db_taken__"


class ProjectCode:
    """The code of one project's Python files.

    Each is read once and compiled once, whatever becomes of the file; Python's ``__pycache__`` is neither
    read nor written.
    """

    def __init__(self, own: OwnFolders, *, is_sourceless: bool) -> None:
        self._own = own
        self._is_sourceless = is_sourceless
        self._code: dict[str, CodeType] = {}
        self._bytecode: dict[str, None] = {}

    @property
    def executed(self) -> tuple[str, ...]:
        """The paths of the files that Python has executed, or begun to."""
        return (*self._code, *self._bytecode)

    def owns(self, path: str) -> bool:
        """Say whether this Python file is one of the project's."""
        return path.endswith((".py", ".pyc", ".pyo")) and self._own.hold(path.rpartition(os.sep)[0])

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


def execute_from_bytes(
    own: OwnFolders, *, is_sourceless: bool, read: Iterable[FileContent] = ()
) -> ProjectCode:
    """Have this process read each of the project's files once from now on, and execute what it has read.

    ``read`` are those that another process has read before, which is once for both. Returns what knows which
    files these are.
    """
    begin_with_contents(read)
    code = ProjectCode(own, is_sourceless=is_sourceless)
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
