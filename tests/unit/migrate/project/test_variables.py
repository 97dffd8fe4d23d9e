"""Which variables of the environment name the copy while project code runs on it, and in which spelling."""

import os

import pytest

from agent_factory.migrate.project.variables import naming
from agent_factory.url import parse_url

ORIGINAL = parse_url("postgresql://shop:hush-hush@db.prod/app")
COPY = parse_url("postgresql://me@localhost:6000/af_db_copy")


@pytest.mark.parametrize(
    ("value", "there"),
    [
        ("postgresql://a:b@db.prod:5432/other", "postgresql://me@localhost:6000/af_db_copy"),
        ("postgres://db.prod/app", "postgres://me@localhost:6000/af_db_copy"),
        ("postgresql+asyncpg://DB.prod./app", "postgresql+asyncpg://me@localhost:6000/af_db_copy"),
        ("postgresql:///app?host=db.prod", "postgresql://me@localhost:6000/af_db_copy"),
        ("postgresql://db.prod", "postgresql://me@localhost:6000/af_db_copy"),
        ("host=db.prod dbname=app", "host=localhost port=6000 user=me dbname=af_db_copy"),
        ("dbname='app' host='db.prod' password=x", "host=localhost port=6000 user=me dbname=af_db_copy"),
    ],
)
def test_what_names_the_originals_server_names_the_copy(
    monkeypatch: pytest.MonkeyPatch, value: str, there: str
) -> None:
    monkeypatch.setenv("APP_DB", value)

    with naming(COPY, instead_of=ORIGINAL):
        found = os.environ["APP_DB"]

    assert found == there
    assert os.environ["APP_DB"] == value


@pytest.mark.parametrize(
    "value",
    [
        *("postgresql://db.other/app", "postgresql://db.prod:6543/app", "postgresql:///app?host=db.other"),
        *("host=db.other dbname=app", "host=db.prod port=6543", "user=shop", "db.prod", "a=b", "", "://"),
        *("mysql://db.prod:5432/app", "https://db.prod:5432/app", "sqlite:///app.db", "redis://db.prod"),
    ],
)
def test_what_names_another_is_left(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("APP_DB", value)

    with naming(COPY, instead_of=ORIGINAL):
        assert os.environ["APP_DB"] == value


@pytest.mark.parametrize(
    ("value", "copy", "named"),
    [
        ("postgresql://db.prod/app", "sqlite:////copies/copy.db", "sqlite:////copies/copy.db"),
        (
            "postgresql+asyncpg://db.prod/app",
            "sqlite:////copies/copy.db",
            "sqlite+aiosqlite:////copies/copy.db",
        ),
        (
            "sqlite:////data/app.db",
            "postgresql://localhost:6000/af_db_copy",
            "postgresql://localhost:6000/af_db_copy",
        ),
        (
            "sqlite+aiosqlite:////data/app.db",
            "postgresql://localhost:6000/af_db_copy",
            "postgresql+asyncpg://localhost:6000/af_db_copy",
        ),
    ],
)
def test_only_database_url_names_a_database_of_another_kind(
    monkeypatch: pytest.MonkeyPatch, value: str, copy: str, named: str
) -> None:
    for name in ("DATABASE_URL", "APP_DB"):
        monkeypatch.setenv(name, value)

    with naming(parse_url(copy), instead_of=parse_url(value)):
        assert os.environ["DATABASE_URL"] == named
        assert os.environ["APP_DB"] == value


def test_a_copy_of_a_file_is_named_with_the_driver_of_the_original(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("APP_DB", "sqlite+aiosqlite:////data/app.db")
    monkeypatch.setenv("OTHER_DB", "sqlite:////data/other.db")

    with naming(parse_url("sqlite:////copies/copy.db"), instead_of=parse_url("sqlite:////data/app.db")):
        assert os.environ["APP_DB"] == "sqlite+aiosqlite:////copies/copy.db"
        assert os.environ["OTHER_DB"] == "sqlite:////data/other.db"
