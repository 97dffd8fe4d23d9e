"""Folders that are gone with their process: after the block, or at the next start when it was killed."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "af-db-work-"


@contextlib.contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Hand out a folder that only this user may enter, and remove it after the block.

    A copy of a database in it must not outlive a process that was killed. So the process holds a lock on
    the folder, which ends with it, and every start removes the folders that nobody holds.
    """
    _remove_abandoned()
    with contextlib.ExitStack() as stack:
        held = False
        while not held:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{PREFIX}{purpose}-"))
            held = _hold(folder, stack)
        yield Path(folder)


def _hold(folder: str, stack: contextlib.ExitStack) -> bool:
    """Lock the folder until the stack ends; False when another start has just taken it for abandoned."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    stack.callback(os.close, descriptor)
    return _lock(descriptor) and Path(folder).exists()


def _remove_abandoned() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if folder.stat().st_uid != os.geteuid():
                continue
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                if _lock(descriptor):
                    shutil.rmtree(folder)
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
