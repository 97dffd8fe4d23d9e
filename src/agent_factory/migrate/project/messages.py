"""What two processes say to each other while one works for the other: data, and of known kinds only."""

import io
import pickle
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from agent_factory.migrate.model.errors import MigrationError

_OWN = "agent_factory.migrate."
_loaded: frozenset[str] = frozenset()
"""The modules of the process that waits. Of no other, but af-db's own, may anything come out of the pipe: it
would be imported there."""


@dataclass(frozen=True, slots=True)
class Returned:
    value: object


@dataclass(frozen=True, slots=True)
class Raised:
    """``error`` is None for a bug, of which only the text can be handed on."""

    error: MigrationError | None
    trace: str


@dataclass(frozen=True, slots=True)
class Called:
    """The work calls a function that was among its arguments."""

    number: int
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Doing:
    what: str


@dataclass(frozen=True, slots=True)
class Learnt:
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """Stands for an argument that is a function: it is called in the process that waits."""

    number: int


def may_hold(modules: Iterable[str]) -> None:
    """Have messages hold what comes from these modules, besides af-db's own, and nothing else."""
    global _loaded
    _loaded = frozenset(modules)


def send(end: Connection, message: object) -> None:
    """Send a message; in place of one that may not be sent, that this is a bug."""
    try:
        packed = _packed(message)
        _unpacked(packed)
    except Exception:  # noqa: BLE001 - what is packed may raise anything
        packed = _packed(Raised(None, traceback.format_exc()))
    end.send_bytes(packed)


def receive(end: Connection) -> object:
    """Return the next message; None where none can come any more."""
    try:
        return _unpacked(end.recv_bytes())
    except (EOFError, ConnectionError):
        return None


def _packed(message: object) -> bytes:
    packed = io.BytesIO()
    _Pickler(packed).dump(message)
    return packed.getvalue()


def _unpacked(packed: bytes) -> object:
    return _Unpickler(io.BytesIO(packed)).load()


def _is_known(module: str) -> bool:
    return module in _loaded or module.startswith(_OWN)


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> Any:
        """A text or number of a project's own kind, as an id that is an enum's member, leaves as plain."""
        for plain in (str, int, float, bytes):
            if isinstance(value, plain) and not _is_known(type(value).__module__):
                return plain, plain.__getnewargs__(value)  # type: ignore[arg-type]
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if not _is_known(module):
            raise pickle.UnpicklingError(f"{module}.{name} is no data of af-db's")
        return super().find_class(module, name)
