"""Work with project code in a process of its own, so that what that code does there reaches no run.

The process is a copy of this one where that is safe, else a new one. It has a session of its own, so the
keys of a terminal are this process's alone, no input, and ends when this process ends. What it prints comes
here line by line, and leaves without secrets.
"""

import contextlib
import functools
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NoReturn, TypeVar, cast

from agent_factory.migrate.model.errors import UNCHANGED, MigrationError, RefusedError
from agent_factory.migrate.project.interruptions import interrupt, is_interruption
from agent_factory.migrate.project.messages import (
    Called,
    Doing,
    Function,
    Learnt,
    Raised,
    Returned,
    may_hold,
    receive,
    send,
)
from agent_factory.migrate.project.output import RedactedStream
from agent_factory.migrate.project.python_internals import program_not_imported
from agent_factory.redaction import learn_secrets, on_new_secret, secrets_known

_GRACE_S = 0.6
"""How long the process may take to remove its servers and folders before it is killed."""
_ALL = 1 << 20
"""One read of this many bytes takes all that a pipe holds."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """One process's ends of three pipes: messages, what is printed, and one that closes with a process."""

    messages: Connection
    output: Connection
    life: Connection

    def close(self) -> None:
        for end in (self.messages, self.output, self.life):
            end.close()


class BrokenApartError(Exception):
    """A bug that showed in the other process; the message is the traceback from there."""


def call_apart(work: Callable[..., T], *arguments: object, **options: object) -> T:
    """Return what ``work`` returns in a process of its own, or raise what it raises there.

    The arguments and the result are data; an argument that is a function is called here, with data, and its
    answer goes back. Raises RefusedError when the process ends without an answer.
    """
    loaded = frozenset(sys.modules)
    may_hold(loaded)
    functions: list[Callable[..., object]] = []
    given = tuple(_without_function(argument, functions) for argument in arguments)
    named = {name: _without_function(option, functions) for name, option in options.items()}
    # A fork copies one thread only: what another one holds locked would stay locked.
    is_copied = sys.platform == "linux" and threading.active_count() == 1
    start = multiprocessing.get_context("fork") if is_copied else multiprocessing.get_context("spawn")
    here, there = _pipes()
    process = start.Process(
        target=_answer,
        args=(there, here if is_copied else None, loaded, secrets_known(), work, given, named),
    )
    _flush()
    try:
        with program_not_imported():
            process.start()
        there.close()
        return cast(T, _hear(process, here, functions))
    finally:
        _end(process)
        here.close()


def doing(what: str) -> None:
    """Take note of what this process begins to do, for the message if it ends there."""
    _say(Doing(what))


def _say(message: object) -> None:
    if _tell is not None:
        _tell(message)


_tell: Callable[[object], None] | None = None
"""What sends a message to the process that waits; None in a process for which nobody waits."""


def _without_function(argument: object, functions: list[Callable[..., object]]) -> object:
    if not callable(argument) or isinstance(argument, type):
        return argument
    functions.append(argument)
    return Function(len(functions) - 1)


def _pipes() -> tuple[_Ends, _Ends]:
    messages_here, messages_there = multiprocessing.Pipe()
    output_here, output_there = multiprocessing.Pipe(duplex=False)
    life_there, life_here = multiprocessing.Pipe(duplex=False)
    return (
        _Ends(messages=messages_here, output=output_here, life=life_here),
        _Ends(messages=messages_there, output=output_there, life=life_there),
    )


# In the process that waits


def _hear(process: BaseProcess, ends: _Ends, functions: Sequence[Callable[..., object]]) -> object:
    printed = _Printed(ends.output)
    last = ""
    while True:
        ready = wait([ends.messages, process.sentinel, *printed.more])
        if ends.messages not in ready and process.sentinel not in ready:
            printed.pass_on()
            continue
        # Before what is printed: a secret is announced before it can be.
        message = receive(ends.messages) if ends.messages.poll() else None
        if isinstance(message, Doing):
            last = message.what
        elif isinstance(message, Learnt):
            learn_secrets(message.secrets)
        elif isinstance(message, Called):
            send(ends.messages, _result_of(functions[message.number], message.arguments, {}))
        else:
            printed.finish()
            if isinstance(message, Returned):
                return message.value
            if isinstance(message, Raised):
                raise message.error or BrokenApartError(message.trace)
            _wait_for(process)
            raise _died(process.exitcode, last)


class _Printed:
    """What the other process prints, handed on line by line."""

    def __init__(self, output: Connection) -> None:
        self.more = [output]
        self._stream = RedactedStream(sys.stderr)

    def pass_on(self) -> None:
        for output in self.more:
            read = os.read(output.fileno(), _ALL)
            if not read:
                self.more = []
            self._stream.buffer.write(read)

    def finish(self) -> None:
        """Hand on what is left; what else of the other process's still lives may print no more."""
        if self.more and self.more[0].poll():
            self.pass_on()
        self._stream.finish()


