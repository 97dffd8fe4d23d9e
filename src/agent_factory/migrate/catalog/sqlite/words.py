"""The words of a statement that SQLite kept, and one way to write them down.

SQLite keeps CREATE statements as they were typed, and a table that Alembic rebuilt (batch mode) is spelled by
somebody else: names in quotes, another order of constraints, other blanks. The words are the same.
"""

import re
from collections.abc import Sequence

_WORD = re.compile(
    r"""
    (?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z) )
    | (?P<literal> [xX]?'(?:[^']|'')*' | \d[\w.]* | \.\d\w* )
    | (?P<quoted> "(?:[^"]|"")*" | \[[^\]]*\] | `(?:[^`]|``)*` )
    | (?P<bare> [^\W\d][\w$]* )
    | (?P<other> \|\| | << | >> | <= | >= | <> | != | == | ->> | -> | \S )
    """,
    re.VERBOSE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r"[^\W\d][\w$]*")

# Keywords of definitions that cannot be a name without quotes (https://sqlite.org/lang_keywords.html).
_RESERVED = """
    ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE CONSTRAINT CREATE DEFAULT DEFERRABLE DELETE
    DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO IS ISNULL
    JOIN LIMIT NOT NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO UNION UNIQUE
    UPDATE USING VALUES WHEN WHERE
"""
# Keywords that are a name where SQLite expects one, with quotes or without.
_NAMES_TOO = """
    ABORT ACTION AFTER ALWAYS ASC BEFORE BEGIN BY CASCADE CAST CONFLICT CROSS CURRENT_DATE CURRENT_TIME
    CURRENT_TIMESTAMP DEFERRED DESC EACH END FAIL FALSE FOR FULL GENERATED GLOB IF IGNORE IMMEDIATE INDEXED
    INITIALLY INNER INSTEAD KEY LEFT LIKE MATCH NATURAL NO OF OFFSET OUTER OVER PARTITION RAISE RECURSIVE
    REGEXP REPLACE RESTRICT RIGHT ROLLBACK ROW ROWID STORED STRICT TEMP TEMPORARY TRIGGER TRUE VIEW VIRTUAL
    WITH WITHOUT
"""
RESERVED, NAMES_TOO = frozenset(_RESERVED.split()), frozenset(_NAMES_TOO.split())
KEYWORDS = RESERVED | NAMES_TOO


def words(statement: str) -> tuple[str, ...]:
    """Return the words without comments, keywords in capitals, names without quotes that they do not need."""
    found = []
    for match in _WORD.finditer(statement):
        word = match[0]
        if match["comment"]:
            continue
        if match["quoted"]:
            word = word_of(unquoted(word))
        elif match["bare"] and word.upper() in KEYWORDS:
            word = word.upper()
        found.append(word)
    return tuple(found)


def word_of(name: str) -> str:
    """Return a name as it is among the words, however it was written."""
    return name.upper() if name.upper() in NAMES_TOO else written(name)


def unquoted(name: str) -> str:
    """Return a name as SQLite knows it."""
    if name[:1] in ('"', "`"):
        return name[1:-1].replace(name[0] * 2, name[0])
    return name[1:-1] if name.startswith("[") else name


def written(name: str) -> str:
    """Return a name as SQL needs it."""
    if _PLAIN_NAME.fullmatch(name) and name.upper() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def spelled(some: Sequence[str]) -> str:
    """Return words as text, with blanks where they always are."""
    text = ""
    before = ""
    for word in some:
        sticks = (
            not before
            or before in ("(", ".")
            or word in (")", ",", ".", ";")
            or (
                word == "("
                and (_PLAIN_NAME.fullmatch(before) or before[:1] == '"')
                and before not in KEYWORDS
            )
        )
        text += word if sticks else f" {word}"
        before = word
    return text
