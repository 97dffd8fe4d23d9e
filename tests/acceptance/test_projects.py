"""Every kind of project, migrated by plain Alembic and by af-db: both databases end the same."""

import contextlib
import itertools
import re
import sqlite3
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.url import DatabaseURL
from tests.commands import Outcome, run_process
from tests.migrations.catalog import read_catalog
from tests.migrations.runs import connect
from tests.postgres import installation, new_database
from tests.projects.kinds import KINDS, OF_SEVERAL_DATABASES, REFUSED, TREES, Kind

CASES = [(name, database) for name, kind in KINDS.items() for database in kind.drivers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A copy of a project in ``folder``, and the databases that it migrates."""

    kind: Kind
    folder: Path
    urls: tuple[str, ...]
    rehearsing: Mapping[str, str]

    @property
    def group(self) -> str:
        return "prod" if self.urls[0].startswith("postgresql") else "local"

    def alembic(self, word: str, revision: str) -> None:
        """Run plain Alembic; the database is the one that alembic.ini or DATABASE_URL names."""
        program, *words = self.kind.plain
        is_alembic = program == "alembic"
        for run in self.kind.runs:
            arguments = (*words, *self.kind.options, *run, word, *(() if is_alembic else ("--",)), revision)
            ran = self._run(*arguments, program=program, anew=not is_alembic)
            assert ran.code == 0, ran.err

    def af_db(self, *words: str, code: int = 0, says: str = "") -> None:
        for run in self.kind.runs:
            ran = self._run(*words, *self.kind.options, *run, environment=self.rehearsing)
            assert ran.code == code, ran.out + ran.err
            assert says in ran.err
            assert "not rehearsed" not in ran.err

    def _run(
        self, *words: str, program: str = "af-db", anew: bool = False, environment: Mapping[str, str] = {}
    ) -> Outcome:
        environment = {**self.kind.environment(self.folder, self.urls[0]), **environment}
        return run_process(*words, cwd=self.folder, environment=environment, program=program, anew=anew)


_URL = re.compile(r"^sqlalchemy\.url = .*", re.MULTILINE)


def _next_of(lines: Iterator[str], _found: re.Match[str]) -> str:
    return next(lines)


def write_urls(theirs: Side) -> None:
    """Name the databases in alembic.ini, for plain Alembic, which has no option for them."""
    lines = [f"sqlalchemy.url = {theirs.kind.url(url).replace('%', '%%')}" for url in theirs.urls]
    for config in theirs.folder.glob("*.ini"):
        text = config.read_text()
        written, found = _URL.subn(partial(_next_of, iter(lines)), text)
        config.write_text(written if found else text.replace("[alembic]", f"[alembic]\n{lines[0]}", 1))


def state(url: str) -> dict[str, list[str]]:
    """All that can be seen of a database's schema, and the rows of its version tables."""
    found = {"catalog": sorted(read_catalog(url)), "versions": versions(url)}
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            rows = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
        return found | {"sqlite_master": sorted(map(str, rows))}
    command = (str(installation() / "pg_dump"), "--schema-only", "--exclude-schema", "af_db", "--dbname", url)
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    # Each dump of the newest releases has a key of its own.
    return found | {"pg_dump": [line for line in dumped.splitlines() if "restrict " not in line]}


def versions(url: str) -> list[str]:
    """The rows of every version table."""
    found = []
    with connect(url) as connection:
        inspector = sa.inspect(connection)
        for schema in inspector.get_schema_names():
            for name in inspector.get_table_names(schema):
                columns = {column["name"] for column in inspector.get_columns(name, schema)}
                if columns == {"version_num"}:
                    rows = connection.scalars(sa.text(f"SELECT version_num FROM {schema}.{name}"))
                    found.append(f"{schema}.{name}: {sorted(rows)}")
    return found


def make(url: str, file: Path) -> None:
    """Execute the statements of a file."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as database:
            database.executescript(file.read_text())
    else:
        with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(file.read_text())


Make = Callable[[], str]


@pytest.fixture
def make_database(database: str, server_url: DatabaseURL, tmp_path: Path) -> Iterator[Make]:
    """What returns the URL of another empty database of that kind."""
    numbers = itertools.count()
    with contextlib.ExitStack() as stack:
        if database == "sqlite":
            yield lambda: f"sqlite:///{tmp_path / f'{next(numbers)}.db'}"
        else:
            yield lambda: stack.enter_context(new_database(server_url))


@pytest.fixture
def rehearsing(scratch_server: str) -> dict[str, str]:
    return {"AF_DB_REHEARSAL": "true", "AF_DB_SCRATCH_URL": scratch_server}


def end_the_same(theirs: Side, ours: Sequence[Side]) -> None:
    """Migrate up, down and up, the databases of plain Alembic and those of af-db, and compare each time."""
    kind = theirs.kind
    allowed = ("--allow", "baseline") if kind.baseline else ()
    for word, revision, behind in (
        ("upgrade", kind.target, 0),
        ("downgrade", kind.back, 3),
        ("upgrade", kind.target, 0),
    ):
        theirs.alembic(word, revision)
        for side in ours:
            side.af_db(side.group, word, revision, "--yes", *allowed)
            side.af_db("current", "--check-heads", code=behind)
        assert [state(side.urls[0]) for side in ours] == [state(url) for url in theirs.urls]
        allowed = ()
    for side in ours:
        side.af_db(side.group, "check")
        side.af_db("check")


@pytest.mark.parametrize(("name", "database"), CASES, ids=[" - ".join(case) for case in CASES])
def test_it_ends_as_with_plain_alembic(
    name: str, make_database: Make, rehearsing: dict[str, str], tmp_path: Path
) -> None:
    kind = KINDS[name]
    theirs, ours = (
        Side(kind=kind, folder=kind.copy(tmp_path / who), urls=(make_database(),), rehearsing=rehearsing)
        for who in ("theirs", "ours")
    )
    write_urls(theirs)
    if kind.baseline:
        make(theirs.urls[0], theirs.folder / kind.baseline)

    end_the_same(theirs, [ours])


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgresql", "sqlite"])
@pytest.mark.parametrize("kind", OF_SEVERAL_DATABASES.values(), ids=OF_SEVERAL_DATABASES)
def test_each_database_ends_as_with_plain_alembic(
    kind: Kind, make_database: Make, rehearsing: dict[str, str], tmp_path: Path
) -> None:
    names = ("engine1", "engine2")
    urls = tuple(make_database() for _name in names)
    theirs = Side(kind=kind, folder=kind.copy(tmp_path / "theirs"), urls=urls, rehearsing={})
    write_urls(theirs)
    folder = kind.copy(tmp_path / "ours")
    ours = [
        Side(
            kind=replace(kind, options=(*kind.options, "-n", name)),
            folder=folder,
            urls=(make_database(),),
            rehearsing=rehearsing,
        )
        for name in names
    ]

    end_the_same(theirs, ours)


@pytest.mark.parametrize("database", ["postgresql"])
@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_by_name_and_nothing_is_done(name: str, make_database: Make, tmp_path: Path) -> None:
    kind, named = REFUSED[name]
    url = make_database()
    before = state(url)
    side = Side(kind=kind, folder=kind.copy(tmp_path / "ours"), urls=(url,), rehearsing={})

    for words in (("current",), ("prod", "plan"), ("prod", "upgrade", "--yes")):
        side.af_db(*words, code=2, says=named)

    assert state(url) == before


@pytest.mark.parametrize("tree", sorted(TREES.glob("alembic-*")), ids=lambda tree: tree.name)
def test_the_newest_alembic_writes_what_is_here(tree: Path, tmp_path: Path) -> None:
    template = tree.name.removeprefix("alembic-")
    written = run_process("init", "-t", template, "alembic", cwd=tmp_path, program="alembic")

    assert written.code == 0, written.err
    for file in (path for path in tmp_path.rglob("*.*") if path.suffix != ".pyc"):
        here = tree / file.relative_to(tmp_path)
        assert uncommented(here) == uncommented(file)


def uncommented(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
