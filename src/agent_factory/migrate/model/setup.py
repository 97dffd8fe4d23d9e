"""What a project is opened with: its configuration file, and what else was said to Alembic and to env.py."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

OWN_SECTION = "alembic"
"""The section of alembic.ini that Alembic reads where no other one is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The file that configures Alembic, its ``section``, and the ``x`` arguments that env.py may ask for.

    ``command`` and ``options`` are Alembic's own command for what was typed, with the values of its options
    that are not the defaults: an env.py may ask for these too. ``settings_folder`` is where the
    pyproject.toml is that counts for af-db; None means the project's own folder.
    """

    config_path: Path
    section: str = OWN_SECTION
    x: tuple[str, ...] = ()
    command: str = "current"
    options: Mapping[str, object] = field(default_factory=dict)
    settings_folder: Path | None = None

    @property
    def arguments(self) -> tuple[tuple[str, str], ...]:
        """What was said besides the file, as options and their values: ``-n`` and ``sales``, ``-x`` and
        ``tenant=a``."""
        section = (("-n", self.section),) if self.section != OWN_SECTION else ()
        return (*section, *(("-x", argument) for argument in self.x))
