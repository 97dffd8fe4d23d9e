"""The files of a project that its revisions read while they run: the run reads what the rehearsal has read.

Python tells of every file that it opens, through an audit hook. Such a hook cannot be taken away; this one
does nothing but while a revision's function runs.
"""

import contextlib
import hashlib
import inspect
import os
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.db.own import is_own
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.project.own_folders import OwnFolders

_OPENS_FOR_OTHERS = (
    "<frozen codecs>",
    *(f"{Path(str(os.__file__)).parent}{os.sep}{name}" for name in ("pathlib", "codecs")),
)
"""Where Python's own library opens what somebody else names."""

_CODE = (".py", ".pyc", ".pyo", ".so", ".pyd")
"""What is imported is the loader's matter."""

_listening: "list[OpenedFiles]" = []
_hooked: list[bool] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideFile:
    """A file outside of the project that a file of the project has opened to read it, and in which line."""

    path: str
    file: str
    line: int


class OpenedFiles:
    """What the revisions of one project have read of its own files, by path, with the SHA-256.

    That is None where there was nothing to read. ``read`` is what another process has read before. A file
    that a revision writes is its own matter from then on.
    """

    def __init__(self, own: OwnFolders, read: Mapping[str, str | None] | None = None) -> None:
        self._own = own
        self._read: dict[str, str | None] = dict(read or {})
        self._written: set[str] = set()
        self._outside: dict[OutsideFile, None] = {}
        self._thread = threading.local()

    def take_outside(self) -> tuple[OutsideFile, ...]:
        """Return the files outside of the project that were read since the last call."""
        outside, self._outside = tuple(self._outside), {}
        return outside

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that were read so far."""
        return tuple(self._read)

    @property
    def hashes(self) -> dict[str, str | None]:
        """The SHA-256 of each."""
        return dict(self._read)

    def sha256(self, path: str) -> str | None:
        """Return the SHA-256 of what the file held when it was first read, which is now if it never was.

        None where there is nothing to read.
        """
        if path not in self._read:
            self._read[path] = self._hash(path)
        return self._read[path]

    @contextlib.contextmanager
    def compared(self) -> Iterator[None]:
        """Raise RefusedError in whoever opens, in this block, a file that has changed since it was read."""
        if not _hooked:
            sys.addaudithook(_on_event)
            _hooked.append(True)
        _listening.append(self)
        try:
            yield
        finally:
            _listening.remove(self)

    def opened(self, file: object, _mode: str | None, flags: int) -> None:
        """Take note that this process is about to open a file."""
        if isinstance(file, int) or not isinstance(file, str | bytes) or hasattr(self._thread, "is_hashing"):
            return
        path = os.path.abspath(os.fsdecode(file))  # noqa: PTH100 - as the loader names it
        if path.endswith(_CODE):
            return
        if flags & (os.O_WRONLY | os.O_RDWR):
            self._note_written(path)
        if path in self._written:
            return
        if not self._own.hold(path.rpartition(os.sep)[0]):
            self._note_outside(path)
            return
        now = self._hash(path)
        then = self._read.setdefault(path, now)
        if now != then:
            raise RefusedError(
                "file-changed",
                f"{path} has changed since it was read: SHA-256 {_begun(then)} then, {_begun(now)} now",
                next_steps=("run it again: what the file holds now is rehearsed then",),
                file=Path(path),
            )

    def _note_outside(self, path: str) -> None:
        """Note a file of others, where the project's code has asked for it and no library by itself."""
        frame = inspect.currentframe()
        while frame is not None and frame.f_code.co_filename.startswith((__file__, *_OPENS_FOR_OTHERS)):
            frame = frame.f_back
        file = frame.f_code.co_filename if frame is not None else ""
        if frame is not None and self._own.hold(file.rpartition(os.sep)[0]):
            self._outside[OutsideFile(path=path, file=Path(file).name, line=frame.f_lineno)] = None

    def replaced(self, file: object) -> None:
        """Take note that this process is about to put another file in the place of this one."""
        if isinstance(file, str | bytes | os.PathLike):
            self._note_written(os.path.abspath(os.fsdecode(file)))  # noqa: PTH100

    def _note_written(self, path: str) -> None:
        self._written.add(path)
        if self._read.get(path, "") is None:  # the run, in another process, finds what is written here
            del self._read[path]

    def _hash(self, path: str) -> str | None:
        self._thread.is_hashing = True
        try:
            status = os.stat(path)  # noqa: PTH116
            if (
                not stat.S_ISREG(status.st_mode) or not status.st_size
            ):  # as those in /proc, which are never the same
                return None
            with open(path, "rb") as file:  # noqa: PTH123
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return None
        finally:
            del self._thread.is_hashing


def _begun(sha256: str | None) -> str:
    return sha256[:12] if sha256 else "nothing"


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if not _listening or is_own():
        return
    if event == "open":
        file, mode, flags = arguments
        _listening[-1].opened(file, mode, flags)  # type: ignore[arg-type]
    elif event == "os.rename":
        _listening[-1].replaced(arguments[1])
