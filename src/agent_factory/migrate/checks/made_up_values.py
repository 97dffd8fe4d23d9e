"""Values for rows that a check makes up: each as a literal that both databases read as the column's type."""

import re
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from agent_factory.migrate.checks.patterns import matching_texts, without_patterns
from agent_factory.migrate.db.sql import LITERAL

FLAVOURS = 7
"""How many kinds of values there are to try, until a row pleases the constraints of its table."""

_UNBOUNDED = 2**31
_START = datetime(2024, 1, 1, 12, tzinfo=UTC)
_LENGTH = r"length\(\(*\"?{column}\"?[^=<>]*\)\s*=\s*(\d+)"
_PLAIN = {
    "INET": "10.0.{high}.{low}",
    "CIDR": "10.{high}.{low}.0/24",
    "MACADDR": "08:00:2b:00:{high:02x}:{low:02x}",
    "TSVECTOR": "word{n}",
    "TSQUERY": "word{n}",
    "HSTORE": "n => {n}",
    "XML": "<n>{n}</n>",
    "POINT": "({n},{n})",
    "MONEY": "{n}",
    "OID": "{n}",
}


def allowed_texts(column: str, checks: Sequence[str]) -> tuple[str, ...]:
    """Return the texts that all CHECKs about a column spell, those of every one first."""
    lists = [
        [
            text[1:-1].replace("''", "'")
            for text in re.findall(LITERAL, without_patterns(check))
            if text != "'@'"
        ]
        for check in _about(column, checks)
    ]
    lists = [texts for texts in lists if texts]
    if not lists:
        return ()
    common = [text for text in lists[0] if all(text in texts for texts in lists)]
    return tuple(common or lists[0])


def _about(column: str, checks: Sequence[str]) -> list[str]:
    return [check for check in checks if re.search(rf"(?<!\w){re.escape(column)}(?!\w)", check)]


def allowed_length(column: str, checks: Sequence[str]) -> int | None:
    """Return the length that a CHECK asks of a text column, or None."""
    for check in checks:
        match = re.search(_LENGTH.format(column=re.escape(column)), check, re.IGNORECASE)
        if match:
            return int(match[1])
    return None


def literal(
    name: str, type_: sa.types.TypeEngine[Any], number: int, place: int, flavour: int, checks: Sequence[str]
) -> str:
    """Return a value without quotes: another one for each ``number``, and a later one for each ``place``.

    ``flavour`` counts what was tried before, from 0. ``place`` is the column's among its table's, so that of
    two dates in one row the column that comes later has the later one.
    """
    texts = allowed_texts(name, checks)
    if texts:
        return texts[(number + flavour) % len(texts)]
    if isinstance(type_, postgresql.DOMAIN):
        own = [str(type_.check).replace("VALUE", name)] if type_.check is not None else []
        return literal(name, type_.data_type, number, place, flavour, [*checks, *own])
    if isinstance(type_, sa.Boolean):
        return str((number + flavour) % 2)
    if isinstance(type_, sa.Enum):
        return str(type_.enums[(number + flavour) % len(type_.enums)])
    if isinstance(type_, sa.Uuid):
        return str(uuid.UUID(int=number * 1000 + place))
    if isinstance(type_, sa.ARRAY):
        return "{}"
    if isinstance(type_, sa.JSON):
        return f'{{"n": {number}}}'
    if isinstance(type_, sa.DateTime | sa.Date | sa.Time):
        return _moment(type_, number, place if flavour % 2 == 0 else -place)
    if isinstance(type_, sa.Interval | postgresql.INTERVAL):
        return f"{number + place} hours"
    if isinstance(type_, sa.Numeric | sa.Float | sa.Integer):
        return _number(type_, number, place, flavour)
    if isinstance(type_, postgresql.BIT):
        return format(number, "b").zfill(type_.length or 1)[-(type_.length or 1) :]
    if isinstance(type_, sa.LargeBinary):
        return f"bytes {number}"
    plain = _PLAIN.get(type(type_).__name__)
    if plain is not None:
        return plain.format(n=number, high=number // 250 % 250, low=number % 250)
    if type(type_).__name__.endswith("RANGE"):
        return "{}" if "MULTI" in type(type_).__name__ else "empty"
    longest = getattr(type_, "length", None) or _UNBOUNDED
    shaped = [text for text in _shaped(name, number, checks) if len(text) <= longest]
    if shaped:
        return shaped[flavour % len(shaped)]
    return _text(name, number, place, allowed_length(name, checks), longest)


def _shaped(name: str, number: int, checks: Sequence[str]) -> Iterator[str]:
    """Texts of the shape that a CHECK or the column's name asks for."""
    if "mail" in name.lower() or any("'@'" in check for check in _about(name, checks)):
        yield f"{number}@example.com"
    yield from matching_texts(name, checks, number)


def _moment(type_: sa.types.TypeEngine[Any], number: int, place: int) -> str:
    moment = _START + timedelta(days=place, minutes=number)
    if isinstance(type_, sa.Time):
        return moment.strftime("%H:%M:%S.%f")
    return moment.strftime("%Y-%m-%d" if isinstance(type_, sa.Date) else "%Y-%m-%d %H:%M:%S.%f")


def _number(type_: sa.types.TypeEngine[Any], number: int, place: int, flavour: int) -> str:
    if flavour == FLAVOURS - 1:  # between 0 and 1, or a small one
        return str(number % 5 + 1 if isinstance(type_, sa.Integer) else (10 + number % 40) / 100)
    value = (number + place, number, 1, 0, number * 100 + place, -number)[flavour]
    if isinstance(type_, sa.Numeric) and type_.precision is not None:
        value %= 10 ** max(0, min(9, type_.precision - (type_.scale or 0)))
    if isinstance(type_, sa.SmallInteger):
        value %= 30_000
    return str(value)


def _text(name: str, number: int, place: int, exact: int | None, longest: int) -> str:
    if exact is not None:
        return f"{number:0{exact}d}"[-exact:]
    if longest in (32, 36):  # how a UUID is kept where there is no type for it
        made = uuid.UUID(int=number * 1000 + place)
        return made.hex if longest == 32 else str(made)
    text = f"{name} {number}"
    return text if len(text) <= longest else str(number)[-longest:]
