"""No connection can be made: one line says why, and nothing that is said or written holds the password."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

import pytest

from agent_factory.url import parse_url
from tests.acceptance.faults.conftest import CANARY
from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.runs import migrate
from tests.commands import Outcome, run_process
from tests.projects import AlembicProject

SPELLINGS = {CANARY, quote(CANARY, safe=""), quote(CANARY), quote_plus(CANARY), repr(CANARY)[1:-1]}
SPELLINGS |= {spelling.replace("%", "%%") for spelling in SPELLINGS} | {json.dumps(CANARY)[1:-1], "C4n"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the database is, to be written wrongly."""

    user: str
    host: str
    port: int
    database: str

    def url(
        self,
        *,
        scheme: str = "postgresql",
        user: str | None = None,
        host: str | None = None,
        port: int | str | None = None,
        database: str | None = None,
        password: str = CANARY,
        options: str = "",
    ) -> str:
        where = f"{host or self.host}:{port or self.port}/{database or self.database}"
        return f"{scheme}://{user or self.user}:{password}@{where}{options}"


@pytest.fixture
def place(migrator: Database) -> Place:
    where = parse_url(migrator.url)
    assert where.user is not None
    assert where.host is not None
    return Place(user=where.user, host=where.host, port=where.port or 5432, database=where.database)


def told_without_the_canary(project: AlembicProject, url: str, *command: str) -> Outcome:
    """Run as text and as JSON; look for the canary in what is said and written; return the JSON."""
    text = run_process(*command, cwd=project.root, url=url)
    document = run_process(*command, "--json", cwd=project.root, url=url)
    written = [
        path.read_bytes().decode(errors="replace")
        for path in project.root.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    for said in (text.out, text.err, document.out, document.err, *written):
        assert not [spelling for spelling in SPELLINGS if spelling in said]
    assert text.code == document.code
    return document


@pytest.mark.parametrize(
    ("write", "exit_code", "code"),
    [
        pytest.param(lambda p: p.url(port=1), 5, "connection-refused", id="nobody listens"),
        pytest.param(lambda p: p.url(host="h" * 70), 5, "unknown-host", id="host"),
        pytest.param(lambda p: p.url(password=f"{CANARY}x"), 5, "wrong-password", id="password"),
        pytest.param(lambda p: p.url(user="nobody_x"), 5, "wrong-password", id="role"),
        pytest.param(lambda p: p.url(database="nope_db"), 5, "no-such-database", id="database"),
        pytest.param(lambda p: p.url(database="sasl_tls"), 5, "no-such-database", id="database called so"),
        pytest.param(lambda p: p.url(host="pg-tls.invalid"), 5, "unknown-host", id="host called so"),
        pytest.param(lambda p: p.url(options="?sslmode=require"), 5, "tls", id="TLS"),
        pytest.param(lambda p: p.url(options="?sslmode=verify-full"), 5, "tls", id="certificate"),
        pytest.param(lambda p: p.url(options="?pgbouncer=true"), 5, "unknown-url-option", id="option"),
        pytest.param(
            lambda p: p.url(options="?target_session_attrs=standby"), 5, None, id="not that kind of server"
        ),
        pytest.param(lambda p: p.url(port="x"), 2, "malformed-database-url", id="port"),
        pytest.param(lambda p: p.url(port="99999"), 2, "malformed-database-url", id="port too high"),
        pytest.param(lambda p: p.url(scheme="mysql"), 2, "malformed-database-url", id="scheme"),
        pytest.param(lambda p: p.url().replace("://", ":"), 2, "malformed-database-url", id="no slashes"),
        pytest.param(lambda _p: CANARY, 2, "malformed-database-url", id="only the password"),
        pytest.param(lambda p: p.url().rpartition("/")[0], 2, "malformed-database-url", id="no database"),
        pytest.param(
            lambda p: f"postgresql://{p.host}:1/{p.database}?user={p.user}&password={quote(CANARY, safe='')}",
            5,
            "connection-refused",
            id="password in the query",
        ),
    ],
)
def test_urls_that_lead_nowhere(
    project: AlembicProject,
    place: Place,
    write: Callable[[Place], str],
    exit_code: int,
    code: str | None,
) -> None:
    """Fault 24."""
    outcome = told_without_the_canary(project, write(place), "prod", "upgrade", "--yes")

    assert outcome.code == exit_code
    assert code is None or outcome.error["code"] == code
    assert outcome.error["state"] == "not touched"
    assert outcome.error["next_steps"]
    assert "\n" not in outcome.error["message"]


STARTING_UP = b"SFATAL\x00VFATAL\x00C57P03\x00Mthe database system is starting up\x00\x00"
"""What a server says that recovers from a crash: the fields of an error of PostgreSQL's protocol."""


@contextlib.contextmanager
def answering(answer: bytes | None) -> Iterator[int]:
    """A port that answers everybody with these bytes and hangs up, or with None says nothing at all."""
    done = threading.Event()
    clients: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while not done.is_set():
                client, _address = listener.accept()
                clients.append(client)
                with contextlib.suppress(OSError):  # of who has gone meanwhile
                    if answer is not None:
                        client.recv(1024)
                        client.sendall(answer)
                        client.shutdown(socket.SHUT_RDWR)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            done.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
            for client in clients:
                client.close()


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(None, id="says nothing"),
        pytest.param(b"", id="hangs up"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="is a web server"),
        pytest.param(
            b"E" + (len(STARTING_UP) + 4).to_bytes(4) + STARTING_UP,
            id="is starting up",
        ),
    ],
)
def test_servers_that_are_none(project: AlembicProject, place: Place, answer: bytes | None) -> None:
    """Fault 24."""
    with answering(answer) as port:
        url = place.url(port=port, options="?connect_timeout=2&sslmode=disable")
        outcome = told_without_the_canary(project, url, "prod", "current")

    assert outcome.code == 5
    assert outcome.error["state"] == "not touched"
    assert outcome.error["next_steps"]


def test_the_server_is_full(project: AlembicProject, place: Place, database: Database) -> None:
    """Fault 24: the role has no connection left."""
    database.execute(f"ALTER ROLE {place.user} CONNECTION LIMIT 0")

    outcome = told_without_the_canary(project, place.url(), "prod", "upgrade", "--yes")

    assert (outcome.code, outcome.error["code"]) == (5, "too-many-connections")


def test_a_password_that_is_hard_to_write(project: AlembicProject, place: Place, database: Database) -> None:
    """Fault 24: with %, @, /, : and an umlaut, encoded or not, it lets in; and no event tells it."""
    raw = migrate(project, place.url(), "001")
    encoded = migrate(project, place.url(password=quote(CANARY, safe="")))

    assert (raw.code, encoded.code) == (0, 0)
    assert database.versions == ["003"]
    for said in (raw.outcome.out, raw.outcome.err, encoded.outcome.out, encoded.outcome.err):
        assert not [spelling for spelling in SPELLINGS if spelling in said]
    kept = str(database.rows("SELECT * FROM af_db.journal"))
    assert not [spelling for spelling in SPELLINGS if spelling in kept]


def test_a_wrong_time_zone_of_the_environment_is_named(project: AlembicProject, database: Database) -> None:
    outcome = run_process(
        *("prod", "current", "--json"),
        cwd=project.root,
        url=database.url,
        environment={"PGTZ": "Mars/Olympus"},
    )

    assert (outcome.code, outcome.error["code"]) == (5, "refused-setting"), outcome.out
    assert outcome.error["next_steps"] == ["correct PGTZ in the environment, or take it away: unset PGTZ"]
