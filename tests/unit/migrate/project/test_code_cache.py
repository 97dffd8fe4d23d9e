"""Code that is kept between commands: taken only for the bytes it was made of, and only from this user."""

import os
import stat
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType

import pytest

from agent_factory.migrate.project import code_cache
from agent_factory.migrate.project.code_cache import CodeCache
from agent_factory.migrate.project.importlib_internals import load_by
from agent_factory.migrate.project.loader import ProjectCode, execute_from_bytes
from agent_factory.migrate.project.own_folders import OwnFolders

KEY = "/project/alembic.ini"
PATH = "/project/versions/001.py"
SOURCE = b"SAID = 'text'\n"


def compiled(source: bytes = SOURCE, path: str = PATH) -> CodeType:
    return compile(source, path, "exec")


def kept(key: str = KEY, *others: tuple[str, bytes]) -> Path:
    """Keep the code of PATH and of further files, and return the cache's file."""
    cache = CodeCache(key)
    cache.add(PATH, SOURCE, compiled())
    for path, source in others:
        cache.add(path, source, compiled(source, path))
    cache.write()
    return code_cache._place(key)


def find(key: str = KEY, path: str = PATH, source: bytes = SOURCE) -> CodeType | None:
    return CodeCache(key).find(path, source)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return tmp_path / "cache" / "af-db" / "code"


def test_the_next_command_finds_what_was_kept() -> None:
    kept()

    assert find() == compiled()


@pytest.mark.parametrize(
    "other", [{"source": SOURCE + b" "}, {"source": b""}, {"path": f"{PATH}x"}, {"key": f"{KEY}x"}]
)
def test_it_is_bound_to_the_bytes_the_path_and_the_project(other: dict[str, str]) -> None:
    kept()

    assert find(**other) is None  # type: ignore[arg-type]


def test_another_projects_file_in_its_place_is_no_cache() -> None:
    other = kept("/other/alembic.ini")
    other.replace(code_cache._place(KEY))

    assert find() is None


def test_what_another_python_kept_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    kept()
    monkeypatch.setattr(code_cache, "_MADE_BY", "another")

    assert find() is None


def test_only_this_user_can_read_or_write_it(folder: Path) -> None:
    path = kept()

    modes = [stat.S_IMODE(at.stat().st_mode) for at in (folder.parent, folder, path)]
    assert modes == [0o700, 0o700, 0o600]


def _linked(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize(
    "open_up",
    [
        lambda path: path.chmod(0o640),
        lambda path: path.chmod(0o602),
        lambda path: path.parent.chmod(0o750),
        lambda path: path.parent.chmod(0o703),
        lambda path: os.link(path, path.with_name("again")),
        lambda path: _linked(path),
        lambda path: _linked(path.parent),
        lambda path: _pipe(path),
        lambda path: (path.unlink(), path.mkdir(0o700)),
    ],
)
def test_what_somebody_else_could_have_written_is_no_cache(open_up: Callable[[Path], object]) -> None:
    open_up(kept())

    assert find() is None


def test_what_is_of_another_user_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    kept()
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)

    assert find() is None


def test_nothing_is_written_where_somebody_else_can_write(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o770)

    kept()

    assert list(folder.iterdir()) == []


def test_a_damaged_file_is_no_cache_and_is_replaced() -> None:
    path = kept()
    whole = path.read_bytes()
    step = max(1, len(whole) // 100)
    damaged = [whole[:length] for length in range(0, len(whole), step)]
    damaged += [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(0, len(whole), step)]
    damaged += [whole + b"more", b"\0" * 1000]

    for data in damaged:
        path.write_bytes(data)
        assert find() is None

    kept()
    assert find() == compiled()


def test_where_python_is_to_write_no_bytecode_there_is_no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    path = kept()
    before = path.stat().st_mtime_ns
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert find() is None

    cache = CodeCache(KEY)
    cache.add(PATH, SOURCE, compiled())
    cache.write()
    assert path.stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for value in (str(tmp_path / "file"), "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", value)
        cache = CodeCache(KEY)
        cache.add(PATH, SOURCE, compiled())
        cache.write()

        assert find() is None


def test_what_was_not_used_goes_first_where_it_becomes_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    large = b"SAID = '" + b"x" * 10_000 + b"'"
    kept(KEY, ("/project/old.py", large))
    monkeypatch.setattr(code_cache, "AT_MOST_BYTES", 10_000)
    monkeypatch.setattr(code_cache, "_read_file", lambda key: code_cache._place(key).read_bytes())

    cache = CodeCache(KEY)
    cache.find(PATH, SOURCE)
    cache.add("/project/new.py", SOURCE, compiled(path="/project/new.py"))
    cache.write()
    assert [find(path=path) is not None for path in (PATH, "/project/new.py")] == [True, True]
    assert find(path="/project/old.py", source=large) is None

    before = code_cache._place(KEY).read_bytes()
    cache.add("/project/huge.py", large * 2, compiled(b"SAID = '" + b"y" * 20_000 + b"'"))
    cache.write()
    assert code_cache._place(KEY).read_bytes() == before


def test_of_many_projects_those_written_last_are_kept(folder: Path) -> None:
    for number in range(code_cache.PROJECTS + 3):
        path = kept(f"/{number}")
        os.utime(path, (number, number))

    assert len(list(folder.iterdir())) <= code_cache.PROJECTS
    assert find("/0") is None
    assert find(f"/{code_cache.PROJECTS + 2}") is not None


def test_nothing_is_written_where_nothing_was_compiled() -> None:
    path = kept()
    path.write_bytes(path.read_bytes())
    before = path.stat().st_mtime_ns

    cache = CodeCache(KEY)
    cache.find(PATH, SOURCE)
    cache.write()

    assert path.stat().st_mtime_ns == before


class _Changing(SourceFileLoader):
    """As libraries do that check types in what they load."""

    def source_to_code(self, data: bytes, path: str, **_options: int) -> CodeType:  # type: ignore[override]
        return compile(data.replace(b"text", b"more"), path, "exec")


def test_a_loader_that_compiles_by_itself_neither_keeps_nor_takes_code(tmp_path: Path) -> None:
    file = tmp_path / "module_of_code_cache.py"
    file.write_bytes(SOURCE)
    own = OwnFolders(tmp_path, ())
    try:
        for loader, said in ((_Changing, "more"), (SourceFileLoader, "text"), (_Changing, "more")):
            code = execute_from_bytes(own, is_sourceless=False, cache=CodeCache(KEY))
            space: dict[str, str] = {}
            exec(loader("module_of_code_cache", str(file)).get_code("module_of_code_cache"), space)  # type: ignore[arg-type]  # noqa: S102
            code.keep()
            assert space["SAID"] == said
    finally:
        load_by(ProjectCode(OwnFolders(tmp_path / "nowhere", ()), is_sourceless=False))
