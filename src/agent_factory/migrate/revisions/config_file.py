"""Where a project begins: the file that configures Alembic."""

import re
from pathlib import Path

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError

CONFIG_NAMES = ("alembic.ini", "pyproject.toml")


def find_config(start: Path) -> Path:
    """Return the nearest ``alembic.ini``, or ``pyproject.toml`` with ``[tool.alembic]``, going upward.

    Raises UsageError when there is none.
    """
    for folder in (start, *start.parents):
        ini, toml = (folder / name for name in CONFIG_NAMES)
        if ini.is_file():
            return ini
        if toml.is_file() and re.search(
            r"^\[tool\.alembic\]", toml.read_text(encoding="utf-8"), re.MULTILINE
        ):
            return toml
    raise UsageError(
        "no-project",
        f"no alembic.ini in {start} or any folder above it",
        state=NOT_TOUCHED,
        next_steps=("run af-db inside the project, or name the file: af-db -c PATH/alembic.ini ...",),
    )
