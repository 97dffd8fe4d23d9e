"""The question before production is touched, on a real terminal and without one."""

import os
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from agent_factory.url import parse_url
from tests.commands import INSTALLED, bare_environment, run_process
from tests.projects import AlembicProject
from tests.terminal import TIMEOUT_S, run_on_terminal

ENTER = "\r"
END_OF_INPUT = "\x04"


def at(project: AlembicProject, url: str) -> str:
    return run_process("prod", "current", cwd=project.root, url=url).out.strip()


def test_without_a_terminal_and_without_yes_nothing_changes(
    project: AlembicProject, postgresql_url: str
) -> None:
    outcome = run_process("prod", "upgrade", cwd=project.root, url=postgresql_url)

    assert outcome.code == 4
    assert outcome.out == ""
    assert "af-db prod upgrade --yes" in outcome.err
    assert at(project, postgresql_url) == "(no revision)"


def test_yes_answers_the_question(project: AlembicProject, postgresql_url: str) -> None:
    outcome = run_process("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.out) == (0, "(no revision) -> 003 (head)\n")
    assert str(parse_url(postgresql_url)) in outcome.err
    assert "looks like a database on this machine" in outcome.err
    again = run_process("prod", "upgrade", cwd=project.root, url=postgresql_url)
    assert (again.code, again.out.startswith("nothing to do")) == (0, True)


@pytest.mark.parametrize(
    ("answer", "code", "after"),
    [
        pytest.param(f"y{ENTER}", 0, "003 (head)", id="yes"),
        pytest.param(f"n{ENTER}", 4, "(no revision)", id="no"),
        pytest.param(ENTER, 4, "(no revision)", id="the default is no"),
        pytest.param(END_OF_INPUT, 4, "(no revision)", id="end of input"),
        pytest.param("\x03", 130, "(no revision)", id="Ctrl-C"),
    ],
)
def test_an_upgrade_of_production_asks(
    project: AlembicProject, postgresql_url: str, answer: str, code: int, after: str
) -> None:
    outcome = run_on_terminal(
        *("prod", "upgrade"), cwd=project.root, url=postgresql_url, answers={"[y/n]": answer}
    )

    assert outcome.code == code, outcome.out
    plan, _question = outcome.out.split("[y/n]", 1)
    assert "003_step_003.py" in plan
    assert str(parse_url(postgresql_url)) in plan
    assert "warning" in plan
    assert at(project, postgresql_url) == after


def test_a_downgrade_of_production_wants_the_databases_name(
    project: AlembicProject, postgresql_url: str
) -> None:
    run_process("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)
    name = parse_url(postgresql_url).database
    for answer, code, after in (("y", 4, "003 (head)"), (name, 0, "002")):
        outcome = run_on_terminal(
            *("prod", "downgrade", "-1"),
            cwd=project.root,
            url=postgresql_url,
            answers={"to downgrade it": answer + ENTER},
        )

        assert outcome.code == code, outcome.out
        assert "can lose data" in outcome.out
        assert at(project, postgresql_url) == after


def test_keys_that_were_pressed_before_a_question_do_not_answer_it(
    project: AlembicProject, postgresql_url: str
) -> None:
    name = parse_url(postgresql_url).database
    upgrade = run_on_terminal(
        *("prod", "upgrade"),
        cwd=project.root,
        url=postgresql_url,
        typed_ahead=f"y{ENTER}y{ENTER}",
        answers={"[y/n]": f"n{ENTER}"},
    )
    assert (upgrade.code, at(project, postgresql_url)) == (4, "(no revision)"), upgrade.out
    run_process("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    downgrade = run_on_terminal(
        *("prod", "downgrade", "-1"),
        cwd=project.root,
        url=postgresql_url,
        typed_ahead=f"{name}{ENTER}",
        answers={"to downgrade it": f"no{ENTER}"},
    )

    assert (downgrade.code, at(project, postgresql_url)) == (4, "003 (head)"), downgrade.out


@pytest.mark.slow
def test_an_answer_that_is_none_is_asked_again_and_what_followed_it_is_no_answer(
    project: AlembicProject, postgresql_url: str
) -> None:
    outcome = run_on_terminal(
        *("prod", "upgrade"),
        cwd=project.root,
        url=postgresql_url,
        answers={"[y/n]": f"what?{ENTER}y{ENTER}", "enter Y or N": f"n{ENTER}"},
    )

    assert (outcome.code, at(project, postgresql_url)) == (4, "(no revision)"), outcome.out


def test_an_answer_that_is_no_text_is_asked_again(project: AlembicProject, postgresql_url: str) -> None:
    """A key that the terminal sends in another encoding than Python was told of is no reason to end."""
    outcome = run_on_terminal(
        *("prod", "upgrade"),
        cwd=project.root,
        url=postgresql_url,
        answers={"[y/n]": f"\u00e9{ENTER}", "Please enter": f"n{ENTER}"},
        environment={"PYTHONIOENCODING": "ascii"},
    )

    assert outcome.code == 4, outcome.out
    assert "declined" in outcome.out


def test_a_question_stands_alone_in_its_line(project: AlembicProject, postgresql_url: str) -> None:
    outcome = run_on_terminal(
        *("prod", "upgrade"),
        cwd=project.root,
        url=postgresql_url,
        answers={"[y/n]": f"n{ENTER}"},
        environment={"AF_DB_REHEARSAL": "true"},
    )

    (line,) = [line for line in outcome.out.splitlines() if "[y/n]" in line]
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line.rpartition("\x1b[2K")[2]).rpartition("\r")[2]
    assert shown.startswith("Run 3 revisions on "), outcome.out


def test_a_downgrade_with_yes_still_warns(project: AlembicProject, postgresql_url: str) -> None:
    run_process("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    outcome = run_process("prod", "downgrade", "--yes", "-1", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.out) == (0, "003 (head) -> 002\n")
    assert "can lose data" in outcome.err


def test_local_does_not_ask_on_this_machine(project: AlembicProject, postgresql_url: str) -> None:
    assert run_on_terminal("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0


@pytest.mark.parametrize("columns", [40, 200])
def test_the_plan_follows_the_width_of_the_terminal(
    project: AlembicProject, sqlite_url: str, columns: int
) -> None:
    project.add("004", "003", message="a long message " * 6, name="004_long.py")

    shown = run_on_terminal("local", "upgrade", cwd=project.root, url=sqlite_url, columns=columns).out

    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    table = plain.split("done", 1)[0]
    lines = [line for line in table.replace("\r", "\n").splitlines() if "sqlite:" not in line]
    assert max(len(line) for line in lines) <= columns


@pytest.mark.parametrize("variable", [{}, {"NO_COLOR": "1"}])
def test_colours_are_for_terminals_that_want_them(
    project: AlembicProject, sqlite_url: str, variable: dict[str, str]
) -> None:
    shown = run_on_terminal(*("local", "history"), cwd=project.root, url=sqlite_url, environment=variable).out

    assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)) is not bool(variable)
    assert "\x1b" not in run_process("local", "history", cwd=project.root, url=sqlite_url).out


def test_the_question_is_shown_again_when_the_command_goes_on_after_ctrl_z(
    project: AlembicProject, postgresql_url: str
) -> None:
    """The shell has written below it meanwhile."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen(
        [str(INSTALLED), "prod", "upgrade", "--no-rehearsal"],
        cwd=project.root,
        env=bare_environment(postgresql_url) | {"TERM": "xterm-256color"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    shown = b""

    def show_until(count: int) -> None:
        nonlocal shown
        deadline = time.monotonic() + TIMEOUT_S
        while shown.count(b"[y/n]") < count and time.monotonic() < deadline:
            if select.select([controller], [], [], 0.1)[0]:
                shown += os.read(controller, 65536)

    def read_until_it_waits() -> None:
        """A person takes longer to press Ctrl-Z than the command from the question to the wait for a key."""
        nonlocal shown
        while select.select([controller], [], [], 1.0)[0]:
            shown += os.read(controller, 65536)

    try:
        show_until(1)
        read_until_it_waits()
        process.send_signal(signal.SIGSTOP)  # what Ctrl-Z does, in a session without a shell
        process.send_signal(signal.SIGCONT)
        show_until(2)
        assert shown.count(b"[y/n]") == 2, shown
        assert process.poll() is None
        os.write(controller, b"n\r")
        assert process.wait(timeout=TIMEOUT_S) == 4
    finally:
        process.kill()
        os.close(controller)
    assert at(project, postgresql_url) == "(no revision)"
