"""The checklist of one pending revision, which adds a column to a table that is there."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project

ADDS = "op.add_column('users', sa.Column('nick', sa.Text()))"
DROPS = "op.drop_column('users', 'nick')"


@pytest.fixture(autouse=True)
def _rehearsing(monkeypatch: pytest.MonkeyPatch, _bare_environment: None, scratch_server: str) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A project at 001, with 002 pending, and its database."""

    af_db: CommandLine
    project: AlembicProject
    url: str

    def run(self, *arguments: str, url: str | None = None) -> Outcome:
        return self.af_db("prod", *arguments, cwd=self.project.root, url=url or self.url)

    def preflight(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """Return the lines by their names; each run has to say by its exit code whether one fails."""
        outcome = self.run("preflight", "--json", *arguments)
        lines = {line["name"]: line for line in outcome.document["checklist"]["lines"]}
        fails = any(line["verdict"] == "fail" for line in lines.values())
        assert outcome.code == (3 if fails else 0), outcome.out
        return lines

    def execute(self, *statements: str) -> None:
        with self.transaction(*statements) as connection:
            connection.commit()

    @contextmanager
    def transaction(self, *statements: str) -> Iterator[Any]:
        with closing(psycopg2.connect(self.url)) as connection:
            for statement in statements:
                connection.cursor().execute(statement)
            yield connection

    def write(self, up: str, down: str | None) -> None:
        """Write 002 with these statements; without a ``downgrade()`` where there is none."""
        self.project.add("002", "001", up, down or "pass")
        if down is None:
            path = self.project.versions / "002_step_002.py"
            path.write_text(path.read_text().partition("def downgrade")[0])

    def commit(self) -> None:
        git = ("git", "-c", "user.name=Ann", "-c", "user.email=ann@shop.example")
        for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "as it is")):
            subprocess.run([*git, *words], cwd=self.project.root, check=True)


@pytest.fixture
def site(af_db: CommandLine, tmp_path: Path, postgresql_url: str) -> Site:
    project = make_project(tmp_path / "shop")
    project.add("001", None, "op.create_table('users', sa.Column('id', sa.Integer(), primary_key=True))")
    found = Site(af_db=af_db, project=project, url=postgresql_url)
    assert found.run("upgrade", "001", "--yes", "--no-rehearsal").code == 0
    found.write(ADDS, DROPS)
    return found


@pytest.fixture
def staging(site: Site, server_url: DatabaseURL, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Another database, at 001, which STAGING_DATABASE_URL names."""
    with new_database(server_url) as url:
        monkeypatch.setenv("STAGING_DATABASE_URL", url)
        started = site.run("upgrade", "001", "--yes", "--environment", "staging", url=url)
        assert started.code == 0, started.err
        yield url
