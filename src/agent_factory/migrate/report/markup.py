"""GitHub's Markdown: text in which nothing is markup, a mention or a link, and parts that fit a comment."""

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from agent_factory.migrate.report.folding import one_line

LIMIT = 65_000
"""Characters; GitHub takes 65,536 for a comment, and a little is left for what others put around it."""
LONGEST_NAME = 200
LONGEST_TEXT = 4_000

_MARKED = re.compile(r"[\\`*_\[\]~$]")
_FIRST = re.compile(r"^(\d*)([-+=#.)])")
_LINKED = re.compile(r"(?<=[@#])|(?<=\bwww)(?=\.)|(?<=:)(?=//)|(?<=\bGH)(?=-)", re.IGNORECASE)
"""Where GitHub would see a person to notify, an issue to refer to or an address; code is left as it is."""
_GAP = "\0"
_ZERO_WIDTH = "&#8203;"
_BAR = "&#124;"


def joined(parts: Iterable[str]) -> str | None:
    """Return the parts as one text, None as soon as they are too long."""
    kept, length = [], 0
    for part in parts:
        kept.append(part)
        length += len(part) + 2
        if length > LIMIT:
            return None
    return "\n\n".join(kept) + "\n"


def cut(parts: Iterable[str], elsewhere: str) -> str:
    """Join as many parts as there is room for, and say how many there are more; ``elsewhere`` has all."""
    kept, left, room = [], 0, LIMIT - 200
    for part in parts:
        if left or len(part) + 2 > room:
            left += 1
        else:
            kept.append(part)
            room -= len(part) + 2
    kept.append(f"*{left:,} more parts are too long for a comment: {elsewhere} has all of it.*")
    return "\n\n".join(kept) + "\n"


def folded(title: str, parts: Sequence[str]) -> Iterator[str]:
    """Put parts behind a click. The empty lines have Markdown read again inside."""
    yield "\n\n".join([f"<details><summary>{title}</summary>", *parts, "</details>"])


def prose(text: str, longest: int = LONGEST_NAME) -> str:
    """Return one line of prose, in which nothing is markup, a mention or a link."""
    line = _LINKED.sub(_GAP, shortened(one_line(text), longest, ""))
    escaped = _MARKED.sub(r"\\\g<0>", html.escape(line, quote=False))
    escaped = _FIRST.sub(r"\1\\\2", escaped)
    return escaped.replace("|", _BAR).replace(_GAP, _ZERO_WIDTH)


def html_prose(text: str, longest: int = LONGEST_NAME) -> str:
    """The same inside of HTML, where Markdown is not read."""
    line = _LINKED.sub(_GAP, shortened(one_line(text), longest, ""))
    return html.escape(line, quote=False).replace(_GAP, _ZERO_WIDTH)


def inline_code(text: str) -> str:
    """Return a name as code, in more backticks than it has itself."""
    line = shortened(one_line(text), LONGEST_NAME, "")
    if not line:
        return ""
    ticks = "`" * (_longest_run(line) + 1)
    space = " " if "`" in (line[0], line[-1]) else ""
    return f"{ticks}{space}{line}{space}{ticks}"


def code_in_table(text: str) -> str:
    """A bar ends a cell of a table even in code, whatever is before it."""
    return f"<code>{prose(text)}</code>" if "|" in text else inline_code(text)


def fence(text: str, language: str) -> str:
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{text}\n{ticks}"


def shortened(text: str, longest: int, comment: str) -> str:
    if len(text) <= longest:
        return text
    if not comment:
        return f"{text[: longest - 3]}..."
    return f"{text[:longest].rstrip()}\n{comment} ... {len(text) - longest:,} more characters"


def _longest_run(text: str) -> int:
    return max(map(len, re.findall(r"`+", text)), default=0)
