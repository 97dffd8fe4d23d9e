"""Several files changed as one: all or none, also when the process is killed in between."""

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent_factory.migrate.rebase import (
    FileChange,
    InterruptedRebaseError,
    RebaseRunningError,
    change_files,
    find_interrupted,
    undo_interrupted,
)
from agent_factory.migrate.rebase.files import KEPT

COUNT = 40
BEFORE = {f"{number:03}.py": f"before {number}".encode() * 1000 for number in range(COUNT)}
AFTER = {f"{number + 1:03}.py": f"after {number}".encode() * 1000 for number in range(COUNT)}

LIMIT = 500_000
KILLED = f"""
import resource, signal, sys
from dataclasses import replace
from pathlib import Path
from tests.unit.migrate.rebase.test_files import changes
from agent_factory.migrate.rebase import change_files

root, last = Path(sys.argv[1]), int(sys.argv[2])
planned = changes(root)
planned[last] = replace(planned[last], after=b"x" * {LIMIT + 1})
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
change_files(root, planned)
"""


def changes(root: Path) -> list[FileChange]:
    """Each file becomes the next: every name but the first and the last is given up and taken."""
    return [
        FileChange(old=root / old, new=root / new, before=before, after=after)
        for (old, before), (new, after) in zip(BEFORE.items(), AFTER.items(), strict=True)
    ]


def contents(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.iterdir()) if path.is_file()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "versions"
    folder.mkdir()
    for name, data in BEFORE.items():
        (folder / name).write_bytes(data)
    return folder


def test_files_become_others_and_nothing_else_is_left(root: Path) -> None:
    (root / "000.py").chmod(0o640)

    change_files(root, changes(root))

    assert contents(root) == AFTER
    assert not (root / KEPT).exists()
    assert (root / "001.py").stat().st_mode & 0o777 == 0o640


def test_when_one_cannot_be_written_all_are_as_they_were(root: Path) -> None:
    last = FileChange(old=root / "039.py", new=root / ("x" * 300), before=BEFORE["039.py"], after=b"")

    with pytest.raises(OSError, match="too long"):
        change_files(root, [*changes(root)[:-1], last])

    assert contents(root) == BEFORE


def test_a_file_that_changed_meanwhile_is_left_alone(root: Path) -> None:
    planned = changes(root)
    (root / "020.py").write_bytes(b"edited")

    with pytest.raises(FileExistsError, match=r"020\.py has been changed meanwhile"):
        change_files(root, planned)

    assert contents(root) == {**BEFORE, "020.py": b"edited"}
    assert not (root / KEPT).exists()


def test_a_file_that_is_in_the_way_is_left_alone(root: Path) -> None:
    (root / "040.py").write_bytes(b"somebody's")

    with pytest.raises(FileExistsError, match=r"040\.py already exists"):
        change_files(root, changes(root))

    assert contents(root) == {**BEFORE, "040.py": b"somebody's"}


@pytest.mark.parametrize("last", [0, 20, COUNT - 1])
def test_a_killed_run_is_undone_by_the_next_one(root: Path, last: int) -> None:
    """The kernel ends the process in the middle of a write: its files may not become larger than LIMIT."""
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), str(last)], cwd=Path(__file__).parents[4], check=False
    )
    half_way = contents(root / KEPT)
    between = contents(root)

    assert [path.name for path in find_interrupted(root)] == list(BEFORE)
    assert contents(root) == between
    undone = undo_interrupted(root)

    assert killed.returncode == -signal.SIGXFSZ
    assert len(half_way) == COUNT + 1
    assert [path.name for path in undone] == list(BEFORE)
    assert contents(root) == BEFORE
    assert undo_interrupted(root) == find_interrupted(root) == ()


@pytest.mark.parametrize(
    "run", [undo_interrupted, find_interrupted, lambda root: change_files(root, changes(root))]
)
def test_while_another_one_runs_nothing_is_touched(root: Path, run: Callable[[Path], object]) -> None:
    kept = root / KEPT
    kept.mkdir()
    (kept / "0.000.py.before").write_bytes(b"a part of it")
    descriptor = os.open(kept, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)

    with pytest.raises(RebaseRunningError, match="another rebase"):
        run(root)

    os.close(descriptor)
    assert contents(kept) == {"0.000.py.before": b"a part of it"}
    kept.rename(root.with_name("kept"))
    assert contents(root) == BEFORE


def test_a_run_that_was_killed_before_it_changed_anything_is_forgotten(root: Path) -> None:
    (root / KEPT).mkdir()
    (root / KEPT / "0.000.py.before").write_bytes(b"a part of it")

    assert undo_interrupted(root) == ()
    assert contents(root) == BEFORE


def test_what_was_edited_after_a_killed_run_is_not_lost(root: Path) -> None:
    kept = root / KEPT
    kept.mkdir()
    (kept / "0.000.py.before").write_bytes(BEFORE["000.py"])
    sha256 = "0" * 64
    (kept / "files.json").write_text(
        f'[{{"old": "{root}/000.py", "new": "{root}/001.py", "copy": "0.000.py.before",'
        f' "before_sha256": "{sha256}", "after_sha256": "{sha256}"}}]'
    )

    with pytest.raises(InterruptedRebaseError, match=r"001\.py"):
        undo_interrupted(root)

    assert (kept / "0.000.py.before").read_bytes() == BEFORE["000.py"]
