"""Work in a process of its own: what comes back of it, and what does not."""

import multiprocessing
import os
import signal
import subprocess
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


PROGRAM = """
import threading
from agent_factory.migrate.project.pipe import call_apart
print("begun", flush=True)
enough = threading.Event()
threading.Thread(target=enough.wait).start()
try:
    print(call_apart(len, "four"))
finally:
    enough.set()
"""

OWN_KINDS = """
import enum
class Id(enum.StrEnum):
    FIFTH = "005"
class Text(str):
    def __str__(self):
        raise ValueError("no text")
class Size(float):
    pass
Count = enum.IntEnum("Count", {"SEVEN": 7})
def own_kinds():
    return [Id.FIFTH, Count.SEVEN, Text("text"), Size(1.5)]
"""


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


def leave_a_fork_and_end() -> None:
    if os.fork() == 0:
        time.sleep(600)
    os._exit(7)


def leave_a_fork_that_prints() -> str:
    if os.fork() == 0:
        while True:
            os.write(1, b"again and again\n")
    return "done"


def wait_for_all_children() -> int:
    if os.fork() == 0:
        os._exit(0)
    waited = 0
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return waited
        waited += 1


def use_a_pool() -> int:
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return sum(pool.map(abs, [-1, 2]))


def register_in_a_fork() -> int:
    child = os.fork()
    if child == 0:
        doing("something else")
        register_secret("hunter3hunter3")
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def print_to_what_python_began_with() -> None:
    print("to stdout", file=sys.__stdout__)


def show_progress(shown: Path) -> bool:
    """Return whether a line that only a carriage return has ended was seen before the end."""
    os.write(2, b"1 of 2\r2 of 2")
    deadline = time.monotonic() + 10
    while not shown.stat().st_size and time.monotonic() < deadline:
        time.sleep(0.02)
    return shown.stat().st_size > 0


def close_all_descriptors() -> None:
    os.closerange(3, 256)
    time.sleep(600)


def make_of_a_module_of_its_own(folder: str, name: str = "Thing") -> object:
    sys.path.insert(0, folder)
    import only_there  # type: ignore[import-not-found]

    return getattr(only_there, name)()


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
        pytest.param(
            40,
            "was ended by signal 40",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="as Linux numbers them"),
        ),
    ],
)
def test_a_process_that_ends_by_itself_is_told_with_what_it_was_doing(number: int, how: str) -> None:
    if number == 40 and sys.platform != "linux":
        pytest.skip("other systems have no such signal")
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


def test_a_bar_of_progress_is_shown_while_it_moves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "shown").open("w", newline="") as shown:
        monkeypatch.setattr(sys, "stderr", shown)
        assert call_apart(show_progress, tmp_path / "shown")

    assert (tmp_path / "shown").read_bytes() == b"1 of 2\r2 of 2"


def test_its_end_is_not_waited_for() -> None:
    """As long as a process may take that does not end by itself."""
    call_apart(add, 1, other=2)
    began = time.monotonic()

    for _ in range(5):
        call_apart(add, 1, other=2)

    assert time.monotonic() - began < 5 * 0.6


def test_it_answers_where_nobody_asks_how_children_end() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        assert call_apart(add, 1, other=2)[0] == 3
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_it_has_no_input() -> None:
    assert call_apart(read_input) == "False"


@pytest.mark.parametrize(
    ("work", "how"),
    [(leave_a_fork_and_end, "exit code 7"), (close_all_descriptors, "closed what it answers by")],
    ids=["which leaves a fork", "which closes everything"],
)
def test_its_end_is_told_at_once(work: Callable[[], None], how: str) -> None:
    began = time.monotonic()

    with pytest.raises(RefusedError, match=how):
        call_apart(work)

    assert time.monotonic() - began < 10


def test_a_fork_that_prints_on_holds_up_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert call_apart(leave_a_fork_that_prints) == "done"


def test_a_fork_speaks_to_nobody() -> None:
    assert call_apart(register_in_a_fork) == 0
    assert redact("hunter3hunter3") == "hunter3hunter3"


def test_its_children_are_the_works_own() -> None:
    assert call_apart(wait_for_all_children) == 1


def test_a_pool_of_its_own_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    assert call_apart(use_a_pool) == 3

    assert capfd.readouterr().err == ""


def test_what_is_printed_to_the_first_stdout_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    call_apart(print_to_what_python_began_with)

    assert capfd.readouterr().err == "to stdout\n"


def test_the_program_that_calls_is_not_executed_again(tmp_path: Path) -> None:
    """With a thread, where Python's own way would do that, and without asking for its name."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    done = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, timeout=60)

    assert (done.stdout, done.stderr) == ("begun\n4\n", "")


def test_texts_and_numbers_of_its_own_kinds_come_back_as_plain_ones(tmp_path: Path) -> None:
    (tmp_path / "only_there.py").write_text(OWN_KINDS)

    result = call_apart(make_of_a_module_of_its_own, str(tmp_path), "own_kinds")

    assert repr(result) == "['005', 7, 'text', 1.5]"


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
