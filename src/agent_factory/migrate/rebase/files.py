"""Changing several files as one: all of them, or none, also when the machine stops in between.

Before anything is changed, every file is copied into a folder beside the revisions, with a list of what is
about to happen. A run that does not finish leaves that folder, and the next one puts back what is
in it first. While a run lasts it holds the lock of the folder, which ends with the process.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

KEPT = ".af-db-rebase"
"""The folder of the copies, in the project's."""
_LIST = "files.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that becomes another: ``before`` is what it was read as, ``after`` what it is to be."""

    old: Path
    new: Path
    before: bytes
    after: bytes


class InterruptedRebaseError(Exception):
    """A run that ended half-way cannot be undone: files, which the message names, were changed after it."""


class RebaseRunningError(Exception):
    """Another run is changing the files of this project."""


def change_files(root: Path, changes: Sequence[FileChange]) -> None:
    """Write the files under their new names and take the old ones away; ``root`` is the project's folder.

    Whatever is raised in between, every file is as it was. Raises OSError, FileExistsError for a file that
    is in the way or is not any more what was read, and RebaseRunningError.
    """
    kept = root / KEPT
    try:
        kept.mkdir()
    except FileExistsError as error:
        raise RebaseRunningError(
            f"another rebase is running, or has ended half-way: its copies are in {kept}"
        ) from error
    with _held(kept):
        try:
            _change(kept, changes)
        except BaseException:
            _undo(kept)
            raise
        _forget(kept)


def find_interrupted(root: Path) -> tuple[Path, ...]:
    """Return the files that a run which ended half-way may have changed. Raises RebaseRunningError."""
    kept = root / KEPT
    if not kept.is_dir():
        return ()
    with _held(kept):
        return tuple(sorted({Path(change["old"]) for change in _listed(kept)}))


def undo_interrupted(root: Path) -> tuple[Path, ...]:
    """Put back what a run that ended half-way has changed, and return those files.

    Raises RebaseRunningError while it has not ended, and InterruptedRebaseError where a file is neither as it
    was nor as that run wrote it.
    """
    kept = root / KEPT
    if not kept.is_dir():
        return ()
    with _held(kept):
        return _undo(kept)


@contextlib.contextmanager
def _held(kept: Path) -> Iterator[None]:
    """Hold the lock of the folder for the block. Raises RebaseRunningError."""
    descriptor = os.open(kept, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RebaseRunningError(f"another rebase is running: it keeps its copies in {kept}") from error
        yield
    finally:
        os.close(descriptor)


def _change(kept: Path, changes: Sequence[FileChange]) -> None:
    old = {change.old for change in changes}
    for change in changes:
        if change.old.read_bytes() != change.before:
            raise FileExistsError(f"{change.old} has been changed meanwhile")
        if change.new not in old and change.new.exists():
            raise FileExistsError(f"{change.new} already exists")
    _keep(kept, changes)
    for change in changes:
        _write(change.new, change.after, like=kept / _name(changes, change))
    for path in old - {change.new for change in changes}:
        path.unlink()


def _undo(kept: Path) -> tuple[Path, ...]:
    changes = _listed(kept)
    old = {change["old"] for change in changes}
    known: dict[str, set[str]] = {}
    for change in changes:
        known.setdefault(change["old"], set()).add(change["before_sha256"])
        known.setdefault(change["new"], set()).add(change["after_sha256"])
    strange = [
        path
        for path, expected in known.items()
        if Path(path).exists() and _sha256(Path(path).read_bytes()) not in expected
    ]
    if strange:
        raise InterruptedRebaseError(
            f"a rebase ended half-way, and these files were changed after it: {', '.join(strange)}; "
            f"their copies from before it are in {kept}"
        )
    for change in changes:
        copy = kept / change["copy"]
        _write(Path(change["old"]), copy.read_bytes(), like=copy)
    for change in changes:
        _unfinished(Path(change["new"])).unlink(missing_ok=True)
        if change["new"] not in old:
            Path(change["new"]).unlink(missing_ok=True)
    _forget(kept)
    return tuple(Path(path) for path in sorted(old))


def _listed(kept: Path) -> list[dict[str, str]]:
    """What the list says; nothing where the run ended before it had changed anything."""
    path = kept / _LIST
    listed: list[dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    return listed


def _keep(kept: Path, changes: Sequence[FileChange]) -> None:
    """Copy the files, then the list: without it nothing has begun."""
    for change in changes:
        shutil.copy2(change.old, kept / _name(changes, change))
    listed = [
        {
            "old": str(change.old),
            "new": str(change.new),
            "copy": _name(changes, change),
            "before_sha256": _sha256(change.before),
            "after_sha256": _sha256(change.after),
        }
        for change in changes
    ]
    _write(kept / _LIST, json.dumps(listed, indent=2).encode())


def _name(changes: Sequence[FileChange], change: FileChange) -> str:
    # Not *.py: where Alembic reads folders below, a copy would be a revision.
    return f"{changes.index(change)}.{change.old.name}.before"


def _write(path: Path, data: bytes, *, like: Path | None = None) -> None:
    """Write a file so that it is there as a whole or not at all, with the rights of ``like``."""
    unfinished = _unfinished(path)
    try:
        with unfinished.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        if like is not None:
            shutil.copymode(like, unfinished)
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.af-db-new")


def _forget(kept: Path) -> None:
    """Take the list away first: what is left without it has nothing to say."""
    (kept / _LIST).unlink(missing_ok=True)
    shutil.rmtree(kept)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
