"""Where a database is, whoever spells it."""

from pathlib import Path

import pytest

from agent_factory.migrate.project.addresses import of_file, of_keywords, of_url
from agent_factory.url import parse_url

SAME = [
    *("postgresql://a:b@localhost/shop", "postgresql://127.0.0.1:5432/shop", "postgresql:///shop"),
    *("postgres://LOCALHOST./shop?sslmode=require", "postgresql://[::1]/shop", "postgresql://127.0.0.2/shop"),
    "postgresql:///shop?host=/var/run/postgresql",
]


@pytest.mark.parametrize("url", SAME)
def test_one_database_has_one_address(url: str) -> None:
    assert of_url(parse_url(url)) == of_keywords({"host": "localhost", "port": "5432", "dbname": "shop"})


@pytest.mark.parametrize(
    "url",
    [
        *(
            "postgresql://db.example.com/shop",
            "postgresql://localhost:5433/shop",
            "postgresql://localhost/other",
        ),
        "postgresql:///shop?host=/tmp/af_db_1",
    ],
)
def test_another_database_has_another(url: str) -> None:
    assert of_url(parse_url(url)) != of_url(parse_url(SAME[0]))


def test_what_is_not_given_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("PGHOST", "db.example.com"), ("PGPORT", "6000"), ("PGUSER", "shop")):
        monkeypatch.setenv(name, value)

    assert of_keywords({}) == of_url(parse_url("postgresql://db.example.com:6000/shop"))


def test_a_file_is_the_same_by_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link.db").symlink_to("one.db")

    assert of_file("one.db") == of_file(str(tmp_path / "x" / ".." / "one.db")) == of_file("link.db")
    assert of_file("one.db") != of_file("two.db")
