"""A saved plan of a SQLite file binds each statement, as on PostgreSQL."""

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine, Outcome
from tests.projects import AlembicProject, make_project

READS_A_WORD = """
import linecache
word = linecache.updatecache("ELSEWHERE")[0].strip()
raw = op.get_bind().connection
op.execute("CREATE TABLE t002 (n int)")
"""
SENDS = {
    "a statement": "op.execute(f'CREATE TABLE t_{word} (n int)')",
    "a raw cursor": "raw.cursor().execute(f'CREATE TABLE t_{word} (n int)')",
    "the driver's connection": "raw.driver_connection.execute(f'CREATE TABLE t_{word} (n int)')",
    "a cursor of another class": (
        "import sqlite3\n"
        "class Another(sqlite3.Cursor):\n    pass\n"
        "raw.driver_connection.cursor(Another).execute(f'CREATE TABLE t_{word} (n int)')"
    ),
    "executemany": "raw.cursor().executemany(f'INSERT INTO t002 (n) VALUES (?) -- {word}', [(1,), (2,)])",
    "more rows": "raw.cursor().executemany('INSERT INTO t002 (n) VALUES (?)', [(1,)] * len(word))",
    "one too many": "if word != 'same':\n    op.execute('CREATE TABLE t_more (n int)')",
    "one too few": "if word == 'same':\n    op.execute('CREATE TABLE t_more (n int)')",
}
ORDINARY = """
import datetime
key = sa.Column("id", sa.Integer, primary_key=True)
items = op.create_table("t002", key, sa.Column("at", sa.DateTime, server_default=sa.func.now()))
op.bulk_insert(items, [{"id": n, "at": datetime.datetime.now()} for n in range(2500)])
with op.batch_alter_table("t001") as batch:
    batch.add_column(sa.Column("more", sa.Integer, server_default="1"))
    batch.alter_column("more", server_default="2")
if "t002" in sa.inspect(op.get_bind()).get_table_names():
    op.execute("INSERT INTO t002 (id) SELECT id + 50000 FROM t001")
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A project at 001, and a SQLite file with one row in its t001."""

    af_db: CommandLine
    project: AlembicProject
    database: Path
    plan_file: Path
    elsewhere: Path

    def plan(self, *options: str) -> list[dict[str, Any]]:
        """Save a plan, and return what it says of what its revisions depend on."""
        outcome = self._run("plan", "--out", str(self.plan_file), *options)
        assert outcome.code == 0, outcome.out
        found = outcome.document["review"]["hazards"]
        return [item for item in found if item["code"] == "depends-on-data"]

    def run(self, *options: str) -> Outcome:
        return self._run("upgrade", "--yes", "--plan", str(self.plan_file), *options)

    def _run(self, *arguments: str) -> Outcome:
        url = f"sqlite:///{self.database}"
        return self.af_db("local", *arguments, "--json", cwd=self.project.root, url=url)

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.database)) as connection, connection:
            return connection.execute(sql).fetchall()


@pytest.fixture
def bound(af_db: CommandLine, tmp_path: Path) -> Bound:
    it = Bound(
        af_db=af_db,
        project=make_project(tmp_path / tmp_path.name, tables=1),
        database=tmp_path / "data.db",
        plan_file=tmp_path / "plan.json",
        elsewhere=tmp_path / "elsewhere.txt",
    )
    assert it._run("upgrade", "--yes", "--no-rehearsal").code == 0
    it.execute("INSERT INTO t001 VALUES (1)")
    return it


@pytest.mark.parametrize("send", list(SENDS.values()), ids=list(SENDS))
def test_the_first_statement_that_differs_is_not_sent(bound: Bound, send: str) -> None:
    bound.elsewhere.write_text("same")
    bound.project.add("002", "001", READS_A_WORD.replace("ELSEWHERE", str(bound.elsewhere)) + send)
    assert bound.plan() == []
    bound.elsewhere.write_text("other")

    outcome = bound.run()

    assert (outcome.code, outcome.error["code"]) == (4, "other-statements"), outcome.out
    assert "statement 2 of " in outcome.error["message"]
    assert bound.execute("SELECT name FROM sqlite_master WHERE name LIKE 't%'") == [("t001",)]


def test_a_file_elsewhere_is_named_and_with_consent_what_it_changes_is_said_at_the_end(bound: Bound) -> None:
    bound.elsewhere.write_text("same")
    body = (
        f"from pathlib import Path\ntext = Path({str(bound.elsewhere)!r}).read_text()\n"
        "op.execute(f'UPDATE t001 SET id = id -- {text}')"
    )
    bound.project.add("002", "001", body)
    (hazard,) = bound.plan()
    assert f"reads {bound.elsewhere}, a file outside of the project, in line 13" in hazard["message"]
    bound.elsewhere.write_text("other")

    refused = bound.run()
    outcome = bound.run("--allow", "depends-on-data")

    assert (refused.code, refused.error["code"]) == (4, "needs-consent")
    assert outcome.code == 0, outcome.out
    assert outcome.document["applied"][0]["other_statements"] == {"sent": 1, "rehearsed": 1}


HIDDEN = """
import sqlite3
cursor = sqlite3.Cursor(op.get_bind().connection.driver_connection)
count, = cursor.execute("SELECT count(*) FROM t001").fetchone()
SEND
"""


@pytest.mark.parametrize(
    "send",
    ["op.execute(f'CREATE TABLE t_{count} (n int)')", "raw.executescript(f'CREATE TABLE t_{count} (n)')"],
)
def test_what_no_hazard_was_found_for_is_stopped(bound: Bound, send: str) -> None:
    body = f"raw = op.get_bind().connection.driver_connection\n{HIDDEN.replace('SEND', send)}"
    bound.project.add("002", "001", body)
    assert bound.plan() == []
    bound.execute("INSERT INTO t001 VALUES (2)")

    outcome = bound.run()

    assert (outcome.code, outcome.error["code"]) == (4, "other-statements"), outcome.out
    assert "statement 1 of revision 002" in outcome.error["message"]
    names = bound.execute("SELECT name FROM sqlite_master WHERE name LIKE 't%'")
    assert names == [("t001",)]


def test_ordinary_revisions_are_not_stopped_and_raise_no_alarm(bound: Bound) -> None:
    bound.project.add("002", "001", ORDINARY)
    assert bound.plan() == []

    outcome = bound.run()

    assert outcome.code == 0, outcome.out
    assert outcome.document["applied"][0]["other_statements"] is None


def test_rows_that_are_read_first_are_named(bound: Bound) -> None:
    bound.project.add(
        "002",
        "001",
        "for n in op.get_bind().scalars(sa.text('SELECT id FROM t001')).all():\n"
        "    op.execute(f'UPDATE t001 SET id = id WHERE id = {n}')",
    )

    (hazard,) = bound.plan()

    assert hazard["table"] == "t001"
    assert "rows of t001 on the copy in line 12 (SELECT id FROM t001)" in hazard["message"]
