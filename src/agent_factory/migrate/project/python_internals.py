"""What af-db replaces inside of Python's own library for a block; no other module does.

It has a test, which fails by its name when a Python has changed it:
tests/unit/migrate/project/test_python_internals.py. Read in CPython 3.11 to 3.14.
"""

import os
import sys
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


def original(module: ModuleType, name: str) -> Any:
    """Return what the module has under this name now."""
    return getattr(module, name)
