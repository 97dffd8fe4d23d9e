"""Definitions as PostgreSQL prints them.

What comes from ``pg_get_constraintdef`` and ``pg_get_indexdef`` has one fixed form.
"""

import re
from dataclasses import dataclass

from agent_factory.migrate.db.sql import NAME, QUALIFIED, outline, parenthesis, split

COLUMN_OPTIONS = ("n_distinct", "n_distinct_inherited")
"""All that ``ALTER TABLE ... ALTER COLUMN ... SET (...)`` takes. PostgreSQL keeps a version of each column
among them since its releases of November 2026 (``ATTRIBUTE_VERSION_ATTOPTION`` in ``pg_attribute.h``)."""

_COLUMN = re.compile(
    r"(?P<type>.*?)(?P<required> NOT NULL)?"
    r"(?: DEFAULT (?P<default>.*)"
    r"| GENERATED ALWAYS AS (?P<generated>\(.*\)) \w+|(?P<identity> GENERATED .*))?",
    re.DOTALL,
)


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


def is_not_valid(definition: str) -> bool:
    """Say whether a constraint is not checked for the rows that are there, or not at all."""
    return re.search(r" NOT (VALID|ENFORCED)\b", outline(definition)) is not None


def check_expression(definition: str) -> str | None:
    """Return what ``CHECK (...)`` demands, in its parentheses; None for another constraint."""
    match = re.match(r"CHECK \(", definition)
    return parenthesis(definition, match.end() - 1) if match else None


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
    match = re.match(rf"NOT NULL ({NAME})", definition)
    return match[1] if match else None


def foreign_key(definition: str) -> ForeignKey | None:
    """Read ``FOREIGN KEY (a, b) REFERENCES t(x, y) ...``."""
    match = re.match(rf"FOREIGN KEY \((.*?)\) REFERENCES ({QUALIFIED})\((.*?)\)(.*)", definition)
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
    inside = parenthesis(definition, head.end() - 1)
    after = head.end() - 1 + len(inside)
    where = re.search(r" WHERE \(", shape[after:])
    items = split(inside[1:-1])
    operators = tuple(found[1] for item in items if (found := re.search(r" WITH (\S+)$", outline(item))))
    return Keys(
        method=head["method"] or head["by"] or "btree",
        keys=tuple(map(_key, items)),
        operators=operators,
        predicate=parenthesis(definition, after + where.end() - 1) if where else None,
        is_unique=head["index"] is None or head["unique"] is not None,
        nulls_distinct=head["nulls"] is None and "NULLS NOT DISTINCT" not in shape[after:],
        tail=definition[after:].strip(),
    )


def is_column(key: str) -> bool:
    """Say whether a key of an index is a column, and not an expression."""
    return re.fullmatch(NAME, key) is not None


def _key(item: str) -> str:
    """Return a key without operator class, order and operator; a collation of its own belongs to it."""
    shape = outline(item)
    match = re.match(rf"(?:{QUALIFIED})?(?:\s?\()?", item)
    end = match.end() if match else len(item)
    if shape[:end].rstrip().endswith("("):
        start = shape.index("(")
        end = start + len(parenthesis(item, start))
    collation = re.match(rf" COLLATE {QUALIFIED}", item[end:])
    return item[: end + (collation.end() if collation else 0)]
