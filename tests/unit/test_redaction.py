from urllib.parse import quote, quote_plus

import pytest

from agent_factory.redaction import redact, register_secret


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param(lambda secret: secret, id="as it is"),
        pytest.param(lambda secret: quote(secret, safe=""), id="percent-encoded"),
        pytest.param(quote, id="percent-encoded but for slashes"),
        pytest.param(quote_plus, id="plus-encoded"),
        pytest.param(lambda secret: quote(secret).replace("%", "%%"), id="doubled for an ini file"),
        pytest.param(lambda secret: repr(secret), id="as Python writes it"),
    ],
)
def test_removes_a_registered_secret_in_every_spelling(spelling: object) -> None:
    secret = "s3/cr@t %wörd\\"
    register_secret(secret)
    assert callable(spelling)
    spelled = str(spelling(secret))

    said = redact(f"could not connect with {spelled}, sorry")

    assert spelled not in said
    assert said.startswith("could not connect with ")
    assert said.endswith(", sorry")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        pytest.param("postgres://u:hunter2@h/db", "postgres://u:***@h/db", id="URL"),
        pytest.param("x redis://:hunter2@h y", "x redis://:***@h y", id="URL without a user"),
        pytest.param("ALTER ROLE a PASSWORD 'it''s'", "ALTER ROLE a PASSWORD '***'", id="SQL"),
        pytest.param("alter role a password E'x'", "alter role a password '***'", id="SQL, lower case"),
        pytest.param("postgresql://u@h:5432/db", "postgresql://u@h:5432/db", id="nothing secret"),
        pytest.param("user:password@host is the form", "user:password@host is the form", id="prose"),
    ],
)
def test_removes_passwords_that_nobody_registered(text: str, redacted: str) -> None:
    assert redact(text) == redacted


def test_a_very_short_secret_does_not_make_text_unreadable() -> None:
    register_secret("a")

    assert redact("a table") == "a table"
    assert redact("postgresql://u:a@h/db") == "postgresql://u:***@h/db"
