"""Where the temporary files of a test run are: in memory, where the machine has room for them.

A new database is a copy of 300 small files, and a new server begins with 1,000: on a disk the kernel works
ten times as long on them. ``TMPDIR`` in the environment decides otherwise.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 4 * 1024**3
"""Bytes; a run with four workers takes a quarter of it."""


@contextlib.contextmanager
def temporary_files_in_memory() -> Iterator[None]:
    """Have this process, and what it starts, put temporary files into memory if there is enough of it."""
    if "TMPDIR" in os.environ or not _has_room():
        yield
        return
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None
    try:
        yield
    finally:
        tempfile.tempdir = None
        del os.environ["TMPDIR"]


def short_folder() -> str:
    """A folder for temporary files whose path leaves room for a socket's name, in memory like the others."""
    return str(MEMORY) if tempfile.gettempdir() == str(MEMORY) else "/tmp"


def _has_room() -> bool:
    """Whether files have room there and programs may run: PostgreSQL's are copied when it is root's tests."""
    try:
        found = os.statvfs(MEMORY)
        memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        available = int(memory["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):  # not Linux
        return False
    has_room = min(available, found.f_bavail * found.f_frsize) > ENOUGH
    return has_room and os.access(MEMORY, os.W_OK) and not found.f_flag & os.ST_NOEXEC
