"""What af-db replaces in Python's import system: how the files of a project are read and compiled.

No other module does. Alembic, ``import`` and project code that loads a file by its path all use the two
loaders that are replaced here, so nothing of a project is executed past them. Each name has a test of its
own: tests/unit/migrate/project/test_importlib_internals.py.
"""

from collections.abc import Callable
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from types import CodeType
from typing import Any, Protocol

_PLAIN_CODE = SourceFileLoader.get_code
_PLAIN_DATA = SourceFileLoader.get_data
_PLAIN_COMPILE = SourceFileLoader.source_to_code
_PLAIN_BYTECODE = SourcelessFileLoader.get_data


def compiles_as_python(compile_source: Callable[[bytes, str], CodeType]) -> bool:
    """Say whether this is Python's own way from a source to its code: a loader of a library may change it."""
    return getattr(compile_source, "__func__", None) is _PLAIN_COMPILE


class OwnCode(Protocol):
    """Who reads and compiles some files in place of Python: those that it ``owns``, by their paths."""

    def owns(self, path: str) -> bool: ...

    def read(self, path: str) -> bytes: ...

    def compiled(self, path: str, compile_source: Callable[[bytes, str], CodeType]) -> CodeType: ...


def load_by(own: OwnCode) -> None:
    """Have Python take the files that ``own`` owns from it, and every other one as always.

    A source file is compiled from its bytes: Python itself would execute the bytecode in ``__pycache__``
    wherever that names the source's time and size. It holds until the process ends, or for the next call.
    """

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        path = loader.get_filename(fullname)
        if not own.owns(path):
            return _PLAIN_CODE(loader, fullname)
        return own.compiled(path, loader.source_to_code)

    def get_data(loader: SourceFileLoader, path: str) -> bytes:
        return own.read(path) if own.owns(path) else _PLAIN_DATA(loader, path)

    def get_bytecode(loader: SourcelessFileLoader, path: str) -> bytes:
        return own.read(path) if own.owns(path) else _PLAIN_BYTECODE(loader, path)

    loaders: Any = SourceFileLoader, SourcelessFileLoader
    loaders[0].get_code, loaders[0].get_data = get_code, get_data
    loaders[1].get_data = get_bytecode
