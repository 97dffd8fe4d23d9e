"""Texts that match a pattern of a CHECK: of LIKE, of GLOB, or an everyday regular expression.

A pattern that looks around or back, or names a class that is not here, gives none.
"""

import contextlib
import re
import string
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

_PATTERN = r"(?P<operator>!?~~?\*?|LIKE|ILIKE|GLOB|REGEXP|SIMILAR TO)\s*'(?P<pattern>(?:[^']|'')*)'"
_OF_COLUMN = r"(?<!\w){column}\"?(?:\s*\)|\s*::[\w ]+(?:\(\d+\))?)*\s*" + _PATTERN

_CLASSES = {
    "d": string.digits,
    "w": string.ascii_letters + string.digits,
    "s": " ",
    "D": string.ascii_letters,
    "S": string.ascii_letters + string.digits,
    "digit": string.digits,
    "alpha": string.ascii_letters,
    "alnum": string.ascii_letters + string.digits,
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "xdigit": string.digits + "abcdef",
    "space": " ",
}
_ANCHORS = "AZymMbB"

_TOKEN = re.compile(
    r"\[\^?\]?(?:\[:\w+:\]|\\.|[^\]\\])*\]"  # one character of several
    r"|\\."
    r"|\((?:\?:?)?"
    r"|\{\d+(?:,\d*)?\}"
    r"|.",
    re.DOTALL,
)
_TIMES = re.compile(r"\{(\d+)(,?)(\d*)\}")

_UNBOUNDED = 2**31


def without_patterns(check: str) -> str:
    """Return a CHECK without the patterns in it, so that what is quoted is a value."""
    return re.sub(_PATTERN, "", check, flags=re.IGNORECASE)


def matching_texts(column: str, checks: Sequence[str], number: int) -> Iterator[str]:
    """Make up texts that match what CHECKs ask of a column, others for each ``number``, longer ones first."""
    about = re.compile(_OF_COLUMN.format(column=re.escape(column)), re.IGNORECASE)
    found = [match for check in checks for match in about.finditer(check)]
    for spare in (2, 0):
        for match in found:
            pattern = match["pattern"].replace("''", "'")
            with contextlib.suppress(_UnknownError):
                match match["operator"].upper():
                    case "~~" | "~~*" | "LIKE" | "ILIKE":
                        yield _like(pattern, number)
                    case "GLOB":
                        yield _matching(_as_expression(pattern), number, spare)
                    case "~" | "~*" | "REGEXP":
                        yield _matching(pattern, number, spare)


class _UnknownError(Exception):
    """A pattern says what is not understood here."""


def _like(pattern: str, number: int) -> str:
    return re.sub(r"\\(.)|%|_", lambda one: one[1] or (str(number) if one[0] == "%" else "a"), pattern)


def _as_expression(glob: str) -> str:
    return "".join(
        {"*": r"\w*", "?": r"\w"}.get(part, part if len(part) > 1 else re.escape(part))
        for part in re.findall(r"\[[^\]]+\]|.", glob)
    )


_Choice = TypeVar("_Choice")


class _Choices:
    """Choices that a number makes: its digits, where each choice is one of its base."""

    def __init__(self, number: int) -> None:
        self._left = number

    def one_of(self, among: Sequence[_Choice]) -> _Choice:
        self._left, place = divmod(self._left, len(among))
        return among[place]


_Make = Callable[[_Choices], str]


def _matching(expression: str, number: int, spare: int) -> str:
    """Make a text that matches; what may be there more often than it must is so by up to ``spare``."""
    tokens = deque(_TOKEN.findall(expression))
    make = _alternatives(tokens, spare)
    if tokens:
        raise _UnknownError
    return make(_Choices(number))


def _alternatives(tokens: deque[str], spare: int) -> _Make:
    branches = [_sequence(tokens, spare)]
    while tokens and tokens[0] == "|":
        tokens.popleft()
        branches.append(_sequence(tokens, spare))
    return lambda choices: choices.one_of(branches)(choices)


def _sequence(tokens: deque[str], spare: int) -> _Make:
    parts: list[_Make] = []
    while tokens and tokens[0] not in ("|", ")"):
        parts += [part for part in [_atom(tokens, spare)] for _time in range(_times(tokens, spare))]
    return lambda choices: "".join(part(choices) for part in parts)


def _times(tokens: deque[str], spare: int) -> int:
    """How often what stands before is to be there."""
    if not tokens or not (match := _TIMES.fullmatch(_LONG.get(tokens[0], tokens[0]))):
        return 1
    tokens.popleft()
    if tokens and tokens[0] in ("?", "+"):  # lazy or greedy: the same texts match
        tokens.popleft()
    least = int(match[1])
    most = int(match[3] or _UNBOUNDED) if match[2] else least
    return min(most, least + spare)


_LONG = {"*": "{0,}", "+": "{1,}", "?": "{0,1}"}


def _atom(tokens: deque[str], spare: int) -> _Make:
    token = tokens.popleft()
    if token in ("(", "(?:"):
        make = _alternatives(tokens, spare)
        if not tokens or tokens.popleft() != ")":
            raise _UnknownError
        return make
    characters = _characters(token)
    return lambda choices: choices.one_of(characters) if characters else ""


def _characters(atom: str) -> str:
    """What may stand where a atom stands; an anchor stands for nothing."""
    if atom in ("^", "$"):
        return ""
    if atom == ".":
        return _CLASSES["w"]
    if atom.startswith("["):
        return _members(atom[1:-1])
    if atom.startswith("\\"):
        return _escaped(atom[1:])
    if atom.startswith("(") or atom in _LONG or _TIMES.fullmatch(atom):
        raise _UnknownError
    return atom


def _members(inside: str) -> str:
    is_negated = inside.startswith("^")
    found = ""
    for named, escaped, first, last, single in re.findall(
        r"\[:(\w+):\]|\\(.)|(.)-(.)|(.)", inside.removeprefix("^"), re.DOTALL
    ):
        if named:
            found += _CLASSES.get(named, "")
        elif escaped:
            found += _escaped(escaped)
        elif first:
            found += "".join(map(chr, range(ord(first), ord(last) + 1)))
        else:
            found += single
    members = "".join(one for one in _CLASSES["w"] if one not in found) if is_negated else found
    if not members:
        raise _UnknownError
    return members


def _escaped(character: str) -> str:
    if character in _ANCHORS:
        return ""
    if character in _CLASSES:
        return _CLASSES[character]
    if character.isalnum():
        raise _UnknownError
    return character
