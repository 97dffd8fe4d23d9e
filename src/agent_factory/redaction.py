"""Secrets that this process has read, and their removal from everything it says.

A secret is registered where it is read and removed where text leaves the program, so no code
between the two has to remember which values are secret.
"""

import functools
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

MASK = "***"

_known: dict[str, None] = {}
_listening: list[Callable[[tuple[str, ...]], None]] = []
# Each may be cut off by the end of the text: the beginning of a password is secret too.
_LITERAL = r"""(?:
    \$(?P<tag>\w*)\$ .*? (?: \$(?P=tag)\$ | \Z )
  | \\' (?: \\[^'] | [^'\\] )* (?: \\' | \Z )  # as Python escapes it
  | (?: E | U& )? '' (?!') (?: '{4} | \\ (?: '' | . | \Z ) | [^'\\] )* (?: '{1,3} | \Z )  # inside another
  | (?: E | U& )? ' (?: '' | \\ (?: . | \Z ) | [^'\\] )* (?: ' | \Z )
)"""
_FLAGS = re.IGNORECASE | re.VERBOSE | re.DOTALL
URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]*:)(?!password@)([^\s@]+)(@)", re.IGNORECASE)


@functools.cache  # compiling these two takes a millisecond, and most texts name no password
def sql_password() -> re.Pattern[str]:
    """Return what finds a password in SQL: the words before it, and the literal."""
    return re.compile(rf"(\b PASSWORD \s+) {_LITERAL}", _FLAGS)


@functools.cache
def assigned_password() -> re.Pattern[str]:
    """Return what finds a password that is assigned to its name, as in connection strings."""
    return re.compile(
        rf"""(password "? \s* (?: => | := | = ) \s*)
    (?: {_LITERAL} | " (?: \\ (?: . | \Z ) | [^"\\] )* (?: " | \Z ) | (?: \\ . | [^\s'] )+ )""",
        _FLAGS,
    )


def register_secret(secret: str) -> None:
    """Have ``redact`` remove this secret from now on, in each form in which a URL or an ini file spells it.

    A secret of fewer than four characters is not searched for on its own: it would be found in
    ordinary words and make every message unreadable. Inside a URL ``redact`` hides it all the same.
    """
    if len(secret) < 4:
        return
    spellings = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), repr(secret)[1:-1]}
    spellings |= {spelling.replace("%", "%%") for spelling in spellings}
    new = tuple(spellings - _known.keys())
    learn_secrets(new)
    if new:
        for told in _listening:
            told(new)


def secrets_known() -> tuple[str, ...]:
    """Return every spelling that ``redact`` removes, for another process to learn."""
    return tuple(_known)


def learn_secrets(spellings: Iterable[str]) -> None:
    """Have ``redact`` remove what it removes in another process."""
    _known.update(dict.fromkeys(spellings))


def on_new_secret(told: Callable[[tuple[str, ...]], None]) -> None:
    """Have this be called with the spellings of each secret that is registered from now on."""
    _listening.append(told)


def redact(text: str) -> str:
    """Return the text without registered secrets, and without passwords that nobody registered: in URLs, as
    ``PASSWORD '...'`` of SQL, as ``password=...`` of connection strings. It rather takes too much."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    if "://" in text:
        text = URL_PASSWORD.sub(rf"\g<1>{MASK}\g<3>", text)
    if "password" in text.lower():
        text = sql_password().sub(rf"\g<1>'{MASK}'", text)
        text = assigned_password().sub(rf"\g<1>{MASK}", text)
    return text
