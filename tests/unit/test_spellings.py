"""A registered secret is found however a program writes it; here the programs themselves do."""

import base64
import html
import json
import shlex
import sqlite3
import subprocess
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg2.extensions import QuotedString

from agent_factory import redaction
from agent_factory.redaction import redact, register_secret

SECRETS = [
    "Canary9Zq",
    "c@n/ry %w\u00f6rd\\\"'$x`&<>",
    "it''s\\\\",
    "\u65e5\u672c \U0001f40d!\ttab",
    "-----,,,;;;",
    "a'b\"c\\d",
]

WRITES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "percent": quote,
    "percent, all": lambda secret: quote(secret, safe=""),
    "percent, every byte": lambda secret: "".join(f"%{byte:02X}" for byte in secret.encode()),
    "plus": quote_plus,
    "a form": lambda secret: urlencode({"p": secret}),
    "an ini file": lambda secret: quote(secret).replace("%", "%%"),
    "repr": repr,
    "repr of a repr": lambda secret: repr(repr(secret)),
    "repr in a dict": lambda secret: repr({"password": secret, "url": f"postgresql://u:{secret}@h"}),
    "repr of bytes": lambda secret: repr(secret.encode()),
    "ascii": ascii,
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda secret: json.dumps(secret, ensure_ascii=False),
    "JSON in JSON": lambda secret: json.dumps(
        json.dumps({"a": secret}, ensure_ascii=False), ensure_ascii=False
    ),
    "shell": shlex.quote,
    "shell, by bash": lambda secret: (
        subprocess.run(
            ["/bin/bash", "-c", 'printf %q "$1"', "-", secret], capture_output=True, text=True, check=True
        ).stdout
    ),
    "shell, doubled quotes": lambda secret: (
        '"' + "".join(f"\\{c}" if c in '\\"$`' else c for c in secret) + '"'
    ),
    "SQL": lambda secret: sqlite3.connect(":memory:").execute("SELECT quote(?)", [secret]).fetchone()[0],
    "SQL, by psycopg2": lambda secret: _by_psycopg2(secret),
    "SQL in SQL": lambda secret: "'" + ("'" + secret.replace("'", "''") + "'").replace("'", "''") + "'",
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 in a URL": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    "hex": lambda secret: secret.encode().hex(),
    "HTML": html.escape,
    "HTML, without quotes": lambda secret: html.escape(secret, quote=False),
}


def _by_psycopg2(secret: str) -> str:
    adapted = QuotedString(secret)
    adapted.encoding = "utf-8"
    return adapted.getquoted().decode()


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("how", WRITES)
def test_a_secret_is_found_in_every_form(secret: str, how: str) -> None:
    register_secret(secret)
    written = WRITES[how](secret)

    said = redact(f"could not connect: {written} is wrong")

    assert _inner(written) not in said
    assert "***" in said
    assert said.startswith("could not connect: ")
    assert said.endswith(" is wrong")


@pytest.mark.parametrize("user", ["u", "us", "use", "user"])
@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_in_the_base64_of_something_longer(user: str, secret: str) -> None:
    register_secret(secret)
    written = base64.b64encode(f"{user}:{secret}@host".encode()).decode()

    assert (
        len(redact(f"Authorization: Basic {written}"))
        < len(f"Authorization: Basic {written}") - len(secret) / 2
    )


@example("000\x7f", "JSON")
@given(
    st.text(st.characters(codec="utf-8"), min_size=4, max_size=30),
    st.sampled_from(sorted(WRITES.keys() - {"shell, by bash"})),
)
def test_whatever_the_secret_is(secret: str, how: str) -> None:
    if "\0" in secret and how.startswith("SQL"):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "_known", {})
        register_secret(secret)
        written = WRITES[how](secret)
        if len(_inner(written)) >= max(len(secret), 6):
            assert _inner(written) not in redact(f"(( {written} ))")


@pytest.mark.parametrize("secret", ["Canary9Zq-long-enough", "c@n/ry %w\u00f6rd\\x-and-more"])
def test_a_secret_that_the_end_of_a_line_divides_or_cuts_off(secret: str) -> None:
    register_secret(secret)
    for at in range(1, len(secret)):
        for end in ("\n", "\r\n"):
            said = redact(f"x {secret[:at]}{end}{secret[at:]} y")
            assert secret[:at] not in said or at < 3
            assert secret[at:] not in said or len(secret) - at < 3
    for at in range(len(secret) // 2 + 1, len(secret)):
        for end in ("", "\n", "...", "\u2026", "  \nmore"):
            assert secret[:at] not in redact(f"x {secret[:at]}{end}")


def test_what_begins_like_a_secret_and_goes_on_otherwise_is_none() -> None:
    register_secret("postgres-is-great")

    assert redact("postgresql://h/db of postgres-is fine") == "postgresql://h/db of postgres-is fine"


def _inner(written: str) -> str:
    return written.strip("'\"=").removeprefix("p=").removeprefix("b'").removeprefix("$'")
