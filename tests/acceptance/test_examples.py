"""The projects of ``examples/``: the commands of each README are taken out of it and run, as they stand.

What installs is left out. The packages that they need are those of the tests, but for FastAPI, which no
migration imports.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import INSTALLED, bare_environment, run_process
from tests.integration.tables import tables_made

EXAMPLES = Path(__file__).parents[2] / "examples"
DRIVERS = {
    "fastapi-async": {"postgresql": "+asyncpg", "sqlite": "+aiosqlite"},
    "flask-migrate": {"postgresql": "+psycopg2", "sqlite": ""},
    "packaged": {"postgresql": "", "sqlite": ""},
}
TABLES = {"fastapi-async": {"product"}, "flask-migrate": {"entry"}, "packaged": {"warehouse", "stock"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A copy of an example; what it installs is in ``site``, and ``deployed`` is where its commands run."""

    name: str
    root: Path
    site: Path

    @property
    def deployed(self) -> Path:
        deployment = self.root / "deployment"
        return deployment if deployment.exists() else self.root

    @property
    def script(self) -> str:
        """The lines of the README's block, without those that install and that name a database."""
        readme = (self.root / "README.md").read_text()
        (block,) = re.findall(r"^```bash\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
        lines = block.splitlines()
        return "\n".join(line for line in lines if not line.startswith(("python -m pip ", "export ")))

    def url(self, url: str) -> str:
        """Return the URL with the driver that the application has."""
        kind, rest = url.split(":", maxsplit=1)
        return f"{kind}{DRIVERS[self.name][kind]}:{rest}"

    def environment(self, url: str) -> dict[str, str]:
        path = os.pathsep.join((str(INSTALLED.parent), os.environ["PATH"]))
        return bare_environment(self.url(url)) | {"PATH": path, "PYTHONPATH": str(self.site)}


@pytest.fixture
def example(tmp_path: Path) -> Callable[[str], Example]:
    def copied(name: str) -> Example:
        root, site = tmp_path / name, tmp_path / "site"
        shutil.copytree(EXAMPLES / name, root, ignore=shutil.ignore_patterns("__pycache__"))
        site.mkdir()
        if name == "packaged":
            (root / "inventory").rename(site / "inventory")
        return Example(name=name, root=root, site=site)

    return copied


def rehearsing_on(server: str) -> dict[str, str]:
    return {"AF_DB_REHEARSAL": "true", "AF_DB_SCRATCH_URL": server}


def test_every_example_is_tried() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {"ci", *DRIVERS}


@pytest.mark.parametrize("name", DRIVERS)
def test_the_commands_of_the_readme_work_in_its_order(
    example: Callable[[str], Example], database_url: str, name: str
) -> None:
    it = example(name)
    assert it.script.count("af-db ") >= 5

    ran = subprocess.run(
        ["bash", "-e", "-c", it.script],  # noqa: S607 - whichever there is
        cwd=it.root,
        env=it.environment(database_url),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert ran.returncode == 0, (ran.stdout, ran.stderr)
    assert ran.stdout.splitlines()[-1].endswith(": nothing found")
    assert tables_made(database_url) == TABLES[name]


@pytest.mark.parametrize("name", ["fastapi-async", "packaged"])
def test_the_history_is_sound_where_nothing_names_a_database(
    example: Callable[[str], Example], sqlite_url: str, scratch_server: str, name: str
) -> None:
    it = example(name)
    environment = it.environment(sqlite_url) | rehearsing_on(scratch_server)
    del environment["DATABASE_URL"]

    checked = run_process("check", cwd=it.deployed, environment=environment)

    assert checked.code == 0, checked.out
    assert "checked: models: the migrations make what the models say" in checked.out
    assert "on SQLite" not in checked.out
    assert "on PostgreSQL" not in checked.out
