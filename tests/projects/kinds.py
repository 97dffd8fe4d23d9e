"""The kinds of projects: trees of this folder and of ``examples/``, and how people run them."""

import compileall
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.env_py_files import BY_ITSELF
from tests.projects import make_project

TREES = Path(__file__).parent
EXAMPLES = TREES.parents[1] / "examples"
PSYCOPG2 = {"postgresql": "+psycopg2", "sqlite": ""}
"""SQLAlchemy 2.1 takes psycopg 3 where a URL names no driver."""
ASYNCHRONOUS = {"postgresql": "+asyncpg", "sqlite": "+aiosqlite"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A project that people have, which is migrated by plain Alembic and by af-db.

    ``tree`` is copied; where there is ``env_py``, the project is one that ``make_project`` makes, with this
    text. Commands run in ``place`` of the copy, with ``options``, once for each of ``runs``, and find modules
    in ``modules``, as seen from there. ``plain`` is the program that runs its migrations without af-db.
    ``drivers`` are what its URLs name; a kind of database that is not among them is not for this project.
    It is upgraded to ``target``, and downgraded to ``back``. ``baseline`` is the file with its first tables.
    With ``is_compiled`` its folders of revisions have bytecode alone.
    """

    tree: Path = Path()
    place: str = "."
    modules: str = ""
    plain: tuple[str, ...] = ("alembic",)
    options: tuple[str, ...] = ()
    runs: tuple[tuple[str, ...], ...] = ((),)
    drivers: Mapping[str, str] = field(default_factory=lambda: PSYCOPG2)
    target: str = "head"
    back: str = "-1"
    baseline: str = ""
    is_compiled: bool = False
    env_py: str = ""

    def copy(self, root: Path) -> Path:
        """Make the project in a new folder, and return the folder where its commands run."""
        if self.env_py:
            make_project(root, tables=3).env_py.write_text(self.env_py)
            return root
        shutil.copytree(self.tree, root, ignore=shutil.ignore_patterns("__pycache__"))
        if self.is_compiled:
            for folder in root.rglob("versions"):
                compileall.compile_dir(folder, quiet=1, legacy=True)
                for file in folder.glob("*.py"):
                    file.unlink()
        return root / self.place

    def url(self, url: str) -> str:
        """Return the URL with the driver that the project has."""
        name, rest = url.split(":", maxsplit=1)
        return f"{name}{self.drivers[name]}:{rest}"

    def environment(self, folder: Path, url: str) -> dict[str, str]:
        """Return what commands that run in ``folder`` find in their environment."""
        modules = {"PYTHONPATH": os.path.normpath(folder / self.modules)} if self.modules else {}
        return {"DATABASE_URL": self.url(url), **modules}


def _of_alembic(template: str, drivers: Mapping[str, str], *, configs: tuple[str, ...]) -> dict[str, Kind]:
    return {
        f"alembic init -t {template}, {release}": Kind(
            tree=TREES / f"alembic-{template}", drivers=drivers, options=("-c", config) if config else ()
        )
        for release, config in RELEASES.items()
        if config in configs
    }


RELEASES = {"1.13": "alembic-1.13.ini", "1.14 and 1.15": "alembic-1.15.ini", "1.16 to 1.20": ""}
"""The alembic.ini of each generation of Alembic; between them only comments have changed."""
OLD_AND_NEW = tuple(RELEASES.values())

KINDS: Mapping[str, Kind] = {
    **_of_alembic("generic", PSYCOPG2, configs=OLD_AND_NEW),
    **_of_alembic("async", ASYNCHRONOUS, configs=OLD_AND_NEW),
    **_of_alembic("pyproject", PSYCOPG2, configs=("",)),
    **_of_alembic("pyproject_async", ASYNCHRONOUS, configs=("",)),
    "psycopg 3": Kind(tree=TREES / "alembic-generic", drivers={"postgresql": "+psycopg"}),
    "psycopg 3, asyncio": Kind(tree=TREES / "alembic-async", drivers={"postgresql": "+psycopg"}),
    "op.run_async": Kind(tree=TREES / "run-async", drivers=ASYNCHRONOUS),
    "version table in a schema": Kind(
        tree=TREES / "version-table-in-schema", drivers={"postgresql": "+psycopg2"}
    ),
    "tenants by schema": Kind(
        tree=TREES / "tenants",
        drivers={"postgresql": "+psycopg2"},
        runs=(("-x", "tenant=one"), ("-x", "tenant=two")),
    ),
    "sourceless": Kind(tree=TREES / "sourceless", is_compiled=True),
    "branches with labels, in two folders": Kind(tree=TREES / "branches", target="heads", back="stock@-1"),
    "baseline": Kind(tree=TREES / "baseline", baseline="schema.sql"),
    "include_name and include_object": Kind(tree=TREES / "some-models"),
    "Flask-Migrate": Kind(tree=EXAMPLES / "flask-migrate", plain=("flask", "--app", "guestbook", "db")),
    "FastAPI, asyncio": Kind(tree=EXAMPLES / "fastapi-async", drivers=ASYNCHRONOUS),
    "env.py in a package": Kind(tree=EXAMPLES / "packaged", place="deployment", modules=".."),
    **{name: Kind(env_py=text, drivers={"postgresql": "", "sqlite": ""}) for name, text in BY_ITSELF.items()},
}
"""What ends the same as with plain Alembic."""

OF_SEVERAL_DATABASES = _of_alembic("multidb", PSYCOPG2, configs=OLD_AND_NEW)

REFUSED: Mapping[str, tuple[Kind, str]] = {
    "asyncpg without SQLAlchemy": (Kind(tree=TREES / "raw-asyncpg"), "it connects to 127.0.0.1"),
    "Flask-Migrate, several binds": (Kind(tree=TREES / "flask-multidb"), "counts"),
}
"""What is refused before anything is done, and what the message names."""
