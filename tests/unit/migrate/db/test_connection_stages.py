"""The name of a host, and the addresses behind it, where no network is needed to know what is right."""

import socket
from typing import Any

import pytest

from agent_factory.migrate.db.connection_stages import Address, resolve_name
from agent_factory.migrate.db.libpq import psql_command
from agent_factory.migrate.db.supabase import project_of_api, project_of_database
from agent_factory.migrate.model.diagnosis import Verdict
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.url import parse_url

SECRET = "Gu4rded-by-n0body"
DIRECT = f"postgresql://postgres:{SECRET}@db.abcdefghijklmnop.supabase.co:5432/postgres"


def target(url: str) -> Target:
    return Target(url=parse_url(url), environment=Environment.PROD)


def only_ipv6(_host: str, port: int, **_hints: Any) -> list[tuple[Any, ...]]:
    return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::7", port, 0, 0))]


def test_a_host_with_only_ipv6_fails_where_this_machine_has_none() -> None:
    stage, addresses = resolve_name(target(DIRECT), lookup=only_ipv6, has_route=lambda _address: False)

    assert (stage.verdict, stage.code, addresses) == (Verdict.FAILED, "ipv6-only", ())
    assert "2001:db8::7" in stage.what
    pooler = "postgres.abcdefghijklmnop@aws-0-REGION.pooler.supabase.com:5432"
    assert pooler in stage.next_steps[0]
    assert stage.next_steps[-1].startswith("try it: psql ")
    assert SECRET not in " ".join(stage.next_steps)


def test_a_host_with_only_ipv6_is_tried_where_this_machine_has_it() -> None:
    stage, addresses = resolve_name(target(DIRECT), lookup=only_ipv6, has_route=lambda _address: True)

    assert stage.verdict is Verdict.OK
    assert "IPv6 only" in stage.what
    assert addresses == (Address(family=socket.AF_INET6, where=("2001:db8::7", 5432, 0, 0)),)


def test_a_name_server_that_does_not_know_or_says_nothing() -> None:
    def unknown(*_arguments: Any, **_hints: Any) -> list[tuple[Any, ...]]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    stage, _addresses = resolve_name(target(DIRECT), lookup=unknown)
    assert stage.code == "unknown-host"
    assert "Temporary failure in name resolution" in stage.what


@pytest.mark.parametrize(
    "url", ["postgresql:///db", "postgresql://u@%2Fvar%2Frun/db", "postgresql://[::1]/db"]
)
def test_sockets_and_addresses_need_no_name(url: str) -> None:
    def nobody(host: str, port: int, **_hints: Any) -> list[tuple[Any, ...]]:
        assert host == "::1"
        return [(socket.AF_INET6, socket.SOCK_STREAM, 6, "", (host, port, 0, 0))]

    stage, _addresses = resolve_name(target(url), lookup=nobody)
    assert stage.verdict is Verdict.OK


@pytest.mark.parametrize(
    ("url", "command"),
    [
        (
            f"postgresql://u:{SECRET}@h:6543/my%20db?sslmode=require&sslpassword={SECRET}",
            """psql 'host=h port=6543 user=u dbname='"'"'my db'"'"' sslmode=require'""",
        ),
        (f"postgresql://u:{SECRET}@h/db?password=another", "psql 'host=h user=u dbname=db port=5432'"),
        ("postgresql:///db", "psql dbname=db"),
    ],
)
def test_the_psql_line_has_no_password(url: str, command: str) -> None:
    assert psql_command(parse_url(url)) == command


@pytest.mark.parametrize(
    ("url", "project"),
    [
        (DIRECT, "abcdefghijklmnop"),
        ("postgresql://postgres.abc:x@aws-0-eu-central-1.pooler.supabase.com:6543/postgres", "abc"),
        ("postgresql://postgres:x@aws-0-eu-central-1.pooler.supabase.com:6543/postgres", None),
        ("postgresql://a.b:x@db.example.org/postgres", None),
    ],
)
def test_the_project_that_a_database_is_of(url: str, project: str | None) -> None:
    assert project_of_database(parse_url(url)) == project


def test_the_project_that_supabase_url_names() -> None:
    assert project_of_api("https://abc.supabase.co") == "abc"
    assert project_of_api(" https://ABC.supabase.co/rest/v1 ") == "abc"
    assert project_of_api("https://api.example.org") is None
