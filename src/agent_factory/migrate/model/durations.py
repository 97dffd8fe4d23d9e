"""Durations as people write them: ``200ms``, ``5s``, ``2min``, ``1h``, ``7d``; a bare number is seconds."""

import re

_UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_WRITTEN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|)\s*")


def parse_duration(text: str) -> float:
    """Return the seconds that the text means. Raises ValueError."""
    match = _WRITTEN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as 200ms, 5s, 2min, 1h or 7d")
    return float(match[1]) * _UNITS[match[2]]


def milliseconds(seconds: float) -> str:
    """Return the writing that PostgreSQL's settings take: ``200ms``."""
    return f"{seconds * 1000:.0f}ms"


def show_duration(seconds: float) -> str:
    """Return the shortest writing that a person reads at a glance."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86400:.0f} days"
