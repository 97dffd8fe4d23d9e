"""Code that one command keeps for the next: what runs is still what was read, hashed and kept."""

import marshal
import os
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from agent_factory.migrate.project import code_cache
from tests.commands import CommandLine
from tests.projects import AlembicProject


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "cache" / "af-db" / "code"


def raising(word: str) -> str:
    return f"raise ValueError('this is {word}')"


def test_a_file_of_the_same_size_and_time_runs_as_it_is_now(
    af_db: CommandLine, project: AlembicProject, database_url: str, cache_folder: Path
) -> None:
    path = project.add("004", "003", raising("first"))
    os.utime(path, (1, 1))
    first = af_db("local", "upgrade", "--no-rehearsal", cwd=project.root, url=database_url)
    assert list(cache_folder.iterdir())
    path.write_text(path.read_text().replace("first", "other"))
    os.utime(path, (1, 1))
    second = af_db("local", "upgrade", "--no-rehearsal", cwd=project.root, url=database_url)

    assert "this is first" in first.err
    assert "this is other" in second.err


def test_what_was_kept_is_what_runs(
    af_db: CommandLine, project: AlembicProject, database_url: str, cache_folder: Path
) -> None:
    """Shown by code that only this user can have put there."""
    path = project.add("004", "003", raising("first"))
    af_db("local", "upgrade", "003", cwd=project.root, url=database_url)
    (file,) = cache_folder.iterdir()
    made_by, key, kept = marshal.loads(file.read_bytes()[32:])  # noqa: S302
    code = compile(path.read_text().replace("first", "other"), str(path), "exec")
    kept[str(path)] = kept[str(path)][0], marshal.dumps(code)
    body = marshal.dumps((made_by, key, kept))
    file.write_bytes(sha256(body).digest() + body)

    assert "this is other" in af_db("local", "upgrade", cwd=project.root, url=database_url).err

    file.write_bytes(file.read_bytes()[:-1])
    assert "this is first" in af_db("local", "upgrade", cwd=project.root, url=database_url).err
    assert code_cache._place(key) == file
