"""Work with project code in a process of its own, so that what that code does there reaches no run.

The process is a copy of this one where that is safe, else a new one. It has a session of its own, so the
keys of a terminal are this process's alone, no input, and ends when this process ends. What it prints comes
here line by line, and leaves without secrets.
"""

import contextlib
import io
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import NoReturn, TypeVar, cast

from agent_factory.migrate.model.errors import UNCHANGED, MigrationError, RefusedError
from agent_factory.redaction import learn_secrets, on_new_secret, redact, secrets_known

_GRACE_S = 0.6
"""How long the process may take to remove its servers and folders before it is killed."""
_OWN = "agent_factory.migrate."

_loaded: frozenset[str] = frozenset()
"""The modules of the process that waits. Of no other, but af-db's own, may anything come out of the pipe: it
would be imported there."""

T = TypeVar("T")
_End = Connection


@dataclass(frozen=True, slots=True)
class _Returned:
    value: object


@dataclass(frozen=True, slots=True)
class _Raised:
    """``error`` is None for a bug, of which only the text can be handed on."""

    error: MigrationError | None
    trace: str


@dataclass(frozen=True, slots=True)
class _Called:
    """The work calls a function that was among its arguments."""

    number: int
    arguments: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Doing:
    what: str


@dataclass(frozen=True, slots=True)
class _Learnt:
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Function:
    """Stands for an argument that is a function: it is called in the process that waits."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ends:
    """One process's ends of three pipes: messages, what is printed, and one that closes with a process."""

    messages: _End
    output: _End
    life: _End

    def close(self) -> None:
        for end in (self.messages, self.output, self.life):
            end.close()


