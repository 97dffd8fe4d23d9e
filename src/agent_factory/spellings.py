"""In how many ways a program may print one secret."""

import binascii
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

_ENCODED_FROM = 6
"""Of shorter secrets what base64 makes of them, without its neighbours, is a few letters of any word."""


def spellings(secret: str) -> set[str]:
    """Return each way in which URLs, ini files, Python, JSON, shells, SQL, HTML, base64 and hex digits
    write this secret; the secret itself is among them.
    """
    found = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret)}
    found |= {spelled.lower() for spelled in (quote(secret, safe=""), quote(secret)) if "%" in spelled}
    found.add("".join(f"%{byte:02X}" for byte in _bytes(secret)))
    found |= {*_quoted(secret), *_in_python(secret), *_in_json(secret), *_in_html(secret)}
    found |= {spelled.replace("%", "%%") for spelled in found}
    found |= {*_in_base64(secret), _bytes(secret).hex(), _bytes(secret).hex().upper()}
    return {spelled for spelled in found if len(spelled) >= len(secret) or len(spelled) >= _ENCODED_FROM}


def _quoted(secret: str) -> Iterator[str]:
    """In quotes of SQL, once and within one another, and of a shell."""
    doubled = secret.replace("'", "''")
    yield from (doubled, doubled.replace("'", "''"), secret.replace('"', '""'))
    yield from (secret.replace("\\", "\\\\"), doubled.replace("\\", "\\\\"))
    yield secret.replace("\\", "\\\\").replace("'", "\\'")
    for quote_in_quotes in ("'\"'\"'", "'\\''"):
        yield secret.replace("'", quote_in_quotes)
    for unquoted in ("_@%+=:,./-", "_@%+=:./-"):
        yield "".join(each if each.isalnum() or each in unquoted else f"\\{each}" for each in secret)
    within = secret.replace("\\", "\\\\").replace('"', '\\"')
    yield within.replace("$", "\\$").replace("`", "\\`")


def _in_python(secret: str) -> Iterator[str]:
    for written in (repr(secret), ascii(secret), repr(_bytes(secret))[1:]):
        yield written[1:-1]
        yield repr(written)[1:-1]
    for quote_mark in "'\"":
        yield secret.replace("\\", "\\\\").replace(quote_mark, f"\\{quote_mark}")


def _in_json(secret: str) -> Iterator[str]:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
    plain = "".join(escapes.get(each, each if each >= " " else f"\\u{ord(each):04x}") for each in secret)
    in_ascii = "".join(each if each <= "~" else _units(each) for each in plain)  # U+007F is escaped, too
    for written in (plain, in_ascii):
        yield written
        yield written.replace("/", "\\/")
        yield written.replace("\\", "\\\\").replace('"', '\\"')  # JSON within JSON
    yield "".join(f"\\u{ord(each):04x}" if each in "<>&'" else each for each in in_ascii)


def _units(character: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at]:02x}{data[at + 1]:02x}" for at in range(0, len(data), 2))


def _in_html(secret: str) -> Iterator[str]:
    basic = secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    yield from (basic, basic.replace('"', "&quot;").replace("'", "&#x27;"))
    yield basic.replace('"', "&#34;").replace("'", "&#39;")


def _in_base64(secret: str) -> Iterator[str]:
    """Its own, and the part that is always the same where it stands among others, as ``user:secret`` does."""
    data = _bytes(secret)
    for before in range(3 if len(secret) >= _ENCODED_FROM else 1):
        whole = binascii.b2a_base64(b"\0" * before + data, newline=False).decode().rstrip("=")
        # A character of base64 is six bits: those at the edges have bits of the neighbours.
        first = -(-before * 8 // 6)
        part = whole[first : (before + len(data)) * 8 // 6]
        for written in (part, *([whole] if not before else [])):
            yield written
            yield written.replace("+", "-").replace("/", "_")


def _bytes(secret: str) -> bytes:
    return secret.encode(errors="surrogateescape")
