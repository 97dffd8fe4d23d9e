"""What was read from files, kept between commands outside the tree; nothing depends on it.

A file is taken as unchanged while its size and its times are the same. A cache that is absent, stale,
broken or of somebody else is no cache, and one that cannot be written is not written.
"""

import contextlib
import json
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent_factory.migrate.model.user_cache import user_cache_folder

FORMAT = 6
"""Rises when what is kept changes its meaning."""

RACY_NS = 2_000_000_000
"""A file changed so shortly before it was read may change again without another time (as git's index)."""

Stamp = tuple[int, int, int]
"""Size, time of the last change, and of the last change of the directory entry; nanoseconds."""


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what is the same as long as a file is the same."""
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def read_cache(key: str) -> tuple[dict[str, Any], bytes] | None:
    """Return what was kept for this key, usually a path: the facts, and the details as they were given.

    None when nothing is kept, or it cannot be trusted.
    """
    path = _place(key)
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and (status.st_uid != os.geteuid() or status.st_mode & 0o022):
                return None
            document = json.loads(file.readline())
            details = file.read()
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("key") != key:
        return None
    return document, details


def write_cache(key: str, facts: Mapping[str, object], details: bytes, newest_ns: int) -> None:
    """Keep these facts, where that is possible; not while a file's time is as new as ``RACY_NS``.

    ``details`` are whatever few commands want: whoever reads the facts has no work with them.
    """
    path = _place(key)
    if path is None or newest_ns > time.time_ns() - RACY_NS:
        return
    beside = path.with_suffix(f".{os.getpid()}")
    with contextlib.suppress(OSError, ValueError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            document = json.dumps({"format": FORMAT, "key": key, **facts}, separators=(",", ":"))
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(document.encode() + b"\n" + details)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _place(key: str) -> Path | None:
    """The file of this key in the user's own folder for caches; None where there is no such folder."""
    folder = user_cache_folder()
    return folder and folder / f"{zlib.crc32(key.encode(errors='surrogateescape')):08x}.json"
