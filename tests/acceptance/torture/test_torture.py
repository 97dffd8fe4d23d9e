"""``kill -9`` at random moments of an upgrade, again and again: in the end nothing may tell that it happened.

AF_DB_TORTURE_SECONDS is the time to spend; one whole upgrade is tortured in any case. AF_DB_TORTURE_SEED
repeats the choices of a run, though what they hit depends on the speed of the machine.
"""

import contextlib
import os
import random
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.commands import INSTALLED, bare_environment
from tests.migrations.catalog import read_catalog
from tests.postgres import administering
from tests.projects import AlembicProject, make_project

pytestmark = pytest.mark.faults

# Read on import: within a test the environment is bare.
SECONDS = float(os.environ.get("AF_DB_TORTURE_SECONDS") or 30)
SEED = int(os.environ.get("AF_DB_TORTURE_SEED") or random.randrange(2**32))  # noqa: S311 - no secret

REVISIONS = 30
LONGEST_RUN_S = 120
BYSTANDER_S = 0.05

CREATE = """
op.create_table(
    "t{n}",
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("balance", sa.Integer, nullable=False, server_default="0"),
)
op.execute("INSERT INTO t{n} SELECT n, md5(n::text), n FROM generate_series(1, 5000) n")
"""
CHANGE = """
op.execute("UPDATE t{n} SET balance = balance + 1")
op.execute("INSERT INTO t{n} SELECT id + 5000, name, balance * 2 FROM t{n} WHERE id <= 1000")
"""
INDEX = """
with op.get_context().autocommit_block():
    op.create_index("ix_t{n}_name", "t{n}", ["name"], postgresql_concurrently=True)
"""
COLUMN = """
op.add_column("t{n}", sa.Column("doubled", sa.Integer))
op.execute("UPDATE t{n} SET doubled = balance * 2")
op.alter_column("t{n}", "doubled", nullable=False)
op.create_check_constraint("ck_t{n}_doubled", "t{n}", "doubled >= 0")
"""
INDEXES_AND_CHANGE = """
with op.get_context().autocommit_block():
    op.create_index("ix_t{n}_doubled", "t{n}", ["doubled"], postgresql_concurrently=True)
    op.create_index("ux_t{n}", "t{n}", ["id", "name"], unique=True, postgresql_concurrently=True)
op.execute("UPDATE t{n} SET balance = balance - 3 WHERE id > 2500")
op.create_unique_constraint("uq_t{n}", "t{n}", ["id", "balance"])
"""
STEPS = (CREATE, CHANGE, INDEX, COLUMN, INDEXES_AND_CHANGE)


@dataclass(slots=True)
class Upgrade:
    """One database on its way up, and what was done to it meanwhile."""

    project: AlembicProject
    url: str
    name: str
    story: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join((f"AF_DB_TORTURE_SEED={SEED}, {self.name}:", *self.story))

    def run(self, kill_when: Callable[[], bool] = lambda: False) -> bool:
        """Run ``af-db``, and say whether it ended by itself; then it has to have succeeded."""
        said = self.project.root / "output"
        began = time.monotonic()
        with (
            said.open("w") as output,
            subprocess.Popen(
                [str(INSTALLED), "prod", "upgrade", "--yes"],
                cwd=self.project.root,
                env=bare_environment(self.url),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            ) as process,
        ):
            while process.poll() is None:
                took_s = time.monotonic() - began
                if kill_when() or took_s > LONGEST_RUN_S:
                    process.kill()
                    process.wait()
                    self.story.append(f"killed after {took_s:.3f} s {_what_goes_on(self.url)}")
                    assert took_s < LONGEST_RUN_S, f"it does not end\n{said.read_text()}\n{self}"
                    return False
                time.sleep(0.005)
        assert process.returncode == 0, f"exit code {process.returncode}\n{said.read_text()}\n{self}"
        return True

    def kills(self) -> int:
        return len(self.story)


