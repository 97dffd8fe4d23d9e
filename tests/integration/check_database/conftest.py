"""Production at the head of a small history, with rehearsals switched on."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome
from tests.conftest import Templates
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project

USERS = """
op.create_table(
    "users",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("email", sa.String(100), nullable=False),
    sa.Column("age", sa.Integer),
)
op.create_index("ix_users_email", "users", ["email"])
"""
ORDERS = """
op.create_table(
    "orders",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id", name="fk_orders_user_id"), nullable=False),
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A project and a database that commands are run on."""

    af_db: CommandLine
    project: AlembicProject
    url: str
    group: str

    def run(self, *arguments: str, url: str | None = None) -> Outcome:
        return self.af_db(self.group, *arguments, cwd=self.project.root, url=url or self.url)

    def check(self, *arguments: str, url: str | None = None) -> dict[str, Any]:
        outcome = self.run("check", "--json", *arguments, url=url)
        assert outcome.code in (0, 3), outcome.err
        return outcome.document

    def findings(self, *arguments: str, url: str | None = None) -> dict[str, dict[str, Any]]:
        """The findings by their codes; of several with one code the last."""
        return {item["code"]: item for item in self.check(*arguments, url=url)["findings"]}

    def execute(self, *statements: str) -> None:
        """Run each statement on PostgreSQL, in a transaction of its own."""
        connection = psycopg2.connect(self.url)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()


@pytest.fixture
def _rehearsing(monkeypatch: pytest.MonkeyPatch, scratch_server: str) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)


@pytest.fixture
def history(tmp_path: Path) -> AlembicProject:
    """Users, then orders that refer to them."""
    project = make_project(tmp_path / "checked")
    project.add("001", None, USERS, 'op.drop_table("users")')
    project.add("002", "001", ORDERS, 'op.drop_table("orders")')
    return project


@pytest.fixture
def prod(
    af_db: CommandLine,
    history: AlembicProject,
    server_url: DatabaseURL,
    templates: Templates,
    _rehearsing: None,
) -> Iterator[Checked]:
    """PostgreSQL at the head of the history, as ``af-db prod`` has migrated it."""

    def migrate(url: str) -> None:
        it = Checked(af_db=af_db, project=history, url=url, group="prod")
        assert it.run("upgrade", "--yes", "--no-rehearsal").code == 0

    with new_database(server_url, template=templates("users and orders", migrate)) as url:
        yield Checked(af_db=af_db, project=history, url=url, group="prod")


@pytest.fixture
def sqlite(af_db: CommandLine, history: AlembicProject, sqlite_url: str, _rehearsing: None) -> Checked:
    """The same on SQLite, as a developer has it."""
    it = Checked(af_db=af_db, project=history, url=sqlite_url, group="local")
    assert it.run("upgrade").code == 0
    return it
