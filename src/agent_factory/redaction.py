"""Secrets that this process has read, and their removal from everything it says.

A secret is registered where it is read and removed where text leaves the program, so no code
between the two has to remember which values are secret.
"""

import functools
import os
import re
from collections.abc import Callable, Iterable

from agent_factory.plain_text import encodable
from agent_factory.row_values import with_values, without_values
from agent_factory.spellings import spellings

MASK = "***"

_SECRET_VARIABLES = frozenset(
    {
        *("DATABASE_URL", "AF_DB_SCRATCH_URL", "STAGING_DATABASE_URL"),
        *("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY", "PGPASSWORD"),
    }
)
_TOLD_BY = 6
"""Characters of a beginning from which a secret is known, at least."""

_LEAST = 3
"""Characters of a beginning for which what follows is waited for."""

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
    """Have ``redact`` remove this secret from now on, in each form in which a program prints it.

    A secret of fewer than four characters is not searched for on its own: it would be found in
    ordinary words and make every message unreadable. Inside a URL ``redact`` hides it all the same.
    """
    if len(secret) < 4:
        return
    new = tuple(spellings(secret) - _known.keys())
    learn_secrets(new)
    if new:
        for told in _listening:
            told(new)


def secrets_known() -> tuple[str, ...]:
    """Return every spelling that ``redact`` removes, for another process to learn."""
    return tuple(_known)


def learn_secrets(new: Iterable[str]) -> None:
    """Have ``redact`` remove what it removes in another process."""
    _known.update(dict.fromkeys(new))


def on_new_secret(told: Callable[[tuple[str, ...]], None]) -> None:
    """Have this be called with the spellings of each secret that is registered from now on."""
    _listening.append(told)


def redact(text: str, *, values: bool = False) -> str:
    """Return the text without registered secrets, and without passwords that nobody registered: in URLs, as
    ``PASSWORD '...'`` of SQL, as ``password=...`` of connection strings. It rather takes too much.

    The values of rows that a database has quoted are hidden, unless ``values``.
    A registered secret is found too where it goes on in the next line, and where the end of a line, or
    ``...``, has cut it off. The text that is returned can be encoded.
    """
    text = with_values(text) if values else without_values(text)
    if _known:
        text = _without_known(text)
    if "://" in text:
        text = URL_PASSWORD.sub(rf"\g<1>{MASK}\g<3>", text)
    if "password" in text.lower():
        text = sql_password().sub(rf"\g<1>'{MASK}'", text)
        text = assigned_password().sub(rf"\g<1>{MASK}", text)
    return encodable(text)


def may_go_on(text: str) -> bool:
    """Say whether the text ends as a registered secret begins, so that what follows may make it one."""
    secrets, _beginnings = _prepare()
    return any(
        text.endswith(secret[:length])
        for secret in secrets
        if secret[:_LEAST] in text
        for length in range(_LEAST, len(secret))
    )


def environment_without_secrets() -> dict[str, str]:
    """Return this process's environment for a program that needs none of its secrets, such as git."""
    return {name: value for name, value in os.environ.items() if not _is_secret(name, value)}


def _is_secret(name: str, value: str) -> bool:
    return name.upper() in _SECRET_VARIABLES or redact(value) != encodable(value)


_prepared: tuple[dict[str, None], tuple[str, ...], tuple[str, ...]] = (_known, (), ())


def _prepare() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what is known, the longest first, and how each of it begins: few texts have a beginning."""
    global _prepared
    known, secrets, beginnings = _prepared
    if known is not _known or len(secrets) != len(_known):
        secrets = tuple(sorted(_known, key=len, reverse=True))
        beginnings = tuple({_beginning(secret)[:_TOLD_BY] for secret in secrets})
        _prepared = (_known, secrets, beginnings)
    return secrets, beginnings


def _without_known(text: str) -> str:
    """Remove secrets, also those that the end of a line divides, or cuts off after more than half of them."""
    secrets, beginnings = _prepare()
    if any(beginning in text for beginning in beginnings):
        for secret in secrets:
            text = text.replace(secret, MASK)
    if "\n" in text:
        joined = text.replace("\r", "").replace("\n", "")
        if any(beginning in joined for beginning in beginnings):
            for secret in secrets:
                if secret in joined:
                    text = _divided(secret).sub(MASK, text)
    if any(beginning in text for beginning in beginnings):
        for secret in secrets:
            if _beginning(secret) in text:
                text = _cut_off(secret).sub(MASK, text)
    return text


@functools.lru_cache(maxsize=256)
def _divided(secret: str) -> re.Pattern[str]:
    return re.compile(r"(?:\r?\n)?".join(map(re.escape, secret)))


def _beginning(secret: str) -> str:
    return secret[: max(_TOLD_BY, len(secret) // 2 + 1)]


@functools.lru_cache(maxsize=256)
def _cut_off(secret: str) -> re.Pattern[str]:
    first = _beginning(secret)
    rest = ""
    for character in reversed(secret[len(first) :]):
        rest = f"(?:{re.escape(character)}{rest})?"
    return re.compile(rf"{re.escape(first)}{rest}(?=\.\.\.|\u2026|[ \t]*(?:[\r\n]|\Z))")
