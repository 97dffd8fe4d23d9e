"""Passwords that a revision spells itself: its statements and its source as they are shown and kept.

A secret is not searched for by its spelling. Where one of a list of words stands as a keyword, as an
identifier to which something is assigned or that is inserted into, or as the name of an option, all literals
of that statement, or that line of Python, are masked, whatever their quotes are. The name of a column in DDL
masks nothing.
"""

import io
import re
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from agent_factory.migrate.db.sql import QUALIFIED, Kind, opaque_parts, split
from agent_factory.redaction import MASK

WORDS = (
    *("password", "pgpassword", "passwd", "pwd", "passphrase"),
    *("secret", "token", "api_key", "access_key", "secret_key"),
)
"""Words that a secret stands behind: alone, or as the last word of a name, such as ``hashed_password``."""

KEYWORDS = (*WORDS, "key", "identified", "connection")
"""Words that a literal follows directly: keywords, and names of options of servers and user mappings."""

_WORD = rf"(?:[\w$]*[_$])?(?:{'|'.join(WORDS)})"
_LITERAL = "\0"
"""What each character of a literal is replaced by in a statement's outline."""

_IN_EACH_WORD = ("passw", "pwd", "passphrase", "secret", "token", "api_key", "access_key", "identified")
_KEY = re.compile(r"key\W{0,9}['$]")
_CONNECTION = re.compile(r"connection\W{0,9}['$]")
_FOLLOWED = re.compile(
    rf"""(?<![\w$]) "? (?:{"|".join(KEYWORDS)}|{_WORD}) "?
    (?:\s+ (?:BY|WITH\s+\w+(?:\s+(?:BY|AS))?))? \s* {_LITERAL}""",
    re.IGNORECASE | re.VERBOSE,
)
_ASSIGNED = re.compile(
    rf"""(?<![\w$]) "? {_WORD} "? \s* (?: := | => | = | \bTO\b ) \s*
    (?: {_LITERAL} | [\w."]+ \s* \( | [(:%$?{{] | [a-z]\w* \s* {_LITERAL} )
    | (?<![\w$]) {_WORD} \s [\w.\[\]()\ ]{{1,40}} :=""",
    re.IGNORECASE | re.VERBOSE,
)
_INSERTS_INTO = re.compile(
    rf"\bINSERT\b(?:\s+INTO\s+{QUALIFIED}(?:\s+AS\s+\w+)?)?\s*\(([^()]*)\)|\bSET\s*\(([^()]*)\)\s*=",
    re.IGNORECASE,
)
_BUILDS = re.compile(
    r"\b(?:jsonb?_build_object|jsonb?_object|hstore|set_config|jsonb_set)\s*\(", re.IGNORECASE
)
_DDL = re.compile(
    r"""\s*(?: CREATE \s+ (?:OR\s+REPLACE\s+)? (?:GLOBAL\s+|LOCAL\s+|TEMP\w*\s+|UNLOGGED\s+|RECURSIVE\s+)*
        (?: TABLE | UNIQUE | INDEX | VIEW | MATERIALIZED | TYPE | DOMAIN | POLICY | TRIGGER | STATISTICS )
      | ALTER \s+ (?: TABLE | INDEX | VIEW | MATERIALIZED | TYPE | DOMAIN | POLICY ) | COMMENT | DROP ) \b""",
    re.IGNORECASE | re.VERBOSE,
)
_IS_WORD = re.compile(rf"(?:[\w.$-]*[_.$-])?(?:{'|'.join(WORDS)})", re.IGNORECASE)
_WITHIN = re.compile(
    rf"""(?<![\w$]) ["'\\]* {_WORD} ["'\\]* \s* (?: => | := | = (?!=) | : ) \s* [^\s,)}}]""",
    re.IGNORECASE | re.VERBOSE,
)
"""An option within a literal: of a connection string, of JSON or YAML, of a URL."""
_OPTION = re.compile(
    rf"""(?<![\w$]) ["'\\]* {_WORD} ["'\\]* \s* (?: => | := | = | : ) \s*
    (?: \\? '([^']+)' | \\? "([^"]+)" | ([^\s,;&)}}'"]+) )""",
    re.IGNORECASE | re.VERBOSE,
)
_GOES_ON = re.compile(
    rf"\s(?:{'|'.join(WORDS)}|identified\s+by|connection)\s*(?:E?['\\]*\s*\Z|['\\]*\s*[%{{:]|'*\s*\|\|)",
    re.IGNORECASE,
)
"""A statement within a literal whose secret is filled in, or follows in another literal."""
_IS_STATEMENT = re.compile(
    r"\s*(?:SELECT|INSERT|UPDATE|DELETE|MERGE|CREATE|ALTER|DROP|COMMENT|GRANT|REVOKE|DO|WITH|BEGIN|DECLARE)\b",
    re.IGNORECASE,
)
_MASKED = re.compile(rf"'(?:\w+=)?{re.escape(MASK)}\n*'|/\* {re.escape(MASK)} \*/")
_OF_A_LOGIN = re.compile(r"\s*(?:CREATE|ALTER)\s+(?:USER|ROLE|GROUP|SERVER|SUBSCRIPTION)\b", re.IGNORECASE)
_PASSWORD_IS = re.compile(r"\b(?:PASSWORD|BY|CONNECTION)\s*\Z", re.IGNORECASE)
_IS_CODE = re.compile(r"\b(?:DO|AS|LANGUAGE\s+\w+)\s*\Z", re.IGNORECASE)


