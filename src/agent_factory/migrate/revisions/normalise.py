"""The text of a revision file as it is compared, kept and hashed."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from agent_factory.migrate.revisions.contents import FileContent, content_of


def normalised(source: str) -> str:
    """Return a file's text as it is compared: line ends and blanks at the end of a line do not count."""
    return "\n".join([line.rstrip() for line in source.splitlines()]).rstrip("\n") + "\n"


def text_of(content: FileContent) -> str:
    """Return the text of a file in the encoding that it declares; in place of bytecode, what it is."""
    if content.is_bytecode:
        return (
            f"(bytecode without its source: {len(content.data)} bytes, SHA-256 {content_sha256(content)})\n"
        )
    encoding = _declared_encoding(content.data)
    try:
        text = content.data.decode(encoding)
    except (LookupError, ValueError):  # Python does not execute such a file
        text = content.data.decode(errors="replace")
    if text.isascii() and "\0" not in text:
        return text
    # PostgreSQL keeps neither a NUL nor half of a surrogate pair.
    return text.encode(errors="replace").decode().replace("\0", "\ufffd")


def read_normalised(path: Path) -> str:
    """Return the text of this file, as it was first read, normalised."""
    return normalised(text_of(content_of(path)))


def read_hashed(path: Path) -> tuple[str, str]:
    """Return ``read_normalised`` and ``file_sha256`` of this file."""
    content = content_of(path)
    source = normalised(text_of(content))
    return source, content_sha256(content) if content.is_bytecode else source_sha256(source)


def source_line(path: Path, number: int | None, masked: Callable[[str], str] = str) -> str:
    """Return a line of this file, as it was first read, without the blanks around it; empty for bytecode.

    ``masked`` returns the file's text as it may be shown, with as many lines.
    """
    content = content_of(path)
    lines = [] if content.is_bytecode else masked(re.sub("\r\n|\r", "\n", text_of(content))).split("\n")
    return lines[number - 1].strip() if number and number <= len(lines) else ""


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of this file's normalised text, or of its bytes where it is bytecode."""
    return read_hashed(path)[1]


def text_sha256(content: FileContent) -> str:
    """Return the SHA-256 of a file's normalised text, in hexadecimal."""
    return source_sha256(normalised(text_of(content)))


def content_sha256(content: FileContent) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(content.data).hexdigest()


def source_sha256(source: str) -> str:
    """Return the SHA-256 of a normalised source, in hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()


def _declared_encoding(data: bytes) -> str:
    """The encoding that a comment in the first two lines names (PEP 263); UTF-8 without one."""
    if b"coding" not in b"".join(data.split(b"\n", 2)[:2]):
        return "utf-8"
    from agent_factory.migrate.revisions.parse import encoding_of  # ast: few files name an encoding

    try:
        encoding = encoding_of(data)
    except SyntaxError:
        return "utf-8"
    return "utf-8" if encoding.startswith("utf-8") else encoding
