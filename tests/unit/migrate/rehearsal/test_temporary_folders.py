"""Folders that hold copies of databases do not outlive their process."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from agent_factory.migrate.rehearsal.temporary_folders import PREFIX, temporary_folder

KILLED = """
import os, signal
from agent_factory.migrate.rehearsal.temporary_folders import temporary_folder
with temporary_folder("test") as folder:
    (folder / "rows").write_text("secret")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_it_is_private_and_gone_after_the_block() -> None:
    with temporary_folder("test") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert (left / "rows").exists()

    with temporary_folder("test"):
        assert not left.exists()


def test_one_that_is_in_use_stays(tmp_path: Path) -> None:
    with temporary_folder("first") as first, temporary_folder("second"):
        assert first.exists()
    assert not list(tmp_path.glob(f"{PREFIX}*"))
