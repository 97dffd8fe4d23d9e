"""From the command line and the settings to the limits of a run."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from agent_factory.migrate.durations import parse_duration
from agent_factory.migrate.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.options import RunOptions
from agent_factory.settings import Settings


def run_options(parameters: Mapping[str, Any], settings: Settings) -> RunOptions:
    """Return the options of a run: the command line's, else the settings', else the defaults.

    Raises UsageError for a duration that is none.
    """
    values: dict[str, Any] = {}
    for field in fields(RunOptions):
        name = field.name.removesuffix("_s")
        if not field.name.endswith("_s"):
            given = parameters.get(name)
            if given is not None:
                values[field.name] = tuple(given) if isinstance(given, list) else given
            continue
        text = parameters.get(name) or getattr(settings, f"af_db_{name}")
        if text is None:
            continue
        try:
            values[field.name] = parse_duration(text)
        except ValueError as error:
            raise UsageError(
                "bad-duration",
                f"--{name.replace('_', '-')} (AF_DB_{name.upper()}): {error}",
                state=NOT_TOUCHED,
                next_steps=(f"--{name.replace('_', '-')} 30s",),
            ) from error
    return RunOptions(**values)
