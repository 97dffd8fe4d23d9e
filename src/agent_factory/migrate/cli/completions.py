"""What a shell completes: revisions and hazards, from names and texts of files alone.

A key that was pressed waits for it, so neither env.py nor a database is asked, and no library is loaded. A
layout that is not read here is completed by nothing.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import typer

MOST_FILES = 2_000
"""Revision files that are read for one key."""
_WORDS = (("head", "the newest"), ("base", "before all"))
_CONSENTS = ("baseline", "drift")


def revisions(context: typer.Context, incomplete: str) -> list[tuple[str, str]]:
    """Return the ids that begin so, newest file first, each with its message."""
    chosen = context.params.get("config") or context.find_root().params.get("config")
    found: list[tuple[str, str]] = []
    with contextlib.suppress(Exception):  # a fault of the project is for the command to say
        found = sorted(_declared(Path(chosen) if chosen else None), reverse=True)
    return [(word, said) for word, said in (*found, *_WORDS) if word.startswith(incomplete)]


def hazards(incomplete: str) -> list[str]:
    """Return the names that ``--allow`` takes for a plan; what stands before the last comma stays."""
    before, comma, begun = incomplete.rpartition(",")
    given = before.split(",")
    names = sorted([*_rules(), *_CONSENTS])
    return [f"{before}{comma}{name}" for name in names if name.startswith(begun) and name not in given]


def _rules() -> Iterator[str]:
    """Each module of the rules has the hazard of its name: to import them would take half a second."""
    import agent_factory.migrate

    folder = Path(agent_factory.migrate.__path__[0]) / "review" / "hazards" / "rules"
    return (path.stem.replace("_", "-") for path in folder.glob("[a-z]*.py"))


def _declared(config: Path | None) -> Iterator[tuple[str, str]]:
    from agent_factory.migrate.revisions.graph.declared import read_declared

    for path in _files(config):
        declared = read_declared(path.read_bytes())
        if declared is not None:
            yield declared.id, declared.message or ""


def _files(config: Path | None) -> list[Path]:
    from agent_factory.migrate.revisions.config_file import find_config, option_of

    config_path = config or find_config(Path.cwd())
    here = config_path.absolute().parent
    named = option_of(config_path, "version_locations").replace("%(here)s", here.as_posix())
    location = option_of(config_path, "script_location") or "alembic"
    location = location.replace("%(here)s", here.as_posix())
    folders = [here / name for name in named.replace(":", " ").split()] or [here / location / "versions"]
    files = (path for folder in folders for path in sorted(folder.glob("*.py"), reverse=True))
    return [path for _number, path in zip(range(MOST_FILES), files, strict=False)]
