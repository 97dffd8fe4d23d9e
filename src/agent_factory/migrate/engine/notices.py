"""What the server says by the way while a revision runs: its NOTICE and WARNING messages."""

import re
from collections.abc import Callable

from agent_factory.migrate.db.driver import WatchedConnection
from agent_factory.migrate.model.events import Emit, ServerNotice
from agent_factory.row_values import value

MOST = 20
"""Messages of one revision that are handed on: a trigger may have one for each row."""

_OBJECT = (
    r"(?:access method|aggregate|collation|column|constraint|conversion|database|domain|event trigger|"
    r"extension|foreign-data wrapper|foreign table|function|index|language|materialized view|operator"
    r"(?: class| family)?|policy|procedure|publication|relation|role|routine|rule|schema|sequence|server|"
    r"statistics object|subscription|table|tablespace|text search \w+|trigger|type|user mapping|view)"
)
_OWN_WORDS = re.compile(
    rf'{_OBJECT} [^\n]*(?:already exists|does not exist), skipping|identifier "[^\n]*" will be truncated to '
    rf"[^\n]*|(?:drop|truncate) cascades to [^\n]*|merging [^\n]*|there is (?:already a|no) transaction in "
    r"progress|(?:no|not all) privileges [^\n]*|[^\n]*wal_level is insufficient[^\n]*"
)
"""What PostgreSQL says by itself names objects, not rows. Anything else may be a RAISE with values in it."""
_SAID = re.compile(r"(?P<severity>[^\s:]+):\s+(?P<message>.*)", re.DOTALL)


class HeardNotices(list[str]):
    """psycopg2's list of them, as a project may read it; each is handed on once for a revision, too.

    ``find_revision`` returns the id of the revision that has sent the running statement, None for none.
    """

    def __init__(self, find_revision: Callable[[], str | None], emit: Emit) -> None:
        super().__init__()
        self._find_revision = find_revision
        self._emit = emit
        self._heard: dict[str, set[str]] = {}

    def append(self, said: str) -> None:
        super().append(said)
        revision = self._find_revision()
        if revision is None:
            return
        heard = self._heard.setdefault(revision, set())
        if said in heard or len(heard) > MOST:
            return
        heard.add(said)
        if len(heard) > MOST:
            more = "further messages of the server are not shown"
            self._emit(ServerNotice(revision=revision, severity="NOTICE", message=more))
        elif found := _SAID.fullmatch(said.strip()):
            message = " ".join(found["message"].split())
            is_known = _OWN_WORDS.fullmatch(found["message"].partition("\n")[0])
            self._emit(
                ServerNotice(
                    revision=revision,
                    severity=found["severity"],
                    message=message if is_known else value(message),
                )
            )


def hear(driver: WatchedConnection, find_revision: Callable[[], str | None], emit: Emit) -> None:
    """Hand on what the server says on this connection from now on."""
    driver.notices = HeardNotices(find_revision, emit)
