"""The files of a project, each read once: what runs is what was hashed, shown and kept.

A file that is edited while a command works is the same to that command until its end. Whoever wants to know
what a revision file holds asks here, and gets the bytes that are executed.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_READ: dict[str, "FileContent"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class FileContent:
    """A file, by its whole path, and what it held when it was read."""

    path: str
    data: bytes

    @property
    def is_bytecode(self) -> bool:
        """Whether it is compiled code, which stands here without its source."""
        return is_bytecode(self.path)


def is_bytecode(path: str) -> bool:
    """Say whether the file of this path is compiled code."""
    return path.endswith((".pyc", ".pyo"))


def content_of(path: str | Path) -> FileContent:
    """Return what the file held when it was first asked for. Raises OSError where it cannot be read."""
    name = os.path.abspath(path)  # noqa: PTH100 - resolve() would ask the file system for each folder
    content = _READ.get(name)
    if content is None:
        with open(name, "rb") as file:  # noqa: PTH123 - pathlib takes as long again, for thousands of files
            content = _READ[name] = FileContent(path=name, data=file.read())
    return content


def contents_read() -> tuple[FileContent, ...]:
    """Return every file that was read so far, for another process to begin with."""
    return tuple(_READ.values())


def begin_with_contents(read: Iterable[FileContent]) -> None:
    """Have every file but these be read again: a project is opened."""
    _READ.clear()
    _READ.update((content.path, content) for content in read)
