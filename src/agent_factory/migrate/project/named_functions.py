"""Functions of a project that ``[tool.af-db]`` names as ``package:function``."""

import importlib
from collections.abc import Callable
from typing import Any

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.output import stdout_kept_clean
from agent_factory.plain_text import text_of


def import_named(setting: str, name: str) -> Callable[..., Any]:
    """Return the function of this name; ``setting`` is what names it, for messages. Raises UsageError."""
    module_name, _, function_name = name.partition(":")
    try:
        with stdout_kept_clean():
            function = getattr(importlib.import_module(module_name), function_name, None)
    except BaseException as error:
        if is_interruption(error):
            raise
        raise unusable(
            setting, f"{name} cannot be imported: {type(error).__name__}: {text_of(error)}"
        ) from error
    if not callable(function):
        raise unusable(setting, f"{module_name} has no function {function_name}")
    found: Callable[..., Any] = function
    return found


def unusable(setting: str, why: str) -> UsageError:
    """Return the error for a setting of ``[tool.af-db]`` that names what cannot be had."""
    return UsageError(
        f"bad-{setting}",
        f"{setting} in [tool.af-db]: {why}",
        state=NOT_TOUCHED,
        next_steps=(
            f"correct {setting} in pyproject.toml; modules are found in prepend_sys_path of alembic.ini",
        ),
    )
