"""One project: migrated with plain Alembic and with af-db, and the two databases compared."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from tests.compat.projects import Project
from tests.postgres import Server

ROOT = Path(__file__).parents[2]
LIMIT_S = 1800
LAST = 10
CONSENTS: Mapping[str, tuple[str, ...]] = {"upgrade": (), "down": ("deletes-data",), "up": ()}
"""The steps that run, and what each has to be allowed besides what the project needs."""

REVISIONS = """
import sys
from alembic.config import Config
from alembic.script import ScriptDirectory
config = Config(sys.argv[1])
if not config.get_main_option("script_location"):
    config.set_main_option("script_location", sys.argv[1].rpartition("/")[0])
script = ScriptDirectory.from_config(config)
print(*[each.revision for each in script.walk_revisions("base", sys.argv[2])])
"""
"""The revisions up to one, newest first, without running env.py."""


PLAIN = """
import contextlib
import importlib
import sys
from argparse import Namespace
import sqlalchemy
from alembic import command
from alembic.config import Config
config = Config(sys.argv[1])
config.set_main_option("sqlalchemy.url", sys.argv[2])
config.cmd_opts = Namespace(x=sys.argv[6:])
with contextlib.ExitStack() as stack:
    if sys.argv[5]:
        module, name = sys.argv[5].split(":")
        config.attributes |= getattr(importlib.import_module(module), name)()
        engine = sqlalchemy.create_engine(sys.argv[2])
        config.attributes["connection"] = stack.enter_context(engine.begin())
    getattr(command, sys.argv[3])(config, sys.argv[4])
"""
"""A command of plain Alembic, which has no option for the database."""


BEFORE = """
import importlib
import sys
import sqlalchemy
module, name = sys.argv[1].split(":")
with sqlalchemy.create_engine(sys.argv[2]).begin() as connection:
    getattr(importlib.import_module(module), name)(connection)
