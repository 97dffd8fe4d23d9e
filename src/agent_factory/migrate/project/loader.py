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
from agent_factory.migrate.project.code_cache import CodeCache
from agent_factory.migrate.project.importlib_internals import compiles_as_python, load_by
from agent_factory.migrate.project.own_folders import OwnFolders
from agent_factory.migrate.revisions.contents import FileContent, begin_with_contents, content_of

_TAKEN = "__af_db_taken__"


class ProjectCode:
    """The code of one project's Python files.

    Each is read once and compiled once, whatever becomes of the file, or taken from ``cache``; Python's
    ``__pycache__`` is neither read nor written.
    """

    def __init__(self, own: OwnFolders, *, is_sourceless: bool, cache: CodeCache | None = None) -> None:
        self._cache = cache
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
            cache = self._cache if compiles_as_python(compile_source) else None
            source = content_of(path).data
            code = cache.find(path, source) if cache is not None else None
            if code is None:
                code = compile_source(source, path)
                if cache is not None:
                    cache.add(path, source, code)
            self._code[path] = code
        return code

    def keep(self) -> None:
        """Keep what was compiled for the next command."""
        if self._cache is not None:
            self._cache.write()


def execute_from_bytes(
    own: OwnFolders,
    *,
    is_sourceless: bool,
    read: Iterable[FileContent] = (),
    cache: CodeCache | None = None,
) -> ProjectCode:
    """Have this process read each of the project's files once from now on, and execute what it has read.

    ``read`` are those that another process has read before, which is once for both. Returns what knows which
    files these are.
    """
    begin_with_contents(read)
    code = ProjectCode(own, is_sourceless=is_sourceless, cache=cache)
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
