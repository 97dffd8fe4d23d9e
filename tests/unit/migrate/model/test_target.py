import pytest

from agent_factory.migrate.model.errors import ExitCode, MigrationError
from agent_factory.migrate.model.target import (
    Target,
    local_target,
    on_this_machine,
    production_target,
    shared_with_others,
)
from agent_factory.url import parse_url


@pytest.mark.parametrize(
    ("host", "here", "shared"),
    [
        ("localhost", True, False),
        ("LOCALHOST", True, False),
        ("db.localhost", True, False),
        ("127.0.0.1", True, False),
        ("127.9.9.9", True, False),
        ("[::1]", True, False),
        ("[::ffff:127.0.0.1]", True, False),
        ("0.0.0.0", True, False),  # noqa: S104 - an address to recognise, not to bind
        ("host.docker.internal", True, False),
        ("", True, False),
        ("db", False, False),
        ("10.0.0.5", False, False),
        ("192.168.1.9", False, False),
        ("8.8.8.8", False, True),
        ("db.example.com", False, True),
        ("localhost.example.com", False, True),
    ],
)
def test_recognises_this_machine_and_servers_of_others(host: str, here: bool, shared: bool) -> None:
    url = parse_url(f"postgresql://u:secret-pw@{host}/db")

    assert on_this_machine(url) is here
    assert shared_with_others(url) is shared


def test_a_socket_is_this_machine() -> None:
    assert on_this_machine(parse_url("postgresql:///db?host=/run/postgresql"))


def test_production_on_this_machine_is_warned_about_and_left_as_it_is() -> None:
    target = production_target("postgresql://u:secret-pw@localhost/db")

    assert "looks like a database on this machine" in target.warnings[0]
    assert "secret-pw" not in target.warnings[0]
    assert target.url.option("sslmode") is None


@pytest.mark.parametrize(
    ("options", "sslmode"),
    [("", "require"), ("?sslmode=verify-full", "verify-full"), ("?sslmode=disable", "disable")],
)
def test_a_remote_production_is_encrypted_unless_told_otherwise(options: str, sslmode: str) -> None:
    target = production_target(f"postgresql://u:secret-pw@db.example.com/db{options}")

    assert target.url.option("sslmode") == sslmode
    assert target.warnings == ()


def test_local_does_not_add_sslmode() -> None:
    assert local_target("postgresql://u@db.example.com/db").url.option("sslmode") is None


@pytest.mark.parametrize(
    ("url", "code", "exit_code"),
    [
        pytest.param(None, "no-database-url", ExitCode.USAGE, id="unset"),
        pytest.param("", "no-database-url", ExitCode.USAGE, id="empty"),
        pytest.param("sqlite:///./x.db", "sqlite-in-production", ExitCode.REFUSED, id="SQLite"),
        pytest.param(
            "postgresql://u:canary-pw@h:x/db", "malformed-database-url", ExitCode.USAGE, id="malformed"
        ),
    ],
)
def test_production_needs_a_postgresql_url(url: str | None, code: str, exit_code: ExitCode) -> None:
    with pytest.raises(MigrationError) as caught:
        production_target(url)

    assert (caught.value.code, caught.value.exit_code) == (code, exit_code)
    assert caught.value.state
    assert caught.value.next_steps
    assert "canary" not in str(caught.value)


def production_of(*typed: str) -> Target:
    return production_target("postgresql://u@db.example.com/db", command="af-db -c x.ini", typed=typed)


def test_the_same_command_keeps_the_options_that_were_typed() -> None:
    target = production_of("prod upgrade", "+1", "--yes", "--allow deletes-data", "--environment staging")

    assert (
        target.command("upgrade 003")
        == "af-db -c x.ini prod upgrade 003 --yes --allow deletes-data --environment staging"
    )


def test_an_option_that_is_advised_replaces_the_one_that_was_typed() -> None:
    target = production_of("prod upgrade", "--yes", "--resume 002")

    assert target.command("upgrade 003 --resume 003") == "af-db -c x.ini prod upgrade 003 --resume 003 --yes"


def test_another_command_keeps_the_environment_where_it_takes_one() -> None:
    target = production_of("prod upgrade", "--yes", "--environment staging")

    assert target.command("downgrade 001") == "af-db -c x.ini prod downgrade 001 --environment staging"
    assert target.command("history") == "af-db -c x.ini prod history"


def test_a_saved_plan_is_not_advised_for_another_place() -> None:
    target = production_of("prod upgrade", "--plan plan.json", "--yes")

    assert target.command("upgrade 003") == "af-db -c x.ini prod upgrade 003 --yes"
