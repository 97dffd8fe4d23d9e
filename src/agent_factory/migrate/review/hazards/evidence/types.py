"""Which new types of a column hold every value that the old one holds."""

import re

# Not here, though PostgreSQL casts them by itself: a time with and one without a zone (in the hour that the
# clock is put back two instants become one, and in spring there is an hour that is no time), dates after the
# year 294276 as times, and json as jsonb (which refuses \u0000 and has each key once).
_HELD_BY = {
    "smallint": {"integer", "bigint", "numeric", "real", "double precision"},
    "integer": {"bigint", "numeric", "double precision"},
    "bigint": {"numeric"},
    "real": {"double precision"},
    "jsonb": {"json"},
    "cidr": {"inet"},
}
_TEXT = {"text", "character varying"}
_TYPE = re.compile(r"([^(]+?)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?(\[\])*")


def is_lossless(before: str, after: str) -> bool:
    """Say whether every value of the type ``before`` is one of ``after``; both as ``format_type`` has them.

    Only for what is known for certain: another pair may be lossless too.
    """
    old, new = _parsed(before), _parsed(after)
    if old is None or new is None:
        return False
    (old_name, *old_sizes), (new_name, *new_sizes) = old, new
    if new_name in _TEXT and new_sizes == [None, None]:
        return True
    if old_name != new_name and not {old_name, new_name} <= _TEXT:
        return new_name in _HELD_BY.get(old_name, ()) and new_sizes == [None, None] == old_sizes
    if old_name.removesuffix("[]") == "bit":  # neither filled up nor cut off
        return new_sizes == old_sizes
    if new_sizes in ([None, None], old_sizes):
        return True
    if None in (old_sizes[0], new_sizes[0]):
        return False
    (precision, scale), (new_precision, new_scale) = (
        (size or 0, rest or 0) for size, rest in (old_sizes, new_sizes)
    )
    return new_scale >= scale and new_precision - new_scale >= precision - scale


def length_limit(type_: str) -> int | None:
    """Return the most characters that a value of this type has; None for a type without such a limit."""
    parsed = _parsed(type_)
    if parsed is None or parsed[0] not in ("character varying", "character"):
        return None
    return parsed[1]


def _parsed(type_: str) -> tuple[str, int | None, int | None] | None:
    """Name, first and second number of a type: ``numeric``, 12, 2; a collation is left out."""
    match = _TYPE.fullmatch(re.sub(r" COLLATE .*", "", type_))
    if match is None:
        return None
    name, first, second, zone, array = match.groups()
    return (
        f"{name}{zone or ''}{array or ''}",
        int(first) if first else None,
        int(second) if second else None,
    )
