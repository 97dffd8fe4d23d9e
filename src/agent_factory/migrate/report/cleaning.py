"""A whole result without secrets and control characters, before any of it is broken, cut or escaped.

A secret that is broken over two lines, or escaped, would not be recognised as one.
"""

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Any, TypeVar

from agent_factory.migrate.report.screen import clean

Cleaned = TypeVar("Cleaned")


def cleaned(value: Cleaned) -> Cleaned:
    """Return the same value with every text in it cleaned: of dataclasses, tuples and paths too."""
    whole: Cleaned = _cleaned(value)
    return whole


def _cleaned(value: Any) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Path):
        return Path(clean(str(value)))
    if isinstance(value, tuple):
        return tuple(map(_cleaned, value))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{field.name: _cleaned(getattr(value, field.name)) for field in fields(value)})
    return value