def masked_sql(sql: str) -> str:
    """Return a statement as it is shown and kept: with all literals masked, where one may be a secret."""
    if not _is_worth_reading(sql):
        return sql
    parts = tuple(_parts(sql))
    return _without_literals(sql, parts) if _is_sensitive(sql, parts) else sql


def secrets_in_argument(argument: str) -> Iterator[str]:
    """Yield what may be secret of ``KEY=VALUE``: the value of such a key, a password in a URL, and an option
    with its whole value in a connection string, in JSON or in the parameters of a URL.

    A password of a URL may have a colon, a slash or an at sign in it; so each part is one that could be it.
    """
    key, _, value = argument.partition("=")
    if key.lower().replace("-", "_").endswith(WORDS):
        yield value
    elif found := [next(filter(None, option.groups())) for option in _OPTION.finditer(argument)]:
        yield from (value or argument, *found, *map(unquote, found))
    for scheme in re.finditer(r"\b[a-z][a-z0-9+.-]*://", argument, re.IGNORECASE):
        rest = argument[scheme.end() :]
        for at in re.finditer("@", rest):
            password = rest[: at.start()].partition(":")[2]
            yield from (password, unquote(password))


def without_literals(sql: str) -> str:
    """Return a statement with all its literals and comments masked, for where it only has to be named."""
    return _without_literals(sql, tuple(_parts(sql)))


def is_masked(sql: str) -> bool:
    """Say whether a statement that ``masked_sql`` has returned lacks something, or looks as if it did."""
    return _MASKED.search(sql) is not None


def masked_source(source: str) -> str:
    """Return Python's source as it is shown and kept: masked are all strings of a line with a secret.

    A line is one of Python's, which may take several of the file; their number stays the same.
    """
    if not _is_worth_reading(source):
        return source
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):
        return "".join(map(_masked_line, source.splitlines(keepends=True)))
    starts = [0]
    for line in io.StringIO(source):
        starts.append(starts[-1] + len(line))
    kept: list[str] = []
    at = 0
    for line_of_tokens in _logical_lines(tokens):
        for token, instead in _replaced(line_of_tokens):
            start = starts[token.start[0] - 1] + token.start[1]
            kept += [source[at:start], instead]
            at = starts[token.end[0] - 1] + token.end[1]
    return "".join([*kept, source[at:]])


@dataclass(frozen=True, slots=True, kw_only=True)
class _String:
    """A string of Python's source: what opens it, its text as it is written, what closes it."""

    opening: str
    text: str
    closing: str


def _is_worth_reading(text: str) -> bool:
    """Say whether a word of the list may stand in the text: few have one, and reading them takes time."""
    lowered = text.lower()
    return any(word in lowered for word in _IN_EACH_WORD) or bool(
        _KEY.search(lowered) or _CONNECTION.search(lowered)
    )


