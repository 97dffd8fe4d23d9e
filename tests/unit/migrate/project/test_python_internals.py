"""What af-db replaces inside of Python's library: the test fails by its name when Python changes it."""

import ctypes.util
import multiprocessing
import os
import platform
import uuid
from pathlib import Path
from typing import Any

import pytest

from agent_factory.migrate.project.python_internals import STARTS_BY_ITSELF, original, what_starts_programs


class _NotStartedError(Exception):
    pass


def test_what_starts_programs_is_looked_up_when_a_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(place: int) -> Any:
        def refuse_at(*arguments: Any) -> None:
            asked.append(os.fsdecode(arguments[1][0] if place == 0 else arguments[1]))
            raise _NotStartedError

        return refuse_at

    for place, (module, name) in enumerate(what_starts_programs()):
        assert callable(original(module, name))
        monkeypatch.setattr(module, name, refuse(place))

    with pytest.raises(_NotStartedError):
        multiprocessing.get_context("spawn").Process(target=print).start()
    with pytest.raises(_NotStartedError):
        os.spawnv(os.P_WAIT, "/bin/true", ["true"])  # noqa: S606 - it is not started

    assert [Path(path).name[:6] for path in asked[-2:]] == ["python", "true"]


def test_what_starts_programs_by_itself_is_where_python_has_it() -> None:
    found = {module.__file__ for module in (ctypes.util, platform, uuid)}

    assert found <= STARTS_BY_ITSELF
