"""The Dockerfile finds what it copies, and nothing else gets into its image."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COPIED = {word for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for word in line.split()}


def test_it_copies_what_the_dockerignore_lets_through_and_nothing_else() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]

    assert lines[0] == "*"
    assert {line.removeprefix("!") for line in lines if line.startswith("!")} == COPIED
    assert all((ROOT / path).exists() for path in COPIED)


def test_it_copies_what_is_needed_to_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {project["readme"], *project["license-files"], "pyproject.toml", "src"}

    assert needed <= COPIED


def test_it_runs_as_a_user_without_rights_on_a_supported_python() -> None:
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    versions = re.findall(r"^FROM python:(3\.\d+)-slim$", DOCKERFILE, re.MULTILINE)
    classifiers = re.findall(r"Python :: (3\.\d+)", (ROOT / "pyproject.toml").read_text())

    assert users == ["af-db"]
    assert set(versions) <= set(classifiers)
    assert len(versions) == 1
    assert 'ENTRYPOINT ["af-db"]' in DOCKERFILE
