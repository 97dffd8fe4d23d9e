"""The workflow for GitHub Actions runs the Makefile's commands."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands() -> list[str]:
    return [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]


def test_every_make_is_a_target() -> None:
    named = {word for command in commands() for word in re.findall(r"\bmake ([a-z-]+)", command)}

    assert {"lint", "test", "test-all", "test-lowest", "test-wheel"} <= named
    assert named <= TARGETS


def test_it_runs_every_version_that_is_supported() -> None:
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())

    assert matrix["python"] == classifiers
    assert matrix["postgresql"] == ["15", "16", "17", "18"]