class BrokenApartError(Exception):
    """A bug that showed in the other process; the message is the traceback from there."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if module not in _loaded and not module.startswith(_OWN):
            raise pickle.UnpicklingError(f"{module}.{name} is no data of af-db's")
        return super().find_class(module, name)


def call_apart(work: Callable[..., T], *arguments: object, **options: object) -> T:
    """Return what ``work`` returns in a process of its own, or raise what it raises there.

    The arguments and the result are data; an argument that is a function is called here, with data, and its
    answer goes back. Raises RefusedError when the process ends without an answer.
    """
    global _loaded
    _loaded = frozenset(sys.modules)
    functions: list[Callable[..., object]] = []
    given = tuple(_without_function(argument, functions) for argument in arguments)
    named = {name: _without_function(option, functions) for name, option in options.items()}
    # A fork copies one thread only: what another one holds locked would stay locked.
    is_copied = sys.platform == "linux" and threading.active_count() == 1
    start = multiprocessing.get_context("fork") if is_copied else multiprocessing.get_context("spawn")
    here, there = _pipes()
    process = start.Process(
        target=_answer,
        args=(there, here if is_copied else None, _loaded, secrets_known(), work, given, named),
    )
    _flush()
    process.start()
    there.close()
    try:
        return cast(T, _hear(process, here, functions))
    finally:
        _end(process)
        here.close()


def doing(what: str) -> None:
    """Take note of what this process begins to do, for the message if it ends there."""
    if _tell is not None:
        _tell(_Doing(what))


_tell: Callable[[object], None] | None = None
"""What sends a message to the process that waits; None in a process for which nobody waits."""


def _without_function(argument: object, functions: list[Callable[..., object]]) -> object:
    if not callable(argument) or isinstance(argument, type):
        return argument
    functions.append(argument)
    return _Function(len(functions) - 1)


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
        message = _receive(ends.messages) if ends.messages.poll() else None
        if isinstance(message, _Doing):
            last = message.what
        elif isinstance(message, _Learnt):
            learn_secrets(message.secrets)
        elif isinstance(message, _Called):
            _send(ends.messages, _result_of(functions[message.number], message.arguments, {}))
        else:
            printed.finish()
            if isinstance(message, _Returned):
                return message.value
            if isinstance(message, _Raised):
                raise message.error or BrokenApartError(message.trace)
            process.join(_GRACE_S)
            raise _died(process.exitcode, last)


class _Printed:
    """What the other process prints, handed on line by line."""

    def __init__(self, output: _End) -> None:
        self.more = [output]
        self._rest = b""

    def pass_on(self) -> None:
        for output in self.more:
            read = os.read(output.fileno(), 65_536)
            if not read:
                self.more = []
            whole, newline, self._rest = (self._rest + read).rpartition(b"\n")
            self._print(whole + newline)

    def finish(self) -> None:
        """Hand on what is left; whatever of the other process still lives may print no more."""
        while self.more and self.more[0].poll():
            self.pass_on()
        self._print(self._rest)

    def _print(self, printed: bytes) -> None:
        if printed and sys.stderr is not None:
            with contextlib.suppress(OSError):  # its reader has left
                sys.stderr.write(redact(printed.decode(errors="backslashreplace")))
                sys.stderr.flush()


def _died(code: int | None, last: str) -> RefusedError:
    is_signalled = code is not None and code < 0
    how = (
        f"was ended by {signal.Signals(-code).name}" if code and code < 0 else f"ended with exit code {code}"
    )
    return RefusedError(
        "project-code-ended",
        f"the project's code has ended the process in which it was only tried: it {how}"
        + (f", in {last}" if last else ""),
        state=UNCHANGED,
        next_steps=(
            "does it take too much memory, or crash in a library?"
            if is_signalled
            else "look there for what ends a process, such as os._exit()",
        ),
    )


def _end(process: BaseProcess) -> None:
    """Have the process be gone, and whatever of its session is left."""
    if process.pid is None:
        return
    if process.exitcode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)
    process.join(_GRACE_S)
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
    global _loaded, _tell
    _loaded = loaded
    if others is not None:
        others.close()
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    threading.Thread(target=_end_with, args=(ends.life,), daemon=True).start()
    _print_into(ends.output)
    learn_secrets(secrets)
    sending = threading.Lock()

    def tell(message: object) -> None:
        with sending:
            _send(ends.messages, message)

    def filled(argument: object) -> object:
        return _calling(argument, tell, ends.messages) if isinstance(argument, _Function) else argument

    _tell = tell
    on_new_secret(lambda new: tell(_Learnt(new)))
    code = 0
    try:
        result = _result_of(
            work,
            [filled(argument) for argument in arguments],
            {name: filled(option) for name, option in options.items()},
        )
        _flush()
        tell(result)
    except (KeyboardInterrupt, ConnectionError):
        code = 1  # nobody waits any more
    os._exit(code)  # without what project code has registered for the end, and without its threads


def _calling(function: _Function, tell: Callable[[object], None], messages: _End) -> Callable[..., object]:
    def call(*given: object) -> object:
        tell(_Called(function.number, given))
        answer = _receive(messages)
        if isinstance(answer, _Raised):
            raise answer.error or BrokenApartError(answer.trace)
        return cast(_Returned, answer).value

    return call


def _print_into(output: _End) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, source in ((0, nothing), (1, output.fileno()), (2, output.fileno())):
        os.dup2(source, number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - it lasts as the process
    sys.stdout = sys.stderr = open(  # noqa: SIM115
        2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )


def _end_with(life: _End) -> None:
    """Wait until the other process is gone, which never writes; then end this one, and what it started."""
    with contextlib.suppress(OSError):
        os.read(life.fileno(), 1)
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait(_GRACE_S)
    os.killpg(0, signal.SIGKILL)


# In both


def _result_of(
    function: Callable[..., object], arguments: Sequence[object], options: Mapping[str, object]
) -> _Returned | _Raised:
    try:
        return _Returned(function(*arguments, **options))
    except MigrationError as error:
        return _Raised(error, "")
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001 - it is shown by the other process
        return _Raised(None, traceback.format_exc())


def _send(end: _End, message: object) -> None:
    try:
        packed = pickle.dumps(message)
        _unpacked(packed)
    except (pickle.PickleError, TypeError, AttributeError):
        packed = pickle.dumps(_Raised(None, traceback.format_exc()))
    end.send_bytes(packed)


def _receive(end: _End) -> object:
    """Return the next message; None where none can come any more."""
    try:
        return _unpacked(end.recv_bytes())
    except (EOFError, ConnectionError):
        return None


def _unpacked(packed: bytes) -> object:
    return _Unpickler(io.BytesIO(packed)).load()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
