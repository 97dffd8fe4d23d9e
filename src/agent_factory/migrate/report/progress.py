"""What a run is at, as it goes on: a moving line on a terminal, one plain line per event elsewhere."""

import re
import time

from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.events import (
    Event,
    LockWait,
    Progress,
    Retrying,
    RevisionApplied,
    RevisionStarted,
    RunStarted,
    ServerNotice,
    StatementStarted,
    WaitingForRun,
    Warned,
)
from agent_factory.migrate.report.screen import Screen, clean, warning_line
from agent_factory.redaction import redact

SHOWN_SQL = 120

_LOOKS = re.compile(r"\bpg_catalog\.|\bsqlite_master\b|^\s*PRAGMA\b", re.IGNORECASE)
"""What SQLAlchemy asks before it acts; it would bury what changes something."""


LONG_S = 1.0
"""How long a statement takes that a short log names, once it has ended or something is said of it."""


class ProgressLines:
    """The events of one run on a screen; ``live``: it is a terminal, which can show a line that moves.

    ``short``: of the statements, only those have a line that take long or that something happens to.
    """

    def __init__(self, screen: Screen, *, live: bool, short: bool = False) -> None:
        self._screen = screen
        self._live = live
        self._short = short
        self._sent: tuple[str, float] | None = None
        self._revision = ""
        self._said: set[str] = set()

    def show(self, event: Event) -> None:
        """Print what has happened."""
        if isinstance(event, StatementStarted) and _LOOKS.search(event.sql):
            return
        if isinstance(event, ServerNotice):
            said = clean(_text(event), values=self._screen.shows_values)
            if said in self._said:  # those whose values are hidden look the same
                return
            self._said.add(said)
        if not self._live and self._short and self._holds_back(event):
            return
        if not self._live:
            self._screen.line((f"{time.strftime('%H:%M:%S')} {_text(event)}", ""))
        elif isinstance(event, Warned):
            self._screen.line(*warning_line(event.message))
        elif isinstance(event, ServerNotice):
            self._screen.line(
                (f"{event.severity.lower()}: ", "dim"), (f"{event.revision}: {event.message}", "")
            )
        elif isinstance(event, RevisionApplied):
            self._screen.stop()
            seconds = show_duration(event.seconds)
            self._screen.line(("done ", "green"), (_counted(event), ""), (f"  {seconds}", "dim"))
        elif isinstance(event, Retrying):
            self._screen.line((_text(event), "yellow"))
        elif isinstance(event, RevisionStarted):
            self._revision = _counted(event)
            self._screen.move(self._revision)
        elif not isinstance(event, RunStarted):
            text = _text(event)
            self._screen.move(f"{self._revision}  {text}" if self._revision else text)

    def _holds_back(self, event: Event) -> bool:
        """Keep a statement until it is known to be worth a line; print the one that was kept, if it is."""
        sent, self._sent = self._sent, None
        now = time.monotonic()
        if sent is not None and (
            now - sent[1] >= LONG_S or isinstance(event, LockWait | Progress | Retrying)
        ):
            self._screen.line((sent[0], ""))
        if not isinstance(event, StatementStarted):
            return False
        self._sent = (f"{time.strftime('%H:%M:%S')} {_text(event)}", now)
        return True


def _text(event: Event) -> str:
    match event:
        case StatementStarted():
            return f"sql      {_shortened(event.sql)}"
        case RevisionStarted():
            return f"running  {_counted(event)}"
        case RevisionApplied():
            return f"done     {_counted(event)} ({event.seconds:.2f} s)"
        case RunStarted():
            return f"run      {event.run_id}" + (f", server process {event.pid}" if event.pid else "")
        case WaitingForRun():
            return f"waiting  another migration is running: {event.holder or 'the session is not known'}"
        case LockWait():
            return "blocked  by " + "; ".join(str(session) for session in event.blockers)
        case Retrying():
            pause = show_duration(event.pause_s)
            return f"retrying {event.revision} in {pause}, try {event.attempt}: {event.cause}"
        case Progress():
            return f"progress {event.phase} {event.percent:.0f} %"
        case Warned():
            return f"warning  {event.message}"
        case ServerNotice():
            return f"{event.severity.lower():<8} {event.revision}: {event.message}"


def _shortened(sql: str) -> str:
    """A statement as a line of a log; ``--progress json`` has all of it."""
    line = " ".join(redact(sql).split())  # a secret that was cut off would not be known any more
    return line if len(line) <= SHOWN_SQL else f"{line[: SHOWN_SQL - 3]}..."


def _counted(event: RevisionStarted | RevisionApplied) -> str:
    revision = event.revision
    return f"[{event.number}/{event.total}] {revision.id} {revision.message}".rstrip()
