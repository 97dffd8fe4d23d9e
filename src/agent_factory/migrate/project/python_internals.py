"""What af-db replaces inside of Python's own library for a block; no other module does.

It has a test, which fails by its name when a Python has changed it:
tests/unit/migrate/project/test_python_internals.py. Read in CPython 3.11 to 3.14.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any


def what_starts_programs() -> tuple[tuple[ModuleType, str], ...]:
    """Return by what multiprocessing and ``os.spawn*`` start programs: each is looked up when it is called.

    The first is called with the program's arguments and a list of paths to try, the second with a mode and
    the program. Other ways have audit events, which are raised where the program is asked for.
    """
    if sys.platform == "win32":
        return ()
    import _posixsubprocess

    return ((_posixsubprocess, "fork_exec"), (os, "_spawnvef"))


STARTS_BY_ITSELF = frozenset(
    str(Path(os.__file__).parent / name)
    for name in (
        "_aix_support.py",
        "_osx_support.py",
        "ctypes/_aix.py",
        "ctypes/util.py",
        "platform.py",
        "uuid.py",
    )
)
"""The files of Python's library that start programs of their own choice: they ask the machine what it is, or
where a library lies (``ldconfig``, ``gcc``, ``uname``). Who calls them names no program."""


def original(module: ModuleType, name: str) -> Any:
    """Return what the module has under this name now."""
    return getattr(module, name)


@contextlib.contextmanager
def program_not_imported() -> Iterator[None]:
    """Have a process that multiprocessing spawns in this block not execute the program that runs here.

    It would do so to find the program's classes, and a program that calls af-db without asking for its
    ``__name__`` would call it again there.
    """
    program = sys.modules["__main__"].__dict__
    hidden = {name: program.pop(name) for name in ("__file__", "__spec__") if name in program}
    program["__spec__"] = None
    try:
        yield
    finally:
        program.update({"__spec__": None} | hidden)
