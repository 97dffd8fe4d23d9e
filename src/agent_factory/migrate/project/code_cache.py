"""The compiled code of a project's files, kept between commands where nobody else can write.

Compiling a file takes four times as long as taking its code from here. What Python keeps in ``__pycache__``
stands in the project, and is bound to a file's time and size; what is kept here is bound to its bytes.
"""

import contextlib
import hashlib
import importlib.util
import marshal
import os
import stat
import sys
from pathlib import Path
from types import CodeType

from agent_factory.migrate.model.user_cache import user_cache_folder

FORMAT = 1
"""Rises when what is kept changes its meaning."""
AT_MOST_BYTES = 64 << 20
"""For one project: what this command has not used goes first."""
PROJECTS = 16
"""For how many projects code is kept: that of the one which was written the longest ago goes first."""

_DIGEST_BYTES = 32
_MADE_BY = f"af-db code {FORMAT}, {sys.version}, {importlib.util.MAGIC_NUMBER.hex()}, {sys.flags.optimize}"

_Kept = tuple[bytes, bytes]


class CodeCache:
    """The code of the files of one project, ``key``: by the path of each, with the SHA-256 of its source.

    A cache that is absent, damaged, of another Python, or that anybody but this user could have written, is
    no cache; one that cannot be written is not written. With PYTHONDONTWRITEBYTECODE there is none.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._kept: dict[str, _Kept] | None = None
        self._used: set[str] = set()
        self._has_new = False

    def find(self, path: str, source: bytes) -> CodeType | None:
        """Return the code of the file at ``path`` that holds ``source``; None where it is not kept."""
        if self._kept is None:
            self._kept = _read(self._key)
        kept = self._kept.get(path)
        if kept is None or kept[0] != hashlib.sha256(source).digest():
            return None
        self._used.add(path)
        code = marshal.loads(kept[1])  # noqa: S302 - it has the digest that this user's af-db wrote with it
        return code if isinstance(code, CodeType) else None

    def add(self, path: str, source: bytes, code: CodeType) -> None:
        """Take note of the code of the file at ``path`` that holds ``source``."""
        if self._kept is None:
            self._kept = _read(self._key)
        self._kept[path] = hashlib.sha256(source).digest(), marshal.dumps(code)
        self._used.add(path)
        self._has_new = True

    def write(self) -> None:
        """Keep what was added."""
        if not self._has_new or self._kept is None:
            return
        self._has_new = False
        data = _document(self._key, self._kept)
        if len(data) > AT_MOST_BYTES:
            data = _document(self._key, {path: self._kept[path] for path in self._used})
        if len(data) <= AT_MOST_BYTES:
            with contextlib.suppress(OSError, ValueError):
                _write(self._key, data)


def _document(key: str, kept: dict[str, _Kept]) -> bytes:
    body = marshal.dumps((_MADE_BY, key, kept))
    return hashlib.sha256(body).digest() + body


def _read(key: str) -> dict[str, _Kept]:
    try:
        data = memoryview(_read_file(key))
        digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
        if hashlib.sha256(body).digest() != digest:
            return {}
        # Only what has its digest is unmarshalled: of other data Python may crash.
        made_by, of, kept = marshal.loads(body)  # noqa: S302
    except (OSError, ValueError, TypeError, EOFError):
        return {}
    return kept if made_by == _MADE_BY and of == key and isinstance(kept, dict) else {}


def _read_file(key: str) -> bytes:
    """Return what is in the project's file. Raises OSError where anybody else could have written it."""
    path = _place(key)
    _require_private(os.lstat(path.parent), stat.S_IFDIR)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _require_private(status, stat.S_IFREG)
        if status.st_nlink != 1 or status.st_size > AT_MOST_BYTES:
            raise PermissionError
        return file.read()


def _write(key: str, data: bytes) -> None:
    path = _place(key)
    path.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _require_private(os.lstat(path.parent), stat.S_IFDIR)
    beside = path.with_suffix(f".{os.getpid()}")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(beside, flags, 0o600), "wb") as file:
            file.write(data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    _forget_oldest(path.parent)


def _forget_oldest(folder: Path) -> None:
    with os.scandir(folder) as entries:
        found = sorted(((entry.stat().st_mtime_ns, entry.path) for entry in entries), reverse=True)
    for _time, path in found[PROJECTS:]:
        Path(path).unlink(missing_ok=True)


def _require_private(status: os.stat_result, kind: int) -> None:
    """Raise PermissionError unless it is of this kind, this user's, and nobody else may do anything to it."""
    is_private = status.st_uid == os.geteuid() and not stat.S_IMODE(status.st_mode) & 0o077
    if stat.S_IFMT(status.st_mode) != kind or not is_private:
        raise PermissionError


def _place(key: str) -> Path:
    """The file of this project. Raises OSError where the system cannot say that only this user writes to it,
    and where whoever has started Python wants no bytecode to be kept."""
    folder = user_cache_folder()
    if folder is None or sys.dont_write_bytecode or not hasattr(os, "geteuid"):
        raise FileNotFoundError
    return folder / "code" / f"{hashlib.sha256(os.fsencode(key)).hexdigest()[:32]}.code"
