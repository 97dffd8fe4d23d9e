"""The versions that pyproject.toml declares are those that are tested: the oldest, and the newest."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def declared() -> dict[str, str]:
    """The lower bound of every package that the project or its tests need; not of what lints or draws."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = [*project["dependencies"], *extras["rehearsal"], *extras["test"]]
    found = {}
    for each in needed:
        if not each.startswith("agent-factory["):
            bound = re.fullmatch(r"([\w-]+)>=([\d.]+)(;.*)?", each)
            assert bound, f"{each} has no lower bound"
            found[bound[1].lower()] = bound[2]
    return found


def pinned(name: str) -> dict[str, str]:
    """The versions of a file of constraints."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.lower().split("==") for line in lines if not line.startswith("#"))


def test_the_lowest_versions_are_the_bounds_of_pyproject() -> None:
    assert pinned("constraints-lowest.txt") == declared()


def test_the_newest_versions_are_within_the_bounds_of_pyproject() -> None:
    newest = pinned("constraints.txt")

    for name, lowest in declared().items():
        assert numbers(newest[name]) >= numbers(lowest), name


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
