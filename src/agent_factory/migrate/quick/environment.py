"""The settings that the answers need, read from the environment and a plain ``.env``."""

import os
import re
from pathlib import Path

from agent_factory.migrate.model.durations import parse_duration
from agent_factory.redaction import register_secret

_DURATIONS = frozenset(
    f"AF_DB_{name}"
    for name in (
        "LOCK_WAIT",
        "RETRY_FOR",
        "LOCK_TIMEOUT",
        "LOCK_TIMEOUT_MAX",
        "STATEMENT_TIMEOUT",
        "REHEARSAL_TIMEOUT",
    )
)
_SECRETS = ("SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY")
_KNOWN = frozenset(
    {"DATABASE_URL", "PGSSLMODE", "AF_DB_REHEARSAL", "AF_DB_SCRATCH_URL", *_DURATIONS, *_SECRETS}
)

_LINE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>[!%&()*+,\-./0-9:;<=>?@A-Z\[\]^_a-z{|}~]*)")
"""A line whose value needs no quotes and no other variables, so that every reader reads it alike."""


def read_settings(env_file: Path | None) -> dict[str, str] | None:
    """Return the settings by their names, the environment's before the file's; None where one is not plain.

    An empty value is none, as for the normal way. ``env_file`` need not be there.
    """
    values = _read_file(env_file) if env_file is not None and env_file.is_file() else {}
    if values is None:
        return None
    values = {name: value for name, value in values.items() if value}
    values |= {name: value for name, value in os.environ.items() if value}
    for name, value in values.items():
        # The settings take names in any case.
        is_own = name.upper() in _KNOWN or name.upper().startswith("AF_DB_")
        if is_own and not _is_understood(name, value):
            return None
    for name in _SECRETS:
        if name in values:
            register_secret(values[name])
    return values


def _is_understood(name: str, value: str) -> bool:
    if name in _DURATIONS:
        try:
            parse_duration(value)
        except ValueError:
            return False
    return name in _KNOWN and (name != "AF_DB_REHEARSAL" or value in ("true", "false"))


def _read_file(path: Path) -> dict[str, str] | None:
    values: dict[str, str] = {}
    for line in path.read_text(encoding="ascii").split("\n"):
        if not line or re.fullmatch(r"#[^\r]*", line):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        values[match["name"]] = match["value"]
    return values
