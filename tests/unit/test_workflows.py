"""The workflows for GitHub Actions run the Makefile's commands."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(workflow: dict[str, Any]) -> list[str]:
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


def test_every_make_is_a_target() -> None:
    run = [*commands(WORKFLOW), *commands(RELEASE)]
    named = {word for command in run for word in re.findall(r"\bmake ([a-z-]+)", command)}

    assert {"lint", "test", "test-all", "test-lowest", "test-wheel"} <= named
    assert named <= TARGETS


def test_it_runs_every_version_that_is_supported() -> None:
    matrix = WORKFLOW["jobs"]["test"]["strategy"]["matrix"]
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())

    assert matrix["python"] == classifiers
    assert matrix["postgresql"] == ["15", "16", "17", "18"]


def test_what_is_published_is_what_was_built_and_tried() -> None:
    jobs = RELEASE["jobs"]
    publishing = [step.get("uses", "").partition("@")[0] for step in jobs["publish"]["steps"]]

    assert publishing == ["actions/download-artifact", "pypa/gh-action-pypi-publish"]
    assert set(jobs["publish"]["needs"]) == {"build", "test"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert "make test-wheel DIST=dist" in commands(RELEASE)
    assert "secrets." not in str(RELEASE)


@pytest.mark.parametrize(
    ("tag", "is_released"), [(f"v{VERSION}", True), (f"v{VERSION}.1", False), ("v9", False)]
)
def test_a_tag_that_is_not_the_version_is_not_released(tag: str, is_released: bool) -> None:
    (script,) = [
        step["run"]
        for step in RELEASE["jobs"]["build"]["steps"]
        if step.get("name", "").startswith("the tag is")
    ]

    ran = subprocess.run(
        ["bash", "-e", "-c", script],  # noqa: S607 - the runner's
        cwd=ROOT,
        env={**os.environ, "GITHUB_REF_NAME": tag},
        check=False,
    )

    assert (ran.returncode == 0) == is_released