"""
"""What the package makes before its migrations."""


class StoppedError(Exception):
    """A command ended otherwise than it should; what it said is in the log."""


@dataclass(slots=True, kw_only=True)
class Row:
    """What came out of a project. ``said`` is why a step was the last."""

    name: str
    goes_down: bool
    version: str = ""
    alembic: str = ""
    revisions: int = 0
    steps: dict[str, str] = field(default_factory=dict)
    said: str = ""

    @property
    def is_good(self) -> bool:
        wanted = {"upgrade", "same", "check", "plan", *(("down", "up") if self.goes_down else ())}
        return not self.said and set(self.steps) >= wanted


class Trial:
    """A project in an environment of its own, below ``folder``, with a log of what each command prints."""

    def __init__(self, project: Project, server: Server, folder: Path) -> None:
        self._project = project
        self._server = server
        self._folder = folder / project.name
        self._python = self._folder / "env" / "bin" / "python"
        self.row = Row(name=project.name, goes_down=project.goes_down)

    def run(self) -> Row:
        """Try everything; a step that goes wrong is the last, and is said in the row."""
        try:
            self._install()
            self._try()
        except (StoppedError, subprocess.TimeoutExpired) as error:
            self.row.said = str(error)
        return self.row

    def _install(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._python.exists():
            self._do("install", sys.executable, "-m", "venv", str(self._folder / "env"))
        wanted = self._project.requirements or (self._project.name,)
        pip = (str(self._python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        self._do("install", *pip, *wanted, "psycopg2-binary")
        before = self._versions()
        self._do("install", *pip, f"{ROOT}[rehearsal]", *wanted)
        after = self._versions()
        self.row.version, self.row.alembic = after.get(self._project.name, ""), after["alembic"]
        changed = [
            f"{name} {before[name]} -> {after[name]}" for name in before if before[name] != after.get(name)
        ]
        if changed:
            self.row.steps["install"] = f"changes {', '.join(changed)}"

    def _versions(self) -> dict[str, str]:
        listed = self._do("install", str(self._python), "-m", "pip", "list", "--format", "json")
        return {each["name"]: each["version"] for each in json.loads(listed)}

    def _try(self) -> None:
        plain, ours, older = (self._database(name) for name in ("plain", "ours", "older"))
        row, target = self.row, self._project.target
        asked = (*self._code(REVISIONS), str(self._config(plain)), target)
        listed = self._do("revisions", *asked, url=plain)
        revisions = listed.split()
        row.revisions = len(revisions)
        for url in (plain, ours, older):
            if self._project.before:
                self._do("before", *self._code(BEFORE), self._project.before, url, url=url)
        self._alembic("upgrade", target, url=plain)
        self._af_db("upgrade", "prod", "upgrade", target, "--yes", url=ours)
        row.steps["upgrade"] = "ok"
        self._compare("same", plain, ours)
        self._af_db("check", "prod", "check", url=ours)
        row.steps["check"] = "ok"
        if len(revisions) > LAST:
            self._alembic("upgrade", revisions[LAST], url=older)
        planned = json.loads(self._af_db("plan", "prod", "plan", target, "--json", url=older))
        row.steps["plan"] = _hazards(planned)
        if not row.goes_down:
            return
        self._af_db("down", "prod", "downgrade", "-1", "--yes", url=ours)
        self._alembic("downgrade", "-1", url=plain)
        self._compare("down", plain, ours)
        self._af_db("up", "prod", "upgrade", target, "--yes", url=ours)
        self._alembic("upgrade", target, url=plain)
        self._compare("up", plain, ours)

    def _database(self, name: str) -> str:
        database = re.sub(r"\W", "_", f"{self._project.name}_{name}")
        with closing(psycopg2.connect(self._server.url("postgres"))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
                cursor.execute(f"CREATE DATABASE {database}")
        # SQLAlchemy 2.1 takes another driver than 2.0 where the URL names none.
        return self._server.url(database).replace(":", f"+{self._project.driver}:", 1)

    def _config(self, url: str) -> Path:
        """Return the alembic.ini: the package's own, or one that is written here."""
        for name, text in self._project.files.items():
            (self._folder / name).write_text(self._filled(text, url))
        if "\n" not in self._project.config:
            return self._site / self._project.config
        config = self._folder / "alembic.ini"
        config.write_text(self._filled(self._project.config, url))
        settings = self._project.settings
        if self._project.attributes:
            settings += f'attributes = "{self._project.attributes}"\n'
        if settings:
            config.with_name("pyproject.toml").write_text(f"[tool.af-db]\n{settings}")
        return config

    @property
    def _site(self) -> Path:
        return next((self._folder / "env" / "lib").glob("python*/site-packages"))

    def _filled(self, text: str, url: str) -> str:
        places = {"url": url, "site": self._site, "folder": self._folder}
        if url:
            places |= sa.make_url(url).translate_connect_args()
        return re.sub(r"\{(\w+)\}", lambda found: str(places.get(found[1], found[0])), text)

    def _code(self, text: str) -> tuple[str, ...]:
        # Without -P a package's own logging.py would be taken for the standard library's.
        return str(self._python), "-P", "-c", text

    def _alembic(self, word: str, revision: str, *, url: str) -> None:
        config = self._config(url)
        if self._project.is_of_flask:
            flask = (str(self._python), "-m", "flask", "db", word, "-d", str(config.parent), revision)
            self._do("plain Alembic", *flask, url=url)
        else:
            plain = (*self._code(PLAIN), str(config), url, word, revision, self._project.attributes)
            self._do("plain Alembic", *plain, *self._project.x, url=url)

    def _af_db(self, step: str, *words: str, url: str) -> str:
        af_db = [str(self._python.with_name("af-db")), *words, "-c", str(self._config(url))]
        af_db += [word for value in self._project.x for word in ("-x", value)]
        if step in CONSENTS:
            names = (*self._project.allows, *CONSENTS[step])
            af_db += [word for name in names for word in ("--allow", name)]
        return self._do(step, *af_db, url=url, environment={"DATABASE_URL": url})

    def _do(
        self, step: str, *command: str, url: str = "", environment: Mapping[str, str] | None = None
    ) -> str:
        own = {name: self._filled(value, url) for name, value in self._project.environment.items() if url}
        ran = subprocess.run(
            command,
            cwd=self._config(url).parent if url else self._folder,
            env={**os.environ, "PYTHONPATH": str(self._folder), **own, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        with (self._folder / "log").open("a") as log:
            log.write(f"$ {' '.join(command)}\n{ran.stdout}{ran.stderr}\nexit {ran.returncode}\n\n")
        if ran.returncode:
            raise StoppedError(f"{step}: exit {ran.returncode}: {_why(ran.stderr)}")
        return ran.stdout

    def _compare(self, step: str, plain: str, ours: str) -> None:
        theirs, own = self._dump(plain), self._dump(ours)
        if theirs != own:
            (self._folder / f"{step}-plain.sql").write_text("\n".join(theirs))
            (self._folder / f"{step}-ours.sql").write_text("\n".join(own))
            only = [*set(theirs) ^ set(own), "only the order"]
            raise StoppedError(f"{step}: not the schema or version of plain Alembic: {only[0]}")
        self.row.steps[step] = "ok"

    def _dump(self, url: str) -> Sequence[str]:
        """The schema as pg_dump writes it, and the rows of the version table, without what af-db keeps."""
        pg_dump = str(self._server.bin_dir / "pg_dump")
        url = url.replace(f"+{self._project.driver}", "", 1)
        text = self._do("dump", pg_dump, "--schema-only", "--exclude-schema", "af_db", "--dbname", url)
        with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON attrelid = oid"
                " WHERE attname = 'version_num' AND relkind = 'r' ORDER BY 1"
            )
            rows = []
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT version_num FROM {table} ORDER BY 1")
                rows.append(f"-- {table}: {cursor.fetchall()}")
        # Each dump of the newest releases has a key of its own.
        return [line for line in text.splitlines() if "restrict " not in line] + rows


def _hazards(planned: Mapping[str, object]) -> str:
    found = re.findall(r'"severity": "(\w+)"', json.dumps(planned))
    return ", ".join(f"{found.count(each)} {each}" for each in dict.fromkeys(found)) or "no hazard"


def _why(said: str) -> str:
    """The line of an error that says what it is."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    return (errors or lines or ["nothing was said"])[-1][:300]
