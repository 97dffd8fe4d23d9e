"""What a revision file declares, read from its text.

The form that Alembic's templates write is read with an expression; whatever differs from it is left to the
syntax tree, and what is known only by running the file is left out.
"""

import re
import warnings
from dataclasses import dataclass
from pathlib import Path

_TEXT = r"""(?:'[^'"\\\n]*'|"[^'"\\\n]*")"""
_TEXTS = rf"""(?:None|{_TEXT}|\(\s*(?:{_TEXT}\s*,\s*)+(?:{_TEXT}\s*)?\)|\(\s*\))"""
_NAMES = r"revision|down_revision|branch_labels|depends_on"
_COMMENT = r"[^\S\n]*(?:\#[^\n]*)?\n"
_PLAIN = re.compile(
    rf'''
    \A (?: {_COMMENT} )*
    (?: """ (?P<doc> (?: [^"\\] | "(?!"") )* ) """ {_COMMENT} )?
    (?:
        {_COMMENT}
      | (?! [^\n]* \b (?: {_NAMES} ) \b ) (?: import | from )[ ][\w., ]+ (?: import[ ][\w., ]+ )? {_COMMENT}
    )*
    (?P<declared>
        (?: {_COMMENT} | (?: {_NAMES} ) (?: [ ]* : [ ]* [\w.\[\], |]+ )? [ ]* = [ ]* {_TEXTS} {_COMMENT} )+
    )
    ''',
    re.VERBOSE,
)
"""A text, imports, and then the declarations, each with a literal; what stands after them is not read.

``declared`` is where they are. Wildcard imports and those over several lines are none of this form.
"""

_DECLARATION = re.compile(rf"^(?P<name>{_NAMES})(?:[ ]*:[^=\n]*)?[ ]*=[ ]*(?P<value>{_TEXTS})", re.MULTILINE)
_BOUND_OTHERWISE = re.compile(
    rb"\b(?:globals|locals|vars|exec|eval|setattr|sys\.modules|__dict__|__doc__|__getattr__)\b"
)
"""How a file may bind names, or the message, that its text does not show."""

_DIFFERS_BY_VERSION = re.compile(r"\t|\n\s")
"""What Python may change of a text at the beginning of a file: from 3.13 on it takes indents from it."""

_NAMED = re.compile(rf"\b(?:{_NAMES})\b")
_QUOTED = re.compile(_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What one revision file says of itself, as Alembic would find it.

    ``message`` is what Alembic shows of the text at its beginning; None where only running it would show it.
    """

    id: str
    parents: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    message: str | None


def read_declared(data: bytes) -> Declared | None:
    """Return what a file of this content declares; None where it is broken, or would have to be run."""
    if _BOUND_OTHERWISE.search(data) or not _compiles(data):
        return None
    return _read_plain(data) or _read_syntax(data)


def _compiles(data: bytes) -> bool:
    """Say whether Python takes the file, and has nothing to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            compile(data, "revision.py", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError, Warning):
            return False
    return True


def _read_plain(data: bytes) -> Declared | None:
    """Read the form that Alembic's templates write; None for every other."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\r" in text or "\f" in text or "coding" in text[:200]:  # PEP 263: a line may name another encoding
        return None
    match = _PLAIN.match(text)
    if match is None or _NAMED.search(text, match.end()):
        return None  # a name that is there again may be bound again
    values: dict[str, tuple[str, ...]] = {}
    for found in _DECLARATION.finditer(match["declared"]):
        if found["name"] in values:
            return None
        values[found["name"]] = tuple(text[1:-1] for text in _QUOTED.findall(found["value"]))
    return _declared(values, match["doc"])


def _read_syntax(data: bytes) -> Declared | None:
    from agent_factory.migrate.revisions.parse import read_revision_file  # ast and tokenize: 15 ms

    file = read_revision_file(Path("revision.py"), data)
    if file.broken or file.computed or file.id is None or "*" in file.defines:
        return None
    if "__getattr__" in file.defines or "down_revision" not in file.defines:
        return None
    return _declared(
        {
            "revision": (file.id,),
            "down_revision": file.parents,
            "branch_labels": file.labels,
            "depends_on": file.depends_on,
        },
        file.doc,
    )


def _declared(values: dict[str, tuple[str, ...]], doc: str | None) -> Declared | None:
    if len(values.get("revision", ())) != 1 or "down_revision" not in values:
        return None
    return Declared(
        id=values["revision"][0],
        parents=values["down_revision"],
        depends_on=values.get("depends_on", ()),
        labels=values.get("branch_labels", ()),
        message=_message(doc or ""),
    )


def _message(doc: str) -> str | None:
    first = doc.strip().split("\n\n")[0]
    return None if _DIFFERS_BY_VERSION.search(first) else first
