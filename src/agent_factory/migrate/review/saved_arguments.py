"""What was typed for Alembic and env.py, as a saved plan keeps it and compares it with what is typed now."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from agent_factory.migrate.db.sent_statements import salted
from agent_factory.migrate.model.setup import Setup
from agent_factory.redaction import redact


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedArgument:
    """What was typed for Alembic or env.py: ``-x tenant``, its value as it may be shown, and the SHA-256 of
    what was typed, salted."""

    name: str
    value: str
    sha256: str


def save_arguments(setup: Setup, salt: str) -> tuple[SavedArgument, ...]:
    """Return what was typed for Alembic and env.py, in its order. Values of secrets are not in it."""
    found = []
    for option, typed in setup.arguments:
        key, _, value = typed.partition("=") if option == "-x" else ("", "", typed)
        _, _, shown = redact(typed).partition("=") if key else ("", "", redact(value))
        found.append(
            SavedArgument(
                name=f"{option} {redact(key)}".rstrip(),
                value=shown,
                sha256=salted(hashlib.sha256(typed.encode(errors="surrogatepass")).hexdigest(), salt),
            )
        )
    return tuple(found)


def differing_arguments(reviewed: Sequence[SavedArgument], present: Sequence[SavedArgument]) -> list[str]:
    """Return a line for each name that has another value, or is typed on one side only."""
    found = []
    for name in dict.fromkeys(item.name for item in (*reviewed, *present)):
        before, now = ([item for item in items if item.name == name] for items in (reviewed, present))
        if [item.sha256 for item in before] != [item.sha256 for item in now]:
            shown, shown_now = _values(before), _values(now)
            is_secret = shown == shown_now
            found.append(f"{name}: {'another value' if is_secret else shown} in the plan, {shown_now} now")
    if not found and [item.sha256 for item in reviewed] != [item.sha256 for item in present]:
        found.append("-x: in another order in the plan")
    return found


def _values(given: Sequence[SavedArgument]) -> str:
    return ", ".join(item.value or "without a value" for item in given) or "not typed"