def _parts(sql: str) -> Iterator[tuple[Kind, int, int]]:
    """Yield the opaque parts; what is on both sides of a doubled quote is one literal."""
    before: tuple[Kind, int, int] | None = None
    for kind, start, end in opaque_parts(sql):
        if kind == "name" and _OF_A_LOGIN.match(sql) and _PASSWORD_IS.search(sql[:start]):
            kind = "literal"
        if before is not None and before[0] == kind == "literal" and before[2] == start and sql[start] == "'":
            before = (kind, before[1], end)
            continue
        if before is not None:
            yield before
        before = (kind, start, end)
    if before is not None:
        yield before


def _is_sensitive(sql: str, parts: Sequence[tuple[Kind, int, int]]) -> bool:
    outline, literals, comments = _outline(sql, parts)
    if _FOLLOWED.search(outline):
        return True
    is_ddl = _DDL.match(outline) is not None and ";" not in outline.rstrip().rstrip(";")
    if not is_ddl and _ASSIGNED.search(outline):
        return True
    for found in _INSERTS_INTO.finditer(outline):
        names = [name.strip('" \t\r\n') for name in split(found[1] or found[2] or "")]
        if any(map(_IS_WORD.fullmatch, names)):
            return True
    if _BUILDS.search(outline) and any(_IS_WORD.fullmatch(text) for text in literals):
        return True
    return any(map(_holds_secret, [*literals, *comments]))


def _outline(sql: str, parts: Sequence[tuple[Kind, int, int]]) -> tuple[str, list[str], list[str]]:
    """Return the statement without literals and comments, then the texts of both."""
    kept: list[str] = []
    literals: list[str] = []
    comments: list[str] = []
    at = 0
    for kind, start, end in parts:
        if kind == "name":
            continue
        kept += [sql[at:start], (_LITERAL if kind == "literal" else " ") * (end - start)]
        (literals if kind == "literal" else comments).append(_content(sql[start:end]))
        at = end
    return "".join([*kept, sql[at:]]), literals, comments


def _content(literal: str) -> str:
    """Return what a literal holds, as far as that is worth reading; a comment as it is."""
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return literal.removeprefix(tag).removesuffix(tag)
    if literal.startswith(("--", "/*")):
        return literal.strip("-/* ")
    return re.sub(r"""\A[^'"]*['"]|['"]\Z""", "", literal).replace("''", "'")


def _holds_secret(text: str) -> bool:
    """Say whether a literal, or a comment, has an option or a statement with a secret in it."""
    if not _is_worth_reading(text):
        return False
    if _GOES_ON.search(text) or (not _IS_STATEMENT.match(text) and _WITHIN.search(text)):
        return True
    return _is_sensitive(text, tuple(_parts(text)))


def _without_literals(sql: str, parts: Sequence[tuple[Kind, int, int]]) -> str:
    kept: list[str] = []
    at = 0
    for kind, start, end in parts:
        if kind == "name":
            continue
        kept += [sql[at:start], _masked(sql[start:end], sql[:start]) if kind == "literal" else "/* *** */"]
        at = end
    return "".join([*kept, sql[at:]])


def _masked(literal: str, before: str) -> str:
    if literal.startswith("$") and _IS_CODE.search(before):
        tag = literal[: literal.index("$", 1) + 1]
        body = literal.removeprefix(tag).removesuffix(tag)
        return f"{tag}{_without_literals(body, tuple(_parts(body)))}{tag}"
    lines = "\n" * literal.count("\n")
    return f"'{_option(literal)}{MASK}{lines}'"


def _option(text: str) -> str:
    """Return ``password=`` for a connection string, which says at least what was in it."""
    found = re.search(rf"\b({'|'.join(WORDS)})\s*=\s*['\"]*[^\s'\"]", text, re.IGNORECASE)
    return f"{found[1]}=" if found else ""


