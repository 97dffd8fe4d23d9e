"""``doctor`` names the stage at which a connection fails, why, and what to type; no password is among it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from agent_factory.url import parse_url
from tests.acceptance.faults.conftest import CANARY
from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.servers import PGBOUNCER, pgbouncer, standby, tls_server
from tests.acceptance.faults.test_connecting import SPELLINGS, Place, answering, place
from tests.acceptance.faults.waiting import until
from tests.certificates import KeyPair
from tests.commands import Outcome, run_process
from tests.postgres import Server
from tests.projects import AlembicProject

__all__ = ["place"]

STAGES = ["name resolution", "TCP", "TLS", "password", "database", "session"]
Document = dict[str, Any]


def examined(document: Document, name: str, group: str | None = None) -> dict[str, Any]:
    """What was found of one thing."""
    (found,) = (
        item for item in document["examined"] if item["name"] == name and group in (None, item["group"])
    )
    return dict(found)


def doctor(project: AlembicProject, url: str, *command: str, **variables: str) -> Outcome:
    """Run it as text and as JSON, look for the canary in both, and return the JSON."""
    command = command or ("local", "doctor")
    text = run_process(*command, cwd=project.root, url=url, environment=variables)
    outcome = run_process(*command, "--json", cwd=project.root, url=url, environment=variables)
    for said in (text.out, text.err, outcome.out, outcome.err):
        assert not [spelling for spelling in SPELLINGS if spelling in said]
    assert text.code == outcome.code, text.out + text.err
    return outcome


@pytest.mark.parametrize(
    ("write", "stage", "code", "passed"),
    [
        pytest.param(
            lambda p: p.url(host="pg-tls.invalid"), "name resolution", "unknown-host", [], id="host"
        ),
        pytest.param(lambda p: p.url(host="h" * 70), "name resolution", "unknown-host", [], id="long host"),
        pytest.param(
            lambda p: p.url(port=1), "TCP", "connection-refused", ["name resolution"], id="nobody listens"
        ),
        pytest.param(
            lambda p: p.url(options="?sslmode=require"), "TLS", "tls", ["name resolution", "TCP"], id="no TLS"
        ),
        pytest.param(
            lambda p: p.url(options="?sslmode=verify-full"),
            *("TLS", "no-root-certificate", ["name resolution", "TCP"]),
            id="no root certificate",
        ),
        pytest.param(
            lambda p: p.url(options="?sslmode=always"),
            *("TLS", "tls", ["name resolution", "TCP"]),
            id="no such sslmode",
        ),
        pytest.param(
            lambda p: p.url(password=f"{CANARY}x"),
            *("password", "wrong-password", ["name resolution", "TCP", "TLS"]),
            id="password",
        ),
        pytest.param(
            lambda p: p.url(database="nope_db"),
            *("database", "no-such-database", ["name resolution", "TCP", "TLS", "password"]),
            id="database",
        ),
        pytest.param(
            lambda p: p.url(options="?target_session_attrs=standby"),
            *("session", "cannot-connect", ["name resolution", "TCP", "TLS"]),
            id="not that kind of server",
        ),
        pytest.param(
            lambda p: p.url(options="?pgbouncer=true"),
            *("session", "unknown-url-option", ["name resolution", "TCP", "TLS"]),
            id="option",
        ),
    ],
)
def test_the_stage_that_fails_is_named(
    project: AlembicProject,
    place: Place,
    write: Callable[[Place], str],
    stage: str,
    code: str,
    passed: list[str],
) -> None:
    outcome = doctor(project, write(place))

    assert outcome.code == 5
    stages = [item for item in outcome.document["examined"] if item["group"] == "connection"]
    assert [item["name"] for item in stages] == STAGES
    assert [item["name"] for item in stages if item["verdict"] == "ok"] == passed
    (failed,) = (item for item in stages if item["verdict"] == "failed")
    assert (failed["name"], failed["code"]) == (stage, code)
    assert failed["next_steps"][-1].startswith("try it: psql ")
    assert "password=" not in json.dumps(failed["next_steps"])
    assert examined(outcome.document, "files")["verdict"] == "ok", "the rest is examined all the same"
    assert examined(outcome.document, "env.py")["verdict"] == "not tried"
    assert examined(outcome.document, "git")


def test_what_is_not_postgresql_is_named(project: AlembicProject, place: Place) -> None:
    for answer, code in (
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not-postgresql"),
        (b"", "no-answer"),
        (None, "no-answer"),
    ):
        with answering(answer) as port:
            outcome = doctor(project, place.url(port=port))

        assert outcome.code == 5
        failed = examined(outcome.document, "TLS")
        assert (failed["verdict"], failed["code"]) == ("failed", code)


def test_a_server_that_starts_up_is_no_fault_of_tls(project: AlembicProject, place: Place) -> None:
    said = b"SFATAL\x00VFATAL\x00C57P03\x00Mthe database system is starting up\x00\x00"
    with answering(b"E" + (len(said) + 4).to_bytes(4) + said) as port:
        asked = doctor(project, place.url(port=port))
        plain = doctor(project, place.url(port=port, options="?sslmode=disable"))

    assert (asked.code, plain.code) == (5, 5)
    assert examined(asked.document, "TLS")["verdict"] == "not tried"
    assert examined(plain.document, "session")["code"] == "server-not-ready"


def test_a_full_server_is_named(project: AlembicProject, place: Place, database: Database) -> None:
    database.execute(f"ALTER ROLE {place.user} CONNECTION LIMIT 0")

    outcome = doctor(project, place.url())

    assert (outcome.code, examined(outcome.document, "session")["code"]) == (5, "too-many-connections")


def test_a_healthy_connection_and_what_stands_in_between(project: AlembicProject, migrator: Database) -> None:
    outcome = doctor(project, migrator.url)

    assert outcome.code == 0, outcome.out
    verdicts = {item["name"]: item["verdict"] for item in outcome.document["examined"]}
    assert {verdicts[name] for name in STAGES} == {"ok"}
    for name in ("primary", "pooler", "journal", "tables", "time zone", "clock", "files", "version table"):
        assert verdicts[name] == "ok", name
    assert migrator.tables == set(), "nothing was made"
    versions = {item["name"] for item in outcome.document["versions"]}
    assert versions == {"Python", "af-db", "Alembic", "SQLAlchemy", "psycopg2", "server"}


def test_a_role_that_may_only_read_some_of_it(
    project: AlembicProject, database: Database, migrator: Database
) -> None:
    role = migrator.value("SELECT current_user")
    assert run_process("local", "upgrade", "--yes", cwd=project.root, url=database.url).code == 0
    database.execute("CREATE TABLE hidden (a int)", f"GRANT SELECT ON alembic_version TO {role}")

    outcome = doctor(project, migrator.url)

    assert outcome.code == 3
    assert examined(outcome.document, "journal")["code"] == "no-journal"
    assert examined(outcome.document, "version table")["code"] == "permission-denied"
    assert examined(outcome.document, "tables")["code"] == "tables-not-read"
    assert "public.hidden" in examined(outcome.document, "tables")["what"]


def test_a_version_table_that_may_not_be_read(
    project: AlembicProject, database: Database, migrator: Database
) -> None:
    assert run_process("local", "upgrade", "--yes", cwd=project.root, url=database.url).code == 0

    outcome = doctor(project, migrator.url)

    assert outcome.code == 3
    found = examined(outcome.document, "version table")
    assert (found["verdict"], found["code"]) == ("finding", "hidden-rows")
    assert any("GRANT SELECT" in step for step in found["next_steps"])


def test_a_standby(project: AlembicProject, own_server: Server) -> None:
    with standby(own_server) as following:
        outcome = doctor(project, following.url("postgres"))

        assert outcome.code == 3
        found = examined(outcome.document, "primary")
        assert (found["verdict"], found["code"]) == ("finding", "replica")
        assert examined(outcome.document, "session")["verdict"] == "ok"
        assert examined(outcome.document, "pooler")["verdict"] == "ok"


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")
def test_poolers(project: AlembicProject, database: Database) -> None:
    with pgbouncer(database.url, pool_size=3) as url:
        until(lambda: doctor(project, url).code == 3, "the pool is warm")
        outcome = doctor(project, url)
        found = examined(outcome.document, "pooler")
        assert (outcome.code, found["verdict"], found["code"]) == (3, "finding", "transaction-pooler")

        wrong = url.replace(parse_url(url).password or "", "Wr0ng-for-n0body")
        assert examined(doctor(project, wrong).document, "password")["verdict"] == "failed"

        where = parse_url(url)
        outcome = doctor(project, url.replace(f"/{where.database}", "/nope_db"))
        assert outcome.code == 5
        assert examined(outcome.document, "password")["verdict"] != "failed"


@pytest.fixture(scope="module")
def encrypted() -> Iterator[tuple[Server, KeyPair]]:
    with tls_server("127.0.0.1") as started:
        yield started


@pytest.fixture(scope="module")
def of_another_name() -> Iterator[tuple[Server, KeyPair]]:
    with tls_server("db.example.org") as started:
        yield started


@pytest.fixture(scope="module")
def expired() -> Iterator[tuple[Server, KeyPair]]:
    with tls_server("127.0.0.1", ends="20210101") as started:
        yield started


def tls_of(project: AlembicProject, server: Server, options: str) -> tuple[int, dict[str, Any]]:
    outcome = doctor(project, f"{server.url('postgres')}?{options}")
    found = examined(outcome.document, "TLS")
    is_failed = found["verdict"] == "failed"
    assert is_failed == (outcome.code == 5), "libpq is of the same opinion"
    return outcome.code, found


def test_a_self_signed_certificate(
    project: AlembicProject, encrypted: tuple[Server, KeyPair], expired: tuple[Server, KeyPair]
) -> None:
    server, pair = encrypted
    _code, unchecked = tls_of(project, server, "sslmode=require")
    assert unchecked["verdict"] == "note"
    assert "self-signed" in unchecked["what"]
    assert "2120-01-01" in unchecked["what"]

    _code, trusted = tls_of(project, server, f"sslmode=verify-full&sslrootcert={pair.certificate}")
    assert trusted["verdict"] == "ok"

    _code, system = tls_of(project, server, "sslrootcert=system&sslmode=verify-full")
    assert (system["verdict"], system["code"]) == ("failed", "certificate-untrusted")

    another = expired[1].certificate
    _code, other = tls_of(project, server, f"sslmode=require&sslrootcert={another}")
    assert (other["verdict"], other["code"]) == ("failed", "certificate-untrusted"), "as verify-ca, to libpq"

    _code, plain = tls_of(project, server, "sslmode=disable")
    assert "nothing is encrypted" in plain["what"]


def test_a_certificate_for_another_name(
    project: AlembicProject, of_another_name: tuple[Server, KeyPair]
) -> None:
    server, pair = of_another_name
    _code, full = tls_of(project, server, f"sslmode=verify-full&sslrootcert={pair.certificate}")
    assert full["code"] == "certificate-other-name"
    assert "db.example.org" in full["what"]

    _code, only_signer = tls_of(project, server, f"sslmode=verify-ca&sslrootcert={pair.certificate}")
    assert only_signer["verdict"] == "ok"

    _code, unchecked = tls_of(project, server, "sslmode=require")
    assert "not for 127.0.0.1" in unchecked["what"]


def test_an_expired_certificate(project: AlembicProject, expired: tuple[Server, KeyPair]) -> None:
    server, pair = expired
    _code, full = tls_of(project, server, f"sslmode=verify-ca&sslrootcert={pair.certificate}")
    assert full["code"] == "certificate-expired"
    assert "2021-01-01" in full["what"]

    code, unchecked = tls_of(project, server, "sslmode=require")
    assert (code, unchecked["verdict"]) == (0, "note")
    assert "expired" in unchecked["what"]
