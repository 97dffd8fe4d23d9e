"""Work in a process of its own: what comes back of it, and what does not."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent_factory.migrate.model.errors import RefusedError, UsageError
from agent_factory.migrate.project.pipe import BrokenApartError, call_apart, doing
from agent_factory.redaction import MASK, redact, register_secret
from tests.processes import HAS_PROC, command_lines


@pytest.fixture(params=["copied", "new"])
def start(request: pytest.FixtureRequest) -> Iterator[str]:
    """As it is where this process has one thread, and where it has several."""
    if request.param == "copied":
        yield request.param
        return
    enough = threading.Event()
    other = threading.Thread(target=enough.wait)
    other.start()
    yield request.param
    enough.set()
    other.join()


def add(one: int, *, other: int) -> tuple[int, int]:
    return one + other, os.getpid()


def refuse() -> None:
    raise RefusedError(
        "no-way", "there is no way", state="unchanged", next_steps=("go back",), file=Path("a.py"), line=3
    )


def ask(question: Callable[[str, int], int]) -> int:
    return question("how many", 3) + 1


def ask_until_refused(question: Callable[[], None]) -> str:
    try:
        question()
    except UsageError as error:
        return error.code
    return "not refused"


def fail() -> None:
    raise ValueError("of the work")


def end_by(number: int) -> None:
    doing("revision 003")
    if number:
        os.kill(os.getpid(), number)
    os._exit(7)


def print_and_register() -> None:
    register_secret("hunter2hunter2")
    os.write(1, b"one hunter2")
    os.write(2, b"hunter2\nand no line's end")


def read_input() -> str:
    return sys.stdin.read() + str(os.isatty(0))


def leave_threads_and_programs() -> int:
    threading.Thread(target=time.sleep, args=(600,)).start()
    child = os.fork()
    if child == 0:
        time.sleep(600)
    return child


def make_of_a_module_of_its_own(folder: str) -> object:
    sys.path.insert(0, folder)
    import only_there  # type: ignore[import-not-found]

    return only_there.Thing()


def test_the_result_comes_back_and_it_was_another_process(start: str) -> None:
    result, process = call_apart(add, 1, other=2)

    assert result == 3
    assert process != os.getpid()


def test_an_error_comes_back_whole() -> None:
    with pytest.raises(RefusedError, match="there is no way") as raised:
        call_apart(refuse)

    error = raised.value
    assert (error.code, error.state, error.next_steps) == ("no-way", "unchanged", ("go back",))
    assert (error.file, error.line) == (Path("a.py"), 3)


def test_a_function_among_the_arguments_is_called_here(start: str) -> None:
    asked: list[tuple[str, int, int]] = []

    def question(what: str, number: int) -> int:
        asked.append((what, number, os.getpid()))
        return 41

    assert call_apart(ask, question) == 42
    assert asked == [("how many", 3, os.getpid())]


def test_what_the_function_raises_is_raised_in_the_work() -> None:
    def question() -> None:
        raise UsageError("asked", "not like this")

    assert call_apart(ask_until_refused, question) == "asked"


def test_a_bug_there_is_a_bug_here_with_its_traceback() -> None:
    with pytest.raises(BrokenApartError, match=r"(?s)Traceback.*in fail.*ValueError: of the work"):
        call_apart(fail)


@pytest.mark.parametrize(
    ("number", "how"),
    [
        (0, "ended with exit code 7"),
        (signal.SIGKILL, "was ended by SIGKILL"),
    ],
)
def test_a_process_that_ends_by_itself_is_told_with_what_it_was_doing(number: int, how: str) -> None:
    with pytest.raises(RefusedError, match=f"{how}, in revision 003") as raised:
        call_apart(end_by, int(number))

    assert (raised.value.code, raised.value.state) == ("project-code-ended", "unchanged")


def test_what_it_prints_is_shown_without_the_secrets_that_it_has_registered(
    capfd: pytest.CaptureFixture[str],
) -> None:
    call_apart(print_and_register)

    out, err = capfd.readouterr()
    assert (out, err) == ("", f"one {MASK}\nand no line's end")
    assert redact("hunter2hunter2") == MASK


def test_it_has_no_input() -> None:
    assert call_apart(read_input) == "False"


@pytest.mark.skipif(not HAS_PROC, reason="no list of processes")
def test_its_threads_and_the_processes_that_it_has_begun_end_with_it() -> None:
    child = call_apart(leave_threads_and_programs)

    deadline = time.monotonic() + 5
    while child in command_lines() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert child not in command_lines()


def test_no_module_of_the_work_is_imported_here(tmp_path: Path) -> None:
    (tmp_path / "only_there.py").write_text("class Thing:\n    pass\n")

    with pytest.raises(BrokenApartError, match=r"only_there\.Thing is no data"):
        call_apart(make_of_a_module_of_its_own, str(tmp_path))

    assert "only_there" not in sys.modules
