"""Definitions as PostgreSQL prints them, and the outer clauses of a statement, read without a parser.

What comes from ``pg_get_constraintdef`` and ``pg_get_indexdef`` has one fixed form. A statement that a person
wrote has not: of it only clauses outside of all parentheses, quotes and comments are found, or none.
"""

import re
from dataclasses import dataclass

from sqlalchemy.dialects import postgresql

_PREPARER = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]
_NAME = r'(?:"(?:[^"]|"")+"|[A-Za-z_\x80-\U0010ffff][\w$]*)'
_QUALIFIED = rf"{_NAME}(?:\s*\.\s*{_NAME})*"

_OPAQUE = re.compile(
    r"""--[^\n]*
      | /\*.*?\*/
      | (?P<dollar>\$(?:[A-Za-z_]\w*)?\$).*?(?P=dollar)
      | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'
      | '(?:[^']|'')*'
      | "(?:[^"]|"")*"
    """,
    re.VERBOSE | re.DOTALL,
)

COLUMN_OPTIONS = ("n_distinct", "n_distinct_inherited")
"""All that ``ALTER TABLE ... ALTER COLUMN ... SET (...)`` takes. PostgreSQL keeps a version of each column
among them since its releases of November 2026 (``ATTRIBUTE_VERSION_ATTOPTION`` in ``pg_attribute.h``)."""

