"""Text that can be shown and kept, made of whatever there is. No function here fails."""

from collections.abc import Iterable


def text_of(error: BaseException) -> str:
    """Return what an exception says, in characters that every UTF-8 stream takes, without a NUL."""
    try:
        said = str(error)
    except KeyboardInterrupt:
        raise
    except BaseException as another:  # noqa: BLE001 - it is somebody's __str__
        said = f"(what it says cannot be read: {type(another).__name__} in its __str__)"
    return without_nul(said)


def encodable(text: str) -> str:
    """Return the text with each lone surrogate written as an escape, so that it can be encoded."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="backslashreplace").decode()
    return text


def without_nul(text: str) -> str:
    """Return ``encodable`` text in which a NUL is an escape too."""
    return encodable(text.replace("\0", r"\x00"))


def fitting(text: str, encodings: Iterable[str]) -> str:
    """Return text that each of these encodings can hold: what one of them has no character for is escaped.

    An encoding that Python does not know holds ASCII.
    """
    text = without_nul(text)
    for encoding in () if text.isascii() else encodings:
        try:
            text = text.encode(encoding, "backslashreplace").decode(encoding)
        except (LookupError, ValueError):
            text = text.encode("ascii", "backslashreplace").decode("ascii")
    return text
