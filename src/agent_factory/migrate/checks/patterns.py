"""Texts that match a pattern of a CHECK: of LIKE, of GLOB, or a regular expression.

The texts of regular expressions are made by rstr, which the ``rehearsal`` extra brings. Where it is missing,
or does not understand an expression, there are none.
"""

import contextlib
import re
import string
import warnings
from collections.abc import Iterator, Sequence
from random import Random
from typing import TypeVar

from agent_factory.migrate.db.sql import LITERAL

_PATTERN = rf"(?P<operator>!?~~?\*?|LIKE|ILIKE|GLOB|REGEXP|SIMILAR TO)\s*(?P<pattern>{LITERAL})"
_OF_COLUMN = r"(?<!\w){column}\"?(?:\s*\)|\s*::[\w ]+(?:\(\d+\))?)*\s*" + _PATTERN

_PLAIN = string.ascii_letters + string.digits
_NAMED_CLASSES = {
    "[:digit:]": "0-9",
    "[:alpha:]": "a-zA-Z",
    "[:alnum:]": "a-zA-Z0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9a-fA-F",
    "[:space:]": r"\s",
}
_PART = re.compile(
    r"(?P<some>\[\^?\]?(?:\\.|[^\]\\])*\]|\\[dDSwW]|\.)"  # one character of several
    r"|\\(?P<edge>[mMy])|\\.|\(\?:?"
    r"|(?P<often>[*+?]|\{\d+,\d*\})[?+]?",
    re.DOTALL,
)
_OFTEN = {"*": "{0,}", "+": "{1,}", "?": "{0,1}"}
_UNBOUNDED = 2**31

_Choice = TypeVar("_Choice")


def without_patterns(check: str) -> str:
    """Return a CHECK without the patterns in it, so that what is quoted is a value."""
    return re.sub(_PATTERN, "", check, flags=re.IGNORECASE)


def matching_texts(column: str, checks: Sequence[str], number: int) -> Iterator[str]:
    """Make up texts that match what CHECKs ask of a column, others for each ``number``, longer ones first."""
    about = re.compile(_OF_COLUMN.format(column=re.escape(column)), re.IGNORECASE)
    found = [match for check in checks for match in about.finditer(check)]
    for spare in (2, 0):
        for match in found:
            pattern = match["pattern"][1:-1].replace("''", "'")
            match match["operator"].upper():
                case "~~" | "~~*" | "LIKE" | "ILIKE":
                    yield _like(pattern, number)
                case "GLOB":
                    yield from _matching(_as_expression(pattern), number, spare)
                case "~" | "~*" | "REGEXP":
                    yield from _matching(pattern, number, spare)


def _like(pattern: str, number: int) -> str:
    return re.sub(r"\\(.)|%|_", lambda one: one[1] or (str(number) if one[0] == "%" else "a"), pattern)


def _as_expression(glob: str) -> str:
    return "".join(
        {"*": r"\w*", "?": r"\w"}.get(part, part if len(part) > 1 else re.escape(part))
        for part in re.findall(r"\[[^\]]+\]|.", glob)
    )


class _Digits(Random):
    """Choices that a number makes: its digits, where each choice is one of its base; of a range, the end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._left = number

    def choice(self, seq: Sequence[_Choice]) -> _Choice:  # type: ignore[override]
        self._left, place = divmod(self._left, len(seq))
        return seq[place]

    def randint(self, _least: int, most: int) -> int:
        return most


def _matching(expression: str, number: int, spare: int) -> list[str]:
    """Make a text that matches, if one can be made.

    What may be there more often than it must is so by up to ``spare``, and of the characters that may stand
    at a place a letter or a digit is taken where there is one.
    """
    for name, members in _NAMED_CLASSES.items():
        expression = expression.replace(name, members)
    with (
        contextlib.suppress(ImportError, re.error, LookupError, ValueError, OverflowError),
        warnings.catch_warnings(action="ignore"),  # of what a later Python may read differently
    ):
        from rstr import Rstr

        expression = _PART.sub(lambda part: _simpler(part, spare), expression)
        text = Rstr(_Digits(number)).xeger(expression)
        return [text] if re.search(expression, text) else []
    return []


def _simpler(part: re.Match[str], spare: int) -> str:
    if part["some"]:
        members = "".join(one for one in _PLAIN if re.match(part["some"], one))
        return f"[{members}]" if members else part["some"]
    if part["often"]:
        least, most = _OFTEN.get(part["often"], part["often"])[1:-1].split(",")
        return f"{{{least},{min(int(most or _UNBOUNDED), int(least) + spare)}}}"
    return r"\b" if part["edge"] else part[0]
