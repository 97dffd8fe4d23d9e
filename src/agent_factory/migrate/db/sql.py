"""The surface of SQL text: where quotes and comments are in it, and how names are quoted.

This is PostgreSQL's lexical structure (its manual, 4.1), with ``standard_conforming_strings`` on, and no
grammar. It serves what people read and what is searched in a plan. **It never decides what is committed**:
whether a transaction is open, or has written, is asked of the server.
"""

import re
from collections.abc import Collection, Iterator
from typing import Literal

Kind = Literal["comment", "literal", "name"]
"""What a text holds that is opaque: a comment, a constant in quotes, a name in quotes."""

_LETTER = r"[A-Za-z_\x80-\U0010ffff]"  # to PostgreSQL, whatever is not ASCII is a letter
_LETTERS = r"[\w$\x80-\U0010ffff]"
NAME = rf'(?:"(?:[^"]|"")+"|{_LETTER}{_LETTERS}*)'
"""A regular expression of one name, in quotes or without."""
QUALIFIED = rf"{NAME}(?:\s*\.\s*{NAME})*"
"""A regular expression of a name with all that is before its dots."""

LITERAL = r"'(?:[^']|'')*'"
"""A regular expression of a constant in plain quotes, as definitions have it when they are printed."""

_OPENS = re.compile(
    rf"""
    (?=[-/'"$]|[eEbBxXnN]'|[uU]&['"])  # quickly past everything else
    (?:
      (?P<line>--[^\n\r]*)
    | (?P<block>/\*)
    # Parts of an E'' on several lines are one constant: backslashes escape in each of them. Of the others
    # a part may stand for itself, and so may what is on either side of a doubled quote.
    | (?P<escaping>(?<!{_LETTERS})[eE]'(?:[^'\\]++|\\.?|'')*+
        (?:'[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\f\v\n\r]|--[^\n\r]*[\n\r])*'(?:[^'\\]++|\\.?|'')*+)*'?)
    | (?P<constant>(?:(?<!{_LETTERS})(?:[bBxXnN]|[uU]&))?'[^']*'?)
    | (?P<name>(?:(?<!{_LETTERS})[uU]&)?"[^"]*"?)
    | (?<!{_LETTERS})(?P<dollar>\$(?:{_LETTER}[\w\x80-\U0010ffff]*)?\$)(?:.*?(?P=dollar)|.*)
    )
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")

_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_KEYWORDS = """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
    interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg
    json_query json_scalar json_serialize json_table json_value lateral leading least left like limit
    localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary real
    references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using
    values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
"""
"""What ``quote_ident`` of PostgreSQL 18 quotes: all of ``pg_get_keywords()`` that is not unreserved."""
_QUOTED_KEYWORDS = frozenset(_KEYWORDS.split())

_IN_SMALL_LETTERS = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}


def blanked(sql: str, *, keep: Collection[Kind] = (), fill: str = " ") -> str:
    """Return the text with each comment and all that is in quotes replaced, at the same offsets.

    ``keep`` names the kinds that stay, ``fill`` is the one character that stands for what does not. What is
    opened and not closed goes to the end of the text.
    """
    parts, at = [], 0
    for kind, start, end in opaque_parts(sql):
        if kind not in keep:
            parts += [sql[at:start], fill * (end - start)]
            at = end
    return "".join([*parts, sql[at:]])


def outline(sql: str) -> str:
    """Return the text with all that is in quotes, comments and parentheses blank, at the same offsets."""
    depth, kept = 0, []
    for character in blanked(sql):
        if character in ")]":
            depth = max(0, depth - 1)
        kept.append(character if depth == 0 else " ")
        if character in "([":
            depth += 1
    return "".join(kept)


def comma_separated(sql: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each part between commas that are outside of quotes and parentheses."""
    start = 0
    for comma in re.finditer(",", outline(sql)):
        yield start, comma.start()
        start = comma.end()
    yield start, len(sql)


def split(sql: str) -> tuple[str, ...]:
    """Return the parts between the commas outside of quotes and parentheses, but empty ones."""
    return tuple(part for start, end in comma_separated(sql) if (part := sql[start:end].strip()))


def parenthesis(sql: str, start: int) -> str:
    """Return the parenthesis that opens at ``start``, with all that is in it."""
    plain = blanked(sql)
    depth = 0
    for offset in range(start, len(sql)):
        depth += {"(": 1, ")": -1}.get(plain[offset], 0)
        if depth == 0:
            return sql[start : offset + 1]
    return sql[start:]


_HAS_STATEMENTS = re.compile(
    r"\s*create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:function|procedure|trigger)\b", re.IGNORECASE
)
_EDGE_OF_STATEMENT = re.compile(r";|(?<![\w$])(?:begin|case|end)(?![\w$])", re.IGNORECASE)


def statements(sql: str) -> Iterator[tuple[int, str]]:
    """Yield each statement of a text, without its semicolon, and where in the text it starts.

    The statements in the body of a function (``BEGIN ATOMIC``) or of SQLite's triggers are parts of theirs.
    Comments between two are left out.
    """
    outlined, without_comments = outline(sql), blanked(sql, keep={"literal", "name"})
    start, depth = 0, 0
    for edge in _EDGE_OF_STATEMENT.finditer(outlined + ";"):
        if edge[0] == ";" and depth == 0:
            text = without_comments[start : edge.start()]
            begin = start + len(text) - len(text.lstrip())
            if text.strip():
                yield begin, sql[begin : edge.start()].rstrip()
            start = edge.end()
        elif _HAS_STATEMENTS.match(without_comments, start):
            is_opened = edge[0].lower() == "begin" or (depth and edge[0].lower() == "case")
            depth += 1 if is_opened else -1 if edge[0].lower() == "end" and depth else 0


def quoted(name: str) -> str:
    """Return a bare name as PostgreSQL's ``quote_ident`` does: in quotes where it is not one without."""
    return name if _PLAIN_NAME.fullmatch(name) and name not in _QUOTED_KEYWORDS else in_quotes(name)


def in_quotes(name: str) -> str:
    """Return a bare name in quotes, as both databases read it whatever their keywords are."""
    return '"' + name.replace('"', '""') + '"'


def bare(name: str) -> str:
    """Return the last part of a name that SQL has, as the database knows it."""
    return bare_parts(name)[-1]


def bare_parts(name: str) -> tuple[str, ...]:
    """Return the parts of a qualified name as the database knows them: no quotes, else in small letters."""
    return tuple(
        part[1:-1].replace('""', '"') if part.startswith('"') else part.translate(_IN_SMALL_LETTERS)
        for part in re.findall(NAME, name)
    )


def schema_of(name: str) -> str | None:
    """Return the schema of a qualified name, quoted as in the name."""
    parts: list[str] = re.findall(NAME, name)
    return parts[-2] if len(parts) > 1 else None


def names_in(sql: str) -> frozenset[str]:
    """Return every word that could be a name, as the database would know it."""
    return frozenset(bare_parts(blanked(sql, keep={"name"})))


def opaque_parts(sql: str) -> Iterator[tuple[Kind, int, int]]:
    """Yield kind, start and end of each comment, constant in quotes and name in quotes, in their order."""
    at = 0
    while opened := _OPENS.search(sql, at):
        start, at = opened.span()
        kind: Kind = "name" if opened["name"] else "comment" if opened["line"] else "literal"
        if opened["block"]:
            kind, at = "comment", _end_of_block(sql, at)
        yield kind, start, at


def _end_of_block(sql: str, at: int) -> int:
    """Return where a comment ends that was opened before ``at``; comments stand within comments."""
    depth = 1
    while depth and (edge := _BLOCK_EDGE.search(sql, at)):
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return len(sql) if depth else at
