"""The files of a project that its revisions read while they run: the run reads what the rehearsal has read.

Python tells of every file that it opens, through an audit hook. Such a hook cannot be taken away; this one
does nothing but while a revision's function runs.
"""

import contextlib
import hashlib
import os
import stat
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent_factory.migrate.db.own import is_own
from agent_factory.migrate.model.errors import RefusedError
from agent_factory.migrate.project.own_folders import OwnFolders

_CODE = (".py", ".pyc", ".pyo", ".so", ".pyd")
"""What is imported is the loader's matter."""

_listening: "list[OpenedFiles]" = []
_hooked: list[bool] = []


class OpenedFiles:
    """What the revisions of one project have read of its own files, by path, with the SHA-256.

    ``read`` is what another process has read before. A file that a revision writes is its own matter from
    then on.
    """

    def __init__(self, own: OwnFolders, read: Mapping[str, str] | None = None) -> None:
        self._own = own
        self._read = dict(read or {})
        self._written: set[str] = set()
        self._thread = threading.local()

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that were read so far."""
        return tuple(self._read)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each."""
        return dict(self._read)

    def sha256(self, path: str) -> str | None:
        """Return the SHA-256 of what the file held when it was first read, which is now if it never was.

        None where there is nothing to read.
        """
        known = self._read.get(path)
        if known is None:
            known = self._hash(path)
            if known is not None:
                self._read[path] = known
        return known

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
        if path.endswith(_CODE) or not self._own.hold(path.rpartition(os.sep)[0]):
            return
        if flags & (os.O_WRONLY | os.O_RDWR):
            self._written.add(path)
        if path in self._written:
            return
        now = self._hash(path)
        then = self._read.get(path) if now is None else self._read.setdefault(path, now)
        if now != then:
            raise RefusedError(
                "file-changed",
                f"{path} has changed since it was read: SHA-256 {str(then)[:12]} then, "
                f"{now[:12] if now else 'empty'} now",
                next_steps=("run it again: what the file holds now is rehearsed then",),
                file=Path(path),
            )

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


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if _listening and event == "open" and not is_own():
        file, mode, flags = arguments
        _listening[-1].opened(file, mode, flags)  # type: ignore[arg-type]