def _died(code: int | None, last: str) -> RefusedError:
    """``code`` is None where the process lives, and cannot say anything any more."""
    advice = "look there for what ends a process, such as os._exit()"
    if code is None:
        how, advice = "closed what it answers by", "look there for what closes files, such as os.closerange()"
    elif code < 0:
        how = f"was ended by {_signal_name(-code)}"
        advice = "does it take too much memory, or crash in a library?"
    else:
        how = f"ended with exit code {code}"
    return RefusedError(
        "project-code-ended",
        f"the project's code has ended the process in which it was only tried: it {how}"
        + (f", in {last}" if last else ""),
        state=UNCHANGED,
        next_steps=(advice,),
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        return f"signal {number}"


def _wait_for(process: BaseProcess) -> None:
    """Give the process its time to end. The kernel is asked: a pipe would be its forks' too."""
    until = time.monotonic() + _GRACE_S
    while process.exitcode is None and time.monotonic() < until:
        time.sleep(0.002)


def _end(process: BaseProcess) -> None:
    """Have the process be gone, and whatever of its session is left."""
    if process.pid is None:
        return
    try:
        if process.exitcode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)
        _wait_for(process)
    finally:  # a second Ctrl-C does not wait
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.join()


# In the process that works


def _answer(
    ends: _Ends,
    others: _Ends | None,
    loaded: frozenset[str],
    secrets: tuple[str, ...],
    work: Callable[..., object],
    arguments: Sequence[object],
    options: Mapping[str, object],
) -> NoReturn:
    global _tell
    may_hold(loaded)
    if others is not None:
        others.close()
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    _print_into(ends.output)
    _end_with(ends)
    learn_secrets(secrets)
    sending = threading.Lock()

    def tell(message: object) -> None:
        with sending:
            send(ends.messages, message)

    def filled(argument: object) -> object:
        return _calling(argument, tell, ends.messages) if isinstance(argument, Function) else argument

    _tell = tell
    on_new_secret(lambda new: _say(Learnt(new)))
    os.register_at_fork(after_in_child=functools.partial(_leave, ends))
    code = 0
    try:
        result = _result_of(
            work,
            [filled(argument) for argument in arguments],
            {name: filled(option) for name, option in options.items()},
        )
        _flush()
        tell(result)
    except (KeyboardInterrupt, OSError):
        code = 1  # nobody waits any more
    os._exit(code)  # without what project code has registered for the end, and without its threads


def _calling(
    function: Function, tell: Callable[[object], None], messages: Connection
) -> Callable[..., object]:
    def call(*given: object) -> object:
        tell(Called(function.number, given))
        answer = receive(messages)
        if isinstance(answer, Raised):
            raise answer.error or BrokenApartError(answer.trace)
        return cast(Returned, answer).value

    return call


def _print_into(output: Connection) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, source in ((0, nothing), (1, output.fileno()), (2, output.fileno())):
        os.dup2(source, number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it lasts as the process
    sys.stdout = sys.stderr = open(  # noqa: SIM115
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _leave(ends: _Ends) -> None:
    """Have a fork of this process say nothing in its place: messages end where this process does."""
    global _tell
    _tell = None
    ends.messages.close()
    if signal.getsignal(signal.SIGTERM) is interrupt:  # as a pool ends its workers
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_with(ends: _Ends) -> None:
    """Have this process, and what it starts, end when the other one is gone, which never writes to ``life``.

    A third process of this session waits for that. A thread could not: C code may keep Python from running
    one, and nothing runs in a process that is stopped. It is no child of this one, whose children are the
    project's alone: os.wait() would find it.
    """
    here = os.getpid()
    between = os.fork()
    if between:
        with contextlib.suppress(ChildProcessError):  # where SIGCHLD is ignored
            os.waitpid(between, 0)
        return
    if os.fork() == 0:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.dup2(ends.life.fileno(), 0)
        os.closerange(1, 1 << 16)  # what tells others of this process's end, and is for none of them
        with contextlib.suppress(OSError):
            os.read(0, 1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(here, signal.SIGINT)
        time.sleep(_GRACE_S)
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


# In both


def _result_of(
    function: Callable[..., object], arguments: Sequence[object], options: Mapping[str, object]
) -> Returned | Raised:
    try:
        return Returned(function(*arguments, **options))
    except MigrationError as error:
        return Raised(error, "")
    except BaseException as error:
        if is_interruption(error):
            raise
        return Raised(None, traceback.format_exc())


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()  # type: ignore[union-attr]  # None where it was closed
