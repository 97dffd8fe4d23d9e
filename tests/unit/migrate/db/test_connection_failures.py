"""The cause of a failed connection comes from what the server says, never from how something is called."""

from itertools import product

import pytest

from agent_factory.migrate.db.connection_failures import explain_connection_failure
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.url import DatabaseURL

TO_SERVER = 'connection to server at "{host}" (10.0.0.1), port 5432 failed: '
MESSAGES = {
    "wrong-password": TO_SERVER + 'FATAL:  password authentication failed for user "{user}"',
    "no-such-database": TO_SERVER + 'FATAL:  database "{database}" does not exist',
    "no-such-role": TO_SERVER + 'FATAL:  role "{user}" does not exist',
    "may-not-connect": TO_SERVER
    + 'FATAL:  permission denied for database "{database}" DETAIL:  User does not have CONNECT privilege.',
    "tls": TO_SERVER + "server does not support SSL, but SSL was required",
    "not-allowed-in": TO_SERVER + 'FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "{user}", '
    'database "{database}", SSL encryption',
    "too-many-connections": TO_SERVER + 'FATAL:  too many connections for role "{user}"',
    "unknown-host": 'could not translate host name "{host}" to address: Name or service not known',
    "connection-refused": TO_SERVER
    + "Connection refused\n\tIs the server running on that host and accepting?",
    "unreachable": TO_SERVER + "timeout expired",
    "server-not-ready": TO_SERVER + "FATAL:  the database system is starting up",
    "unknown-url-option": 'invalid dsn: invalid connection option "{database}"',
}
OTHERS = {
    "no-such-database": "ERROR:  no such database: {database}",
    "no-such-role": "ERROR:  no such user: {user}",
}
KEYWORDS = (
    "password authentication failed",
    "scramble",
    "SASL",
    "sasl_app",
    'a" does not exist',
    "role",
    "pg-tls.corp",
    "certificate",
    "sslmode",
    "SSL error",
    "pg_hba.conf",
    "no encryption",
    "too many clients",
    "could not translate host name",
    "Connection refused",
    "timed out",
    "starting up",
    "in recovery mode",
    "invalid connection option",
    "file is not a database",
    "unable to open database file",
    "database is locked",
    "permission denied for database",
    "no such user: x",
)


@pytest.mark.parametrize(
    ("code", "message"),
    [*MESSAGES.items(), *OTHERS.items()],
    ids=[*MESSAGES, *(f"{c}, pooled" for c in OTHERS)],
)
def test_names_are_no_cause(code: str, message: str) -> None:
    for user, database, host in product(
        KEYWORDS, KEYWORDS, ("db.example", "pg-tls.corp", "SCRAM", "timed out")
    ):
        target = Target(
            url=DatabaseURL(backend="postgresql", database=database, user=user, host=host),
            environment=Environment.PROD,
        )
        said = message.format(user=user, database=database, host=host)

        assert explain_connection_failure(Exception(said), target).code == code, said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("not-a-database", "file is not a database"),
        ("cannot-open-file", "unable to open database file"),
        ("file-locked", "database is locked"),
    ],
)
def test_a_file_has_causes_of_its_own(code: str, said: str) -> None:
    target = Target(url=DatabaseURL(backend="sqlite", database="scram.db"), environment=Environment.LOCAL)

    assert explain_connection_failure(Exception(said), target).code == code


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [("28P01", "wrong-password"), ("3D000", "no-such-database"), ("53300", "too-many-connections")],
)
def test_the_servers_code_decides_in_every_language(sqlstate: str, code: str) -> None:
    class LoginError(Exception):
        pgcode = sqlstate

    target = Target(
        url=DatabaseURL(backend="postgresql", database="d", user="u", host="h"), environment=Environment.PROD
    )

    assert explain_connection_failure(LoginError("FATAL:  le certificat"), target).code == code


@pytest.mark.parametrize(
    ("variable", "setting"),
    [("PGTZ", "TimeZone"), ("PGDATESTYLE", "DateStyle"), ("PGCLIENTENCODING", "client_encoding")],
)
def test_a_setting_of_the_environment_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, setting: str
) -> None:
    said = f'connection to server failed: FATAL:  invalid value for parameter "{setting}": "Mars/Olympus"'
    target = Target(url=DatabaseURL(backend="postgresql", database="d"), environment=Environment.PROD)
    monkeypatch.delenv(variable, raising=False)
    other = explain_connection_failure(Exception(said), target)
    monkeypatch.setenv(variable, "Mars/Olympus")

    error = explain_connection_failure(Exception(said), target)

    assert error.code == "refused-setting"
    assert f"the server does not take the value of {variable}" in error.message
    assert error.next_steps == (f"correct {variable} in the environment, or take it away: unset {variable}",)
    assert other.code == "cannot-connect"
