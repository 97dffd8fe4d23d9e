"""A revision's module, as its file leaves it: what an earlier call did to it is not there."""

import contextlib
from pathlib import Path
from types import ModuleType

from alembic.script import Script
from alembic.util import load_python_file

_IS_USED = "__af_db_is_used__"


def take_module(script: Script) -> ModuleType:
    """Return a module of this revision whose functions nobody has called.

    Alembic executes a file once and calls its functions as often as they are wanted. A list at its top that
    upgrade() empties, a counter or an iterator would be used up by a rehearsal, or by a try that met a lock,
    so the file is executed again for each use but the first. Modules that it imports stay as they are, since
    they would register their listeners twice. A file that cannot be executed twice in one process, such as
    one that adds a table to the application's metadata, is used as it is.
    """
    module = script.module
    if hasattr(module, _IS_USED):
        path = Path(script.path)
        with contextlib.suppress(Exception):
            module = load_python_file(path.parent, path.name)
    setattr(module, _IS_USED, True)
    return module