_COLUMN = re.compile(
    r"(?P<type>.*?)(?P<required> NOT NULL)?"
    r"(?: DEFAULT (?P<default>.*)"
    r"| GENERATED ALWAYS AS (?P<generated>\(.*\)) \w+|(?P<identity> GENERATED .*))?",
    re.DOTALL,
)
_RETYPED = re.compile(rf"\bALTER\s+(?:COLUMN\s+)?({_NAME})\s+(?:SET\s+DATA\s+)?TYPE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignKey:
    """``table`` and the columns are quoted as SQL needs; ``table`` may lack its schema."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    match_full: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """What an index, a UNIQUE, a PRIMARY KEY or an exclusion constraint is made of, as SQL.

    ``keys`` are columns and expressions without operator classes and order; ``operators`` are those of an
    exclusion constraint. ``tail`` is what follows the keys: INCLUDE, WITH, WHERE, DEFERRABLE.
    """

    method: str
    keys: tuple[str, ...]
    operators: tuple[str, ...]
    predicate: str | None
    is_unique: bool
    nulls_distinct: bool
    tail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnParts:
    """What a column is made of. ``generated`` is the expression of a computed one, in its parentheses."""

    type: str
    is_required: bool
    default: str | None
    generated: str | None
    is_identity: bool

    @property
    def fills_itself(self) -> bool:
        return self.is_identity or self.generated is not None or self.default is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChange:
    """An UPDATE or a DELETE of one table. ``head`` is the text before WHERE; ``alias`` is what the condition
    calls the table, None for its own name."""

    head: str
    table: str
    alias: str | None
    condition: str | None


def quoted(name: str) -> str:
    """Return the bare name as SQL needs it: in quotes where it would not be read as it is."""
    return str(_PREPARER.quote(name))


def bare(name: str) -> str:
    """Return the last part of a name that is quoted as SQL needs, without the quotes."""
    last: str = re.findall(_NAME, name)[-1]
    return last[1:-1].replace('""', '"') if last.startswith('"') else last


def schema_of(name: str) -> str | None:
    """Return the schema of a qualified name, quoted as in the name."""
    parts = re.findall(_NAME, name)
    return parts[-2] if len(parts) > 1 else None


def names_in(sql: str) -> frozenset[str]:
    """Return every word that could be a name, unquoted."""
    return frozenset(map(bare, re.findall(_NAME, _named(sql))))


def outline(sql: str) -> str:
    """Return the text with all that is in quotes, comments and parentheses blank, at the same offsets."""
    plain = _OPAQUE.sub(lambda match: " " * len(match[0]), sql)
    depth, kept = 0, []
    for character in plain:
        if character in "([":
            kept.append(character if depth == 0 else " ")
            depth += 1
        elif character in ")]":
            depth = max(0, depth - 1)
            kept.append(character if depth == 0 else " ")
        else:
            kept.append(character if depth == 0 else " ")
    return "".join(kept)


def split(sql: str) -> tuple[str, ...]:
    """Split at the commas outside of quotes and parentheses."""
    commas = [match.start() for match in re.finditer(",", outline(sql))]
    edges = zip([0, *(comma + 1 for comma in commas)], [*commas, len(sql)], strict=True)
    return tuple(sql[start:end].strip() for start, end in edges if sql[start:end].strip())


def is_not_valid(definition: str) -> bool:
    """Say whether a constraint is not checked for the rows that are there, or not at all."""
    return re.search(r" NOT (VALID|ENFORCED)\b", outline(definition)) is not None


def check_expression(definition: str) -> str | None:
    """Return what ``CHECK (...)`` demands, in its parentheses; None for another constraint."""
    match = re.match(r"CHECK \(", definition)
    return _group(definition, match.end() - 1) if match else None


def column_parts(definition: str) -> ColumnParts:
    """Read ``integer NOT NULL DEFAULT 5``, ``text GENERATED ALWAYS AS (lower(a)) STORED``."""
    match = _COLUMN.fullmatch(definition)
    assert match is not None  # noqa: S101 - all of it may be the type
    return ColumnParts(
        type=match["type"],
        is_required=match["required"] is not None,
        default=match["default"],
        generated=match["generated"],
        is_identity=match["identity"] is not None,
    )


def not_null_column(definition: str) -> str | None:
    """Return the column of ``NOT NULL email``, PostgreSQL 18's constraint, as SQL needs it."""
    match = re.match(rf"NOT NULL ({_NAME})", definition)
    return match[1] if match else None


def foreign_key(definition: str) -> ForeignKey | None:
    """Read ``FOREIGN KEY (a, b) REFERENCES t(x, y) ...``."""
    match = re.match(rf"FOREIGN KEY \((.*?)\) REFERENCES ({_QUALIFIED})\((.*?)\)(.*)", definition)
    if match is None:
        return None
    return ForeignKey(
        columns=split(match[1]),
        table=match[2],
        referenced=split(match[3]),
        match_full="MATCH FULL" in match[4],
    )


def index_keys(definition: str) -> Keys | None:
    """Read ``CREATE [UNIQUE] INDEX ...``, ``UNIQUE (...)``, ``PRIMARY KEY (...)`` and ``EXCLUDE ...``."""
    shape = outline(definition)
    head = re.match(
        r"(?P<index>CREATE (?P<unique>UNIQUE )?INDEX) .*? USING (?P<method>\w+) \("
        r"|(?:UNIQUE|PRIMARY KEY)(?P<nulls> NULLS NOT DISTINCT)? \("
        r"|(?P<exclude>EXCLUDE) USING (?P<by>\w+) \(",
        shape,
    )
    if head is None:
        return None
    inside = _group(definition, head.end() - 1)
    after = head.end() - 1 + len(inside)
    where = re.search(r" WHERE \(", shape[after:])
    items = split(inside[1:-1])
    operators = tuple(found[1] for item in items if (found := re.search(r" WITH (\S+)$", outline(item))))
    return Keys(
        method=head["method"] or head["by"] or "btree",
        keys=tuple(map(_key, items)),
        operators=operators,
        predicate=_group(definition, after + where.end() - 1) if where else None,
        is_unique=head["index"] is None or head["unique"] is not None,
        nulls_distinct=head["nulls"] is None and "NULLS NOT DISTINCT" not in shape[after:],
        tail=definition[after:].strip(),
    )


def is_column(key: str) -> bool:
    """Say whether a key of an index is a column, and not an expression."""
    return re.fullmatch(_NAME, key) is not None


def row_change(sql: str) -> RowChange | None:
    """Read ``UPDATE t SET ... WHERE ...`` and ``DELETE FROM t WHERE ...`` of one table, else None.

    One that takes other tables in (FROM, USING, WITH), a cursor, or says more behind it is not read.
    """
    text = _named(sql)
    head = re.match(
        rf"\s*(?:UPDATE|(?P<delete>DELETE)\s+FROM)\s+(?:ONLY\s+)?(?P<table>{_QUALIFIED})(?:\s*\*)?"
        rf"(?:\s+(?:AS\s+)?(?!(?:SET|WHERE|USING|RETURNING)\b)(?P<alias>{_NAME}))?\s*(?=SET\b|WHERE\b|;|$)",
        text,
        re.IGNORECASE,
    )
    if head is None:
        return None
    shape = outline(sql)
    rest = re.sub(
        r"\bDISTINCT\s+FROM\b", lambda match: " " * len(match[0]), shape[head.end() :], flags=re.IGNORECASE
    )
    if re.search(r"\b(FROM|USING|RETURNING|CURRENT\s+OF)\b|;\s*\S", rest, re.IGNORECASE):
        return None
    where = re.search(r"\bWHERE\b", rest, re.IGNORECASE)
    middle = head.end() + where.start() if where else len(sql)
    condition = sql[middle + len("WHERE") :].strip().rstrip(";").strip() if where else None
    return RowChange(
        head=sql[:middle].strip().rstrip(";").strip(),
        table=head["table"],
        alias=head["alias"],
        condition=condition,
    )


def using_expression(sql: str, column: str) -> str | None:
    """Return the USING of ``ALTER COLUMN column ... TYPE ... USING expression``; ``column`` is unquoted."""
    shape, text = outline(sql), _named(sql)
    commas = [match.start() for match in re.finditer(",", shape)]
    for start, end in zip([0, *(comma + 1 for comma in commas)], [*commas, len(sql)], strict=True):
        named = _RETYPED.search(text, start, end)
        using = re.compile(r"\bUSING\b", re.IGNORECASE).search(shape, start, end)
        if named and using and _is(named[1], column):
            return sql[using.end() : end].strip().rstrip(";").strip()
    return None


def _named(sql: str) -> str:
    """Blank literals and comments and keep names that are in quotes."""
    return _OPAQUE.sub(lambda match: match[0] if match[0][0] == '"' else " " * len(match[0]), sql)


def _is(written: str, name: str) -> bool:
    return (written[1:-1].replace('""', '"') if written.startswith('"') else written.lower()) == name


def _group(text: str, start: int) -> str:
    """Return the parenthesis that opens at ``start``, with all that is in it."""
    plain = _OPAQUE.sub(lambda match: " " * len(match[0]), text)
    depth = 0
    for offset in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(plain[offset], 0)
        if depth == 0:
            return text[start : offset + 1]
    return text[start:]


def _key(item: str) -> str:
    """Return a key without operator class, order and operator; a collation of its own belongs to it."""
    shape = outline(item)
    match = re.match(rf"(?:{_QUALIFIED})?(?:\s?\()?", item)
    end = match.end() if match else len(item)
    if shape[:end].rstrip().endswith("("):
        start = shape.index("(")
        end = start + len(_group(item, start))
    collation = re.match(rf" COLLATE {_QUALIFIED}", item[end:])
    return item[: end + (collation.end() if collation else 0)]
