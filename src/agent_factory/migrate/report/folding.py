"""Where lines of SQL and of prose may be broken, so that they fit and still say the same."""

import re
import unicodedata
from collections.abc import Sequence

from agent_factory.migrate.db.sql import blanked

_CLAUSE = re.compile(
    r"(?:ADD|ALTER|AND|AS|CHECK|DEFAULT|DROP|EXECUTE|FOREIGN|FROM|GROUP|INCLUDE|JOIN|LEFT|NOT|ON|OR|ORDER|"
    r"PRIMARY|REFERENCES|RETURNING|SELECT|SET|UNIQUE|USING|VALUES|WHERE|WITH)\b",
    re.IGNORECASE,
)
"""Words before which a line ends more readably than elsewhere."""

_AMOUNT = re.compile(
    r"(?<=\d) (?=(?:ms|s|min|h|days|bytes|[kMGT]B|%|rows?)\b)|(?:(?<=\bstatement)|(?<=\bstatements)) (?=\d)"
)
"""Between a number and what it counts a line does not end."""

_CALL = re.compile(
    r"""(?P<indent>\s*)(?P<call>[^"']*\()(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?P<end>\).*)"""
)
"""A line of Python that hands one literal to a call."""

_DEEPER = "    "
_BOUND = "\0"


def fold_sql(sql: str, width: int | None) -> list[str]:
    """Return the lines of a statement, broken between words only, and never inside quotes or comments.

    What cannot be broken is longer than ``width``. None folds nothing. Tabs that indent become spaces.
    """
    plain = blanked(sql, fill="\0")  # a line end would change what they are
    folded: list[str] = []
    start = 0
    for line in sql.split("\n"):
        shape = plain[start : start + len(line)]
        start += len(line) + 1
        tabs = len(shape) - len(shape.lstrip("\t"))
        lead = _DEEPER * tabs
        line, shape = lead + line[tabs:].rstrip(), lead + shape[tabs:]
        folded += [line] if width is None else _fold_line(line, shape, width)
    return folded


def fold_words(text: str, width: int | None, *, first: int | None = None) -> list[str]:
    """Return prose in lines of at most ``width``, the first one of at most ``first``.

    A longer word has a line of its own. None folds nothing.
    """
    words = [word.replace(_BOUND, " ") for word in _AMOUNT.sub(_BOUND, text).split()]
    if width is None or not words:
        return [" ".join(words)]
    lines = [words[0]]
    room = (width if first is None else first) - cells(words[0])
    for word in words[1:]:
        needed = cells(word) + 1
        if needed <= room:
            lines[-1] += f" {word}"
            room -= needed
        else:
            lines.append(word)
            room = width - needed + 1
    return lines


def fold_call(line: str, width: int | None) -> list[str]:
    """Return a line of Python; one that hands a long literal to a call as several that mean the same."""
    match = _CALL.fullmatch(line)
    if width is None or cells(line) <= width or match is None:
        return [line]
    quote, text = match["text"][0], match["text"][1:-1]
    indent = match["indent"] + _DEEPER
    room = max(width - cells(indent) - 2, 20)
    parts = [""]
    for word in re.findall(r" ?[^ ]*", text)[:-1]:
        if parts[-1] and cells(parts[-1]) + cells(word) > room:
            parts.append("")
        parts[-1] += word
    return [
        match["indent"] + match["call"],
        *(f"{indent}{quote}{part}{quote}" for part in parts),
        match["indent"] + match["end"],
    ]


def shorten(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines, at most ``most``, and how many are left out."""
    if len(lines) <= most:
        return list(lines)
    left = len(lines) - most + 1
    return [*lines[: most - 1], f"... {left:,} more lines"]


def one_line(text: str) -> str:
    """Return the text as one line: a name with a line end in it cannot pass for a line of ours."""
    return " ".join(text.split())


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _fold_line(line: str, plain: str, width: int) -> list[str]:
    own = len(line) - len(line.lstrip())
    lead = line[:own]
    folded: list[str] = []
    start = own
    while True:
        before = lead + _DEEPER if folded else lead
        end = _fitting(line, start, width - cells(before))
        if end == len(line):
            return [*folded, before + line[start:]]
        space = _break(plain, start, end)
        if space is None:
            return [*folded, before + line[start:]]
        folded.append(before + line[start:space].rstrip())
        start = space + 1


def _fitting(line: str, start: int, room: int) -> int:
    """Return the offset up to which the line fits into the room."""
    if line.isascii():
        return min(len(line), start + max(room, 1))
    end = start
    while end < len(line) and room > 0:
        room -= _cells_of(line[end])
        end += 1
    return end if room >= 0 else end - 1


def _break(plain: str, start: int, end: int) -> int | None:
    """Return where to break: before a clause in the second half, else the last space, else the next one."""
    spaces = [offset for offset in range(start + 1, min(end + 1, len(plain))) if plain[offset] == " "]
    if not spaces:
        later = plain.find(" ", end)
        return later if later >= 0 else None
    half = start + (end - start) // 2
    clauses = [space for space in spaces if space > half and _CLAUSE.match(plain, space + 1)]
    return clauses[-1] if clauses else spaces[-1]
