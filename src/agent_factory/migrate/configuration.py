"""What a project asks of af-db: ``[tool.af-db]`` in the pyproject.toml beside its alembic.ini."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_factory.migrate.errors import NOT_TOUCHED, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """``require_rehearsal`` refuses to run a plan on production that could not be rehearsed."""

    require_rehearsal: bool = False


_KEYS = {"require-rehearsal": ("require_rehearsal", bool)}


def read_configuration(root: Path) -> Configuration:
    """Read the table; a project without one has the defaults. Raises UsageError for what it does not know."""
    path = root / "pyproject.toml"
    if not path.is_file():
        return Configuration()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}).get("af-db", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(f"it cannot be read ({type(error).__name__})") from None
    return _from_table(table)


def _from_table(table: Mapping[str, Any]) -> Configuration:
    values = {}
    for key, value in table.items():
        if key not in _KEYS:
            raise _wrong(f"[tool.af-db] has no key {key!r}; there are: {', '.join(_KEYS)}")
        name, kind = _KEYS[key]
        if not isinstance(value, kind):
            raise _wrong(f"{key} in [tool.af-db] is to be a {kind.__name__}")
        values[name] = value
    return Configuration(**values)


def _wrong(what: str) -> UsageError:
    return UsageError(
        "bad-configuration",
        f"pyproject.toml: {what}",
        state=NOT_TOUCHED,
        next_steps=("correct [tool.af-db] in pyproject.toml",),
    )
