"""What a project is opened with: its configuration file, and what else was said to Alembic and to env.py."""

from dataclasses import dataclass
from pathlib import Path

OWN_SECTION = "alembic"
"""The section of alembic.ini that Alembic reads where no other one is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The file that configures Alembic, its ``section``, and the ``x`` arguments that env.py may ask for."""

    config_path: Path
    section: str = OWN_SECTION
    x: tuple[str, ...] = ()
