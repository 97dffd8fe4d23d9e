import time
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
        pytest.param(r"PASSWORD E'it\'s' LOGIN", "PASSWORD '***' LOGIN", id="SQL with a backslash"),
        pytest.param("PASSWORD U&'x' LOGIN", "PASSWORD '***' LOGIN", id="SQL in Unicode"),
        pytest.param("PASSWORD '''a''b' LOGIN", "PASSWORD '***' LOGIN", id="SQL, quotes at the beginning"),
        pytest.param("PASSWORD $$a 'b$$ LOGIN", "PASSWORD '***' LOGIN", id="SQL in dollars"),
        pytest.param("PASSWORD $x$a$$b$x$ LOGIN", "PASSWORD '***' LOGIN", id="SQL in named dollars"),
        pytest.param("PASSWORD 'a b", "PASSWORD '***'", id="SQL that was cut off"),
        pytest.param("PASSWORD $$a b", "PASSWORD '***'", id="SQL in dollars that was cut off"),
        pytest.param("PASSWORD 'a\\", "PASSWORD '***'", id="SQL that was cut off at a backslash"),
        pytest.param(
            "EXECUTE 'ALTER ROLE a PASSWORD ''b c'' LOGIN'",
            "EXECUTE 'ALTER ROLE a PASSWORD '***' LOGIN'",
            id="SQL inside SQL",
        ),
        pytest.param(
            r"op.execute('ALTER ROLE a PASSWORD \'b c\' LOGIN')",
            "op.execute('ALTER ROLE a PASSWORD '***' LOGIN')",
            id="SQL inside Python",
        ),
        pytest.param("PASSWORD NULL", "PASSWORD NULL", id="SQL that takes it away"),
        pytest.param("OPTIONS (user 'u', password 'a')", "OPTIONS (user 'u', password '***')", id="options"),
        pytest.param(
            "CONNECTION 'host=h password=a.b&c dbname=d'",
            "CONNECTION 'host=h password=*** dbname=d'",
            id="connection string",
        ),
        pytest.param(
            "dblink('host=h password=''a b'' dbname=d')",
            "dblink('host=h password=*** dbname=d')",
            id="connection string with a quoted password",
        ),
        pytest.param(
            r"dblink('host=h password=''a\'' b'' dbname=d')",
            "dblink('host=h password=*** dbname=d')",
            id="connection string with a quote in the password",
        ),
        pytest.param(
            "dblink($$password = 'a b' dbname=d$$)",
            "dblink($$password = *** dbname=d$$)",
            id="connection string in dollars",
        ),
        pytest.param("host=h password=''a b", "host=h password=***", id="connection string that was cut off"),
        pytest.param("postgresql:///db?password=a", "postgresql:///db?password=***", id="URL's option"),
        pytest.param('connect(password="a b", x=1)', "connect(password=***, x=1)", id="Python"),
        pytest.param("f(password => 'a b', x)", "f(password => ***, x)", id="named argument"),
        pytest.param("PGPASSWORD=a psql", "PGPASSWORD=*** psql", id="shell"),
        pytest.param("SET password_hash = 'a'", "SET password_hash = 'a'", id="another column"),
        pytest.param("password authentication failed", "password authentication failed", id="message"),
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


@pytest.mark.parametrize("opening", ["PASSWORD '", "PASSWORD ''", r"PASSWORD \'", "password=", 'password="'])
def test_looking_for_passwords_takes_no_time(opening: str) -> None:
    text = opening + r"\a''" * 5_000 + "' x"

    began = time.perf_counter()
    redact(text)

    assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "said",
    [
        'invalid input syntax for type integer: "{}"\nLINE 1: SELECT 1\n',
        'invalid input syntax for type integer: "{}" LINE 1: SELECT "a"',
        'malformed array literal: "{}"\nDETAIL:  Unexpected end of input.\n',
        'value "{}" is out of range for type integer',
        'syntax error in hstore, near "{}" at position 4',
        'syntax error at or near "{}" of jsonpath input',
        'word is too long in tsquery: "{}"',
    ],
)
@pytest.mark.parametrize("value", ["canary", "a\ncanary\nb", 'a "b\ncanary"', 'a "b" c\ncanary'])
def test_a_value_is_hidden_to_its_end(said: str, value: str) -> None:
    hidden = redact(said.format(value))

    assert "canary" not in hidden
    assert said.endswith("\n") is hidden.endswith("\n")


def test_an_option_that_libpq_does_not_take_is_no_value_of_a_row() -> None:
    said = 'connection failed: invalid sslmode value: "verify_full"'

    assert redact(said) == said


@pytest.mark.parametrize(
    "line", ['invalid x: "abc" d', 'invalid x: "', 'invalid value "x" y', 'malformed near "a"']
)
def test_looking_for_values_takes_no_time(line: str) -> None:
    """What a revision prints may be thousands of lines that hold one of the words beside a value."""
    began = time.monotonic()

    redact(f"{line}\n" * 2000)

    assert time.monotonic() - began < 5
