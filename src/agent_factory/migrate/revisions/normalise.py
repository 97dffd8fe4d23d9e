"""The text of a revision file as it is compared, kept and hashed."""

import hashlib
from pathlib import Path


def normalised(source: str) -> str:
    """Return a file's text as it is compared: line ends and blanks at the end of a line do not count."""
    return "\n".join(line.rstrip() for line in source.splitlines()).rstrip("\n") + "\n"


def read_normalised(path: Path) -> str:
    """Return the text of this file, normalised."""
    return normalised(path.read_bytes().decode())


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of this file's normalised text."""
    return source_sha256(read_normalised(path))


def source_sha256(source: str) -> str:
    """Return the SHA-256 of a normalised source, in hexadecimal."""
    return hashlib.sha256(source.encode()).hexdigest()
