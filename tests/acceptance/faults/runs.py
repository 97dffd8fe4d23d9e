"""``af-db`` in the background: its events as they happen, signals to it, and how it ended."""

import contextlib
import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from tests.acceptance.faults.waiting import DEFAULT_TIMEOUT_S
from tests.commands import Outcome, start_process
from tests.projects import AlembicProject
from tests.warm import WarmProcess

Event = dict[str, Any]

END_TIMEOUT_S = 30.0
LOOK_EVERY_S = 0.2
"""How soon the end of a run is noticed; what it says is noticed at once."""

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a run ended, what it said, and the events on the way."""

    outcome: Outcome
    events: tuple[Event, ...]

    @property
    def code(self) -> int:
        return self.outcome.code

    @property
    def document(self) -> dict[str, Any]:
        return self.outcome.document

    @property
    def error(self) -> dict[str, Any]:
        return self.outcome.error

    @property
    def applied(self) -> list[str]:
        """The revisions that this run itself applied, when it ended well."""
        return [item["revision"] for item in self.document["applied"]]

    @property
    def revisions(self) -> dict[str, str]:
        """The outcome of each planned revision, as the error tells it."""
        return {item["revision"]: item["outcome"] for item in self.error["revisions"]}

    def all(self, name: str) -> list[Event]:
        return [event for event in self.events if event["event"] == name]

    def warnings(self, code: str) -> list[str]:
        return [event["message"] for event in self.all("warning") if event["code"] == code]


@dataclass(slots=True, kw_only=True)
class Run:
    """A run that is going on."""

    process: "subprocess.Popen[str] | WarmProcess"
    _events: list[Event] = field(default_factory=list)
    _out: list[str] = field(default_factory=list)
    _err: list[str] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for stream, keep in ((self.process.stdout, self._keep_out), (self.process.stderr, self._keep_err)):
            assert stream is not None
            reader = threading.Thread(target=self._read, args=(stream, keep), daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait_for(
        self,
        name: str,
        matches: Callable[[Event], bool] = lambda _event: True,
        *,
        count: int = 1,
        timeout_s: float = DEFAULT_TIMEOUT_S,
    ) -> Event:
        """Wait until ``count`` such events have been told; return the last of them."""

        def look() -> Event | None:
            found = [event for event in self._events if event["event"] == name and matches(event)]
            return found[count - 1] if len(found) >= count else None

        return self._wait_until(look, f"{count} x {name}", timeout_s)

    def wait_for_statement(self, part: str, *, count: int = 1) -> Event:
        """Wait until a statement that holds these words is about to run."""
        return self.wait_for(
            "statement-started", lambda event: part.lower() in event["sql"].lower(), count=count
        )

    def wait_for_words(self, words: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        """Wait until these words have been said, on either stream."""

        def look() -> bool:
            return any(words in line for line in (*self._out, *self._err))

        self._wait_until(look, words, timeout_s)

    @property
    def has_answered(self) -> bool:
        """Whether it has begun to print its result, or has ended."""
        return bool(self._out) or self.process.poll() is not None

    def send(self, number: signal.Signals) -> float:
        """Send a signal; return when that was."""
        self.process.send_signal(number)
        return time.monotonic()

    def kill(self) -> None:
        """End it as the machine's last resort does, and wait until it is gone."""
        self.process.kill()
        self.process.wait(END_TIMEOUT_S)

    def end(self, *, timeout_s: float = END_TIMEOUT_S) -> Ended:
        """Wait for the end and return all that was said."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {timeout_s:g} s\n{self._said()}") from None
        for reader in self._readers:
            reader.join(timeout_s)
        outcome = Outcome(code=code, out="".join(self._out), err="".join(self._err))
        return Ended(outcome=outcome, events=tuple(self._events))

    def _wait_until(self, look: Callable[[], Found | None], what: str, timeout_s: float) -> Found:
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                has_ended = not any(reader.is_alive() for reader in self._readers)
                found = look()
                if found:
                    return found
                if has_ended or time.monotonic() > deadline:
                    raise AssertionError(f"waited {timeout_s:g} s in vain: {what}\n{self._said()}")
                self._changed.wait(LOOK_EVERY_S)

    def _read(self, stream: IO[str], keep: Callable[[str], None]) -> None:
        for line in stream:
            with self._changed:
                keep(line)
                self._changed.notify_all()
        stream.close()

    def _keep_out(self, line: str) -> None:
        self._out.append(line)

    def _keep_err(self, line: str) -> None:
        self._err.append(line)
        if line.startswith("{"):
            event = json.loads(line)
            assert {"event", "at"} <= event.keys(), line
            self._events.append(event)

    def _said(self) -> str:
        return f"exit code {self.process.poll()}\n{''.join(self._out)}\n{''.join(self._err)}"


@contextlib.contextmanager
def running(
    *arguments: str, cwd: Path, url: str, environment: Mapping[str, str] | None = None
) -> Iterator[Run]:
    """Start the command; whatever is left of it at the end of the block is killed."""
    process = start_process(*arguments, cwd=cwd, url=url, environment=environment)
    run = Run(process=process)
    try:
        yield run
    finally:
        run.process.kill()
        run.process.wait(END_TIMEOUT_S)
        for reader in run._readers:
            reader.join(END_TIMEOUT_S)


def migrating(
    project: AlembicProject,
    url: str,
    *options: str,
    command: str = "prod upgrade",
    environment: Mapping[str, str] | None = None,
) -> contextlib.AbstractContextManager[Run]:
    """Start an upgrade (or another command) of the project that tells its events as JSON."""
    sayings = ("--yes",) if command.startswith("prod") else ()
    return running(
        *command.split(),
        *sayings,
        *("--json", "--progress", "json"),
        *options,
        cwd=project.root,
        url=url,
        environment=environment,
    )


def migrate(
    project: AlembicProject,
    url: str,
    *options: str,
    command: str = "prod upgrade",
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run one from its beginning to its end."""
    with migrating(project, url, *options, command=command, environment=environment) as run:
        return run.end()
