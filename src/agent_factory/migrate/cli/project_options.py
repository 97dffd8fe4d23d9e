"""``-c``, ``-n`` and ``-x``: typed behind a command or before it, and repeated in what is advised."""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any


def options_of_project(
    given: Mapping[str, Any], of_af_db: Mapping[str, Any]
) -> tuple[Path | None, str | None, tuple[str, ...]]:
    """Return the file, the section and the arguments for env.py.

    ``given`` is what stood behind the command, which decides, ``of_af_db`` what stood before it. Arguments
    of both are passed on, for the later one to decide. Values of secrets among them are never shown.
    """
    config = given["config"] or of_af_db.get("config")
    section = given.get("section") or of_af_db.get("section")
    x = (*(of_af_db.get("x") or ()), *(given.get("x") or ()))
    if x:
        _register_secrets(x)
    return config, section, x


def called(config: Path | None, section: str | None, x: Sequence[str]) -> str:
    """Return how ``af-db`` was called, for every command line that is advised."""
    options = [("-c", str(config))] if config else []
    options += [("-n", section)] if section else []
    options += [("-x", argument) for argument in x]
    return " ".join(["af-db", *(f"{option} {shlex.quote(value)}" for option, value in options)])


def _register_secrets(arguments: Iterable[str]) -> None:
    """Have nothing be shown of them that may be secret."""
    from agent_factory.migrate.db.spelled_secrets import secrets_in_argument
    from agent_factory.redaction import register_secret

    for argument in arguments:
        for secret in secrets_in_argument(argument):
            register_secret(secret)
