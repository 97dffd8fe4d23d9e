"""Values of rows in what a database says: they may be anybody's, so no log and no journal gets them.

Where the code knows that a text is a value, ``value`` marks it; the marks leave with the values. Elsewhere
values are recognised by the sentences of PostgreSQL and SQLAlchemy that they stand in.
"""

import functools
import re

HIDDEN = "***"

_BEGIN, _END = "\ufdd0", "\ufdd1"
"""Two characters that Unicode keeps for a program's own use: no text may hold them."""

_MARKED = re.compile(rf"{_BEGIN}.*?(?:{_END}|\Z)", re.DOTALL)

_NEAR_VALUES = (
    *("=(", "row contains", "[parameters: ", "LINE ", ", line ", "at RAISE", "at ASSERT", "SQL statement"),
    *("SQL expression", "QUERY: ", "invalid", "malformed", "out of range", "Token ", " parameter", "\ufdd0"),
    *("unrecognized", "no operand", "syntax error", "too long"),
)
"""One of these stands in every text that has something to hide."""

_AFTER_A_KEY = (
    r"\)\ (?:already\ exists|is\ not\ present|is\ still\ referenced|is\ duplicated|conflicts\ with)"
)

_OF_LIBPQ = r"(?:ssl|gss|channel_binding|target_session_attrs|load_balance_hosts|require_auth)\w*\ \w+:"
_WRONG = "|".join(
    (
        *(rf"invalid\ (?!{_OF_LIBPQ})", "malformed", "unrecognized", r"out\ of\ range"),
        *(r"no\ operand", r"syntax\ error\ in", r"is\ too\ long"),
    )
)
_QUOTED = r"""(?:
    (?>"[^\n]*") (?= [\ ).,;]* (?:\n|\Z) | \s+(?:LINE\ \d|DETAIL:|CONTEXT:|HINT:|\[SQL) )
    | "(?s:.{0,1999}?)" (?= [\ ).,;]* (?:\n|\Z) )
    | (?>"[^\n]*")
    | "[^\n]*
)"""
"""A value that ends its sentence. It may have line breaks and quotation marks: the end of a line decides.
What is looked through for it is bounded, and no line twice: a text may have thousands of such sentences."""


@functools.cache  # compiling these two takes a millisecond, and most texts hold no value
def _sentences() -> re.Pattern[str]:
    return re.compile(
        rf"""
          (?P<key> \)\ ?=) \( (?: (?s:.*?) (?={_AFTER_A_KEY}) | [^\n]* (?=\)) ) \)
        | (?P<row> row\ contains\ ) (?s:.*?) (?: \)\.? (?=\s*(?:\n|\Z)) | \Z )
        | (?P<parameters> \[parameters:\ ) (?s:.*?) (?: (?=\](?:\s*\n|\s*\Z|\s*\(Background)) | \Z )
        | (?P<excerpt> \bLINE\ \d+:\ ) [^\n]* (?:\n\ *\^)?
        | (?P<query> ^QUERY:\ \ ?) (?s:.*?) (?=\nCONTEXT:|\Z)
        | (?P<copied> \b(?:COPY|JSON\ data)\b[^\n]*?,?\ line\ \d+(?:,\ column\ [^\n:]+)?:\ ) [^\n]*
        | (?P<context> \bSQL\ (?:statement|expression)\ ) "(?s:.*?)" (?=\s*(?:\n|\Z|PL/))
        | (?P<bound> \bparameters?(?:\ \$\d+)?:?\ \$\d+\ =\ ) [^\n]*
        | (?P<wrong> \b(?:{_WRONG})\b[^\n"]*:\ ) {_QUOTED}
        | (?P<out> \b(?:invalid\ )?value\ ) "(?s:.{{0,1999}}?)" (?=\ (?:is\ out\ of\ range|for\ "))
        | (?P<token> \bToken\ ) "(?s:.{{0,1999}}?)" (?=\ is\ invalid)
        | (?P<near> \bsyntax\ error\ in\ \w+,\ near\ ) "(?s:.{{0,1999}}?)" (?=\ at\ position)
        | (?P<path> \bnear\ ) "(?s:.{{0,1999}}?)" (?=\ of\ jsonpath\ input)
        """,
        re.VERBOSE | re.MULTILINE,
    )


@functools.cache
def _raised() -> re.Pattern[str]:
    return re.compile(
        r"(?m:^)((?:[^\n]*?\(\w+\.errors\.\w+\) )?)"
        r"[^\n]+(?:\n(?!CONTEXT:)[^\n]*)*(?=\nCONTEXT:[^\n]* at (?:RAISE|ASSERT)\b)"
    )


def value(text: str) -> str:
    """Return a text that is a value, or may hold some, with the marks of one."""
    return f"{_BEGIN}{_MARKED.sub(_unmarked, text)}{_END}"


def without_values(text: str) -> str:
    """Return the text with each value hidden."""
    if not any(near in text for near in _NEAR_VALUES):
        return text
    text = _MARKED.sub(HIDDEN, text)
    if "at RAISE" in text or "at ASSERT" in text:
        text = _raised().sub(rf"\g<1>{HIDDEN}", text)
    return _sentences().sub(_hidden, text)


def with_values(text: str) -> str:
    """Return the text with its values, for whoever has asked for them."""
    return text.replace(_BEGIN, "").replace(_END, "")


def _unmarked(match: re.Match[str]) -> str:
    return with_values(match[0])


def _hidden(match: re.Match[str]) -> str:
    kind = match.lastgroup or ""
    return f"{match[kind]}({HIDDEN})" if kind in ("key", "row") else f"{match[kind]}{HIDDEN}"