@pytest.mark.slow
def test_an_upgrade_that_is_killed_ends_as_one_that_is_not(tmp_path: Path, server_url: DatabaseURL) -> None:
    deadline = time.monotonic() + SECONDS
    choices = random.Random(SEED)  # noqa: S311 - no secret
    project = _make_project(tmp_path / "project")
    whole_s = start_s = float(LONGEST_RUN_S)
    for attempt in range(2):  # the first has bytecode to write
        with _database(server_url) as url:
            undisturbed = Upgrade(project, url, f"undisturbed run {attempt + 1}")
            whole_s = min(whole_s, _seconds_of(undisturbed))
            start_s = min(start_s, _seconds_of(undisturbed))
            expected = _contents(url)

    def at_random(kills: int) -> Callable[[], bool]:
        # Each time a little more patience: the machine may have become slower than it was.
        patience_s = choices.uniform(start_s * 0.8, start_s + (whole_s - start_s) * (0.5 + kills / 20))
        moment = time.monotonic() + patience_s
        return lambda: time.monotonic() > moment

    kills = rounds = 0
    while not kills or time.monotonic() < deadline:
        rounds += 1
        with _database(server_url) as url:
            upgrade = Upgrade(project, url, f"round {rounds}")
            while not upgrade.run(at_random(upgrade.kills())):
                pass
            differences = sorted(expected ^ _contents(url))
        assert not differences, "\n".join((*differences, str(upgrade)))
        kills += upgrade.kills()
    print(f"AF_DB_TORTURE_SEED={SEED}: {rounds} rounds, {kills} kills")  # noqa: T201 - shown by pytest -rP


@pytest.mark.slow
def test_a_revision_goes_on_after_two_kills_behind_its_indexes(
    tmp_path: Path, server_url: DatabaseURL
) -> None:
    project = make_project(tmp_path / "project")
    pause = 'op.execute("{}")'.format
    project.add("001", None, CREATE.format(n=0) + pause("CREATE TABLE pause AS SELECT 60 AS seconds"))
    project.add("002", "001", INDEX.format(n=0) + pause("SELECT pg_sleep(seconds) FROM pause"))
    with _database(server_url) as url:
        upgrade = Upgrade(project, url, "two kills")
        for _kill in range(2):
            assert not upgrade.run(kill_when=lambda: "pg_sleep" in _what_goes_on(url))
            while "pg_sleep" in _what_goes_on(url):
                time.sleep(0.05)  # the killed run's session is not the next one's
        with administering(parse_url(url)) as cursor:
            cursor.execute("UPDATE pause SET seconds = 0")
        assert upgrade.run(), upgrade
        assert any("ix_t0_name" in line for line in _contents(url))


def _make_project(root: Path) -> AlembicProject:
    project = make_project(root)
    for number in range(REVISIONS):
        table, step = divmod(number, len(STEPS))
        follows = f"{number:03}" if number else None
        project.add(f"{number + 1:03}", follows, STEPS[step].format(n=table))
    return project


@contextlib.contextmanager
def _database(server: DatabaseURL) -> Iterator[str]:
    """An empty database in which somebody is always in a short transaction.

    CREATE INDEX CONCURRENTLY waits for those that were open before it, and so it is often what a kill hits.
    """
    name = f"af_db_torture_{uuid.uuid4().hex}"
    with administering(server) as cursor:
        cursor.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
    url = f"postgresql://{server.user}:{server.password}@{server.host}:{server.port or 5432}/{name}"
    left = threading.Event()
    try:
        with ThreadPoolExecutor(1) as threads:
            standing_by = threads.submit(_stand_by, url, left)
            try:
                yield url
            finally:
                left.set()
            standing_by.result()
    finally:
        with administering(server) as cursor:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _stand_by(url: str, left: threading.Event) -> None:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.set_session(isolation_level="REPEATABLE READ")
        while not left.is_set():
            cursor.execute("SELECT 1")
            left.wait(BYSTANDER_S)
            connection.rollback()


def _seconds_of(upgrade: Upgrade) -> float:
    began = time.monotonic()
    upgrade.run()
    return time.monotonic() - began


def _contents(url: str) -> set[str]:
    """The schema, the rows, and which revisions af-db says it applied, as lines."""
    lines = read_catalog(url)
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM {table} t")
            lines.add(f"rows of {table}: {cursor.fetchone()}")
        cursor.execute("SELECT version_num FROM alembic_version")
        lines.add(f"alembic_version: {cursor.fetchall()}")
        cursor.execute("SELECT revision FROM af_db.journal WHERE state = 'applied' ORDER BY revision")
        lines.add(f"applied: {cursor.fetchall()}")
    return lines


def _what_goes_on(url: str) -> str:
    """Where the database is, and what a killed process's session is still doing."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('alembic_version')")
        at = "base"
        if cursor.fetchone() != (None,):
            cursor.execute("SELECT coalesce(max(version_num), 'base') FROM alembic_version")
            ((at,),) = cursor.fetchall()
        cursor.execute(
            "SELECT query FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'af-db%' AND state = 'active'"
        )
        running = [query for (query,) in cursor.fetchall()]
    return f"at {at}, still running {running or 'nothing'}"
