"""A revision's module, as its file leaves it: what an earlier call did to it is not there."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from alembic.script import Script

_CODE = "__af_db_code__"


def take_module(script: Script, reused: Callable[[str, Exception], None]) -> ModuleType:
    """Return a module of this revision whose functions nobody has called.

    Alembic executes a file once and calls its functions as often as they are wanted. A list at its top that
    upgrade() empties, a counter or an iterator would be used up by a rehearsal, or by a try that met a lock,
    so what the file was at its first use is executed again for each later one. Modules that it imports stay
    as they are, since they would register their listeners twice. Where it cannot be executed again, such as
    one that adds a table to the application's metadata, it is used as it is, and ``reused`` is called.
    """
    module = script.module
    if not hasattr(module, _CODE):
        setattr(module, _CODE, _code_of(module))
        return module
    code: CodeType | Exception = getattr(module, _CODE)
    if isinstance(code, Exception):
        reused(script.revision, code)
        return module
    fresh = importlib.util.module_from_spec(_spec_of(module))
    try:
        exec(code, fresh.__dict__)  # noqa: S102 - it is what Alembic has executed
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


def _code_of(module: ModuleType) -> CodeType | Exception:
    try:
        spec = _spec_of(module)
        code: CodeType = spec.loader.get_code(spec.name)
    except (OSError, ImportError, SyntaxError, ValueError) as error:
        return error
    return code


def _spec_of(module: ModuleType) -> Any:
    return module.__spec__