def _logical_lines(tokens: Sequence[tokenize.TokenInfo]) -> Iterator[list[tokenize.TokenInfo]]:
    line: list[tokenize.TokenInfo] = []
    for token in tokens:
        line.append(token)
        if token.type == tokenize.NEWLINE:
            yield line
            line = []
    yield line


_PIECES = {tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
"""What holds the text of strings; of an f-string, since Python 3.12, what is between its braces."""
_TAKES_A_NAME = frozenset({"get", "getenv", "setdefault", "setattr", "putenv", "set_main_option"})


def _replaced(line: Sequence[tokenize.TokenInfo]) -> Iterator[tuple[tokenize.TokenInfo, str]]:
    """Yield what is to be replaced in this line of Python's, and by what."""
    for token in line:
        if token.type == tokenize.COMMENT and _holds_secret(token.string.lstrip("# ")):
            yield token, f"# {MASK}"
    pieces = [token for token in line if token.type in _PIECES]
    if not pieces or not _is_sensitive_line(line, [_unescaped(_string(token)) for token in pieces]):
        return
    for token in sorted(pieces, key=lambda each: each.start):
        string = _string(token)
        if not _IS_WORD.fullmatch(string.text):
            yield token, f"{string.opening}{_masked_text(string.text)}{string.closing}"


def _masked_text(text: str) -> str:
    """Return a string with its SQL masked where that is a whole statement, else nothing of it."""
    parts = tuple(_parts(text))
    is_whole = all(_is_closed(text[start:end]) for kind, start, end in parts if kind == "literal")
    if parts and is_whole and "\\" not in text and _is_sensitive(text, parts):
        return _without_literals(text, parts)
    return f"{_option(text)}{MASK}" + "\n" * text.count("\n")


def _is_closed(literal: str) -> bool:
    if literal.startswith("$"):
        tag = literal[: literal.index("$", 1) + 1]
        return len(literal) >= 2 * len(tag) and literal.endswith(tag)
    return literal.endswith("'") and literal.count("'") % 2 == 0


def _is_sensitive_line(line: Sequence[tokenize.TokenInfo], texts: Sequence[str]) -> bool:
    whole = "".join(texts)
    if any(map(_holds_secret, [*texts, whole] if len(texts) > 1 else texts)):
        return True
    code = [token for token in line if token.type not in (tokenize.NL, tokenize.COMMENT)]
    names = {token.string for token in code if token.type == tokenize.NAME}
    for token, following, after in zip(code, code[1:], [*code[2:], code[-1]], strict=False):
        if token.type == tokenize.NAME:
            if following.string in ("=", ":=", "+=", "%=", ":") and _IS_WORD.fullmatch(token.string):
                return True
        elif token.type == tokenize.STRING and _IS_WORD.fullmatch(_string(token).text):
            if following.string == ":" and (
                after.type in _PIECES or after.type == tokenize.NAME or after.string == "("
            ):
                return True
            if following.string == "]" and after.string == "=":
                return True
            if following.string == "," and after.type in _PIECES and names & _TAKES_A_NAME:
                return True
    return False


def _string(token: tokenize.TokenInfo) -> _String:
    if token.type != tokenize.STRING:
        return _String(opening="", text=token.string, closing="")
    written = token.string
    prefix = written[: min(written.find(mark) for mark in "'\"" if mark in written)]
    mark = written[len(prefix) :][:3]
    mark = mark if mark in ("'''", '"""') else mark[:1]
    opening = prefix + mark
    return _String(opening=opening, text=written[len(opening) : -len(mark)], closing=mark)


def _unescaped(string: _String) -> str:
    """Return what a string means to a reader of SQL: Python's escapes are replaced."""
    if "\\" not in string.text or "r" in string.opening.lower():
        return string.text
    text = re.sub(r"\\([nrt])", " ", re.sub(r"\\n", "\n", string.text))
    return re.sub(r"\\(.)", r"\1", text)


def _masked_line(line: str) -> str:
    """A line of what is no Python: between its quotes nothing is shown where a word stands in it."""
    if not _is_worth_reading(line):
        return line
    return re.sub(r"""(['"]).*(['"])""", rf"\g<1>{MASK}\g<2>", line.replace("#", "# ", 1))
