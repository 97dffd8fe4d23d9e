"""From the command line and the settings to the limits of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from agent_factory.migrate.model.durations import parse_duration
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
from agent_factory.migrate.project.configuration import read_configuration
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
        option = f"--{name.replace('_', '-')}"
        values[field.name] = parse_limit(option, text, f"{option} (AF_DB_{name.upper()})")
    return RunOptions(**values)


def parse_limit(option: str, text: str, called: str = "") -> float:
    """Return the seconds that an option's text means. Raises UsageError for a duration that is none."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(
            "bad-duration",
            f"{called or option}: {error}",
            state=NOT_TOUCHED,
            next_steps=(f"{option} 30s",),
        ) from error


def rehearsal_options(
    root: Path,
    parameters: Mapping[str, Any],
    settings: Settings,
    *,
    known: Sequence[str] | None = None,
) -> RehearsalOptions:
    """Return whether, where and how long a plan is rehearsed: the command line's word, else the settings'.

    ``known`` are the names that ``allow`` may have, by default those of plans. Raises UsageError for
    another one, and for a duration that is none.
    """
    from_settings = settings.af_db_scratch_url
    url = parameters["scratch_url"] or (from_settings.get_secret_value() if from_settings else None)
    is_wanted = not parameters.get("no_rehearsal")
    required = read_configuration(root).require_rehearsal and is_wanted
    option = "--rehearsal-timeout"
    limit = parameters["rehearsal_timeout"] or settings.af_db_rehearsal_timeout
    limits = {"timeout_s": parse_limit(option, limit, f"{option} (AF_DB_REHEARSAL_TIMEOUT)")} if limit else {}
    return RehearsalOptions(
        wanted=required or (settings.af_db_rehearsal and is_wanted),
        required=required,
        scratch_url=url,
        allow=_allowed(parameters.get("allow") or (), known),
        **limits,
    )


def _allowed(texts: Sequence[str], known: Sequence[str] | None) -> tuple[str, ...]:
    if not texts:
        return ()
    from agent_factory.migrate.review.consents import OF_PLANS, parse_consents

    return parse_consents(texts, OF_PLANS if known is None else known)
