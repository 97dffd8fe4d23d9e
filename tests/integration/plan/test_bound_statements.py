"""A saved plan binds each statement: the first that differs is not sent, whatever cursor was to send it."""

import hashlib
import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome
from tests.conftest import Templates
from tests.integration.plan.blocking import block_one_try
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A project at 001, which has made t001, and a file in its ``elsewhere`` that no plan hashes."""

    af_db: CommandLine
    project: AlembicProject
    url: str
    file: Path
    elsewhere: Path

    def add(self, upgrade: str, *, revision: str = "002", follows: str = "001") -> None:
        self.project.add(revision, follows, upgrade.replace("ELSEWHERE", str(self.elsewhere)))

    def plan(self, *options: str) -> Outcome:
        outcome = self.af_db(
            "prod", "plan", "--json", "--out", str(self.file), *options, cwd=self.project.root, url=self.url
        )
        assert outcome.code == 0, outcome.err
        return outcome

    def run(self, *options: str) -> Outcome:
        return self.af_db(
            *("prod", "upgrade", "--yes", "--json", "--plan", str(self.file), *options),
            cwd=self.project.root,
            url=self.url,
        )

    def execute(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def tables(self) -> list[object]:
        query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 't0%' ORDER BY 1"
        return [name for (name,) in self.execute(query)]


@pytest.fixture
def bound(
    af_db: CommandLine, tmp_path: Path, server_url: DatabaseURL, templates: Templates
) -> Iterator[Bound]:
    project = make_project(tmp_path / tmp_path.name, tables=1)  # its models are imported once
    elsewhere = tmp_path / "elsewhere.txt"

    def migrate(url: str) -> None:
        outcome = af_db("prod", "upgrade", "--yes", "--no-rehearsal", cwd=project.root, url=url)
        assert outcome.code == 0, outcome.err

    with new_database(server_url, template=templates("bound", migrate)) as url:
        yield Bound(af_db=af_db, project=project, url=url, file=tmp_path / "plan.json", elsewhere=elsewhere)


def depending(planned: Outcome) -> list[dict[str, Any]]:
    """The hazards of a plan that say that what it sends depends on something."""
    return [item for item in planned.document["review"]["hazards"] if item["code"] == "depends-on-data"]


def stopped_at(outcome: Outcome, number: int) -> str:
    """What is said of a revision that was stopped and rolled back."""
    assert (outcome.code, outcome.error["code"]) == (4, "other-statements"), outcome.out
    message: str = outcome.error["message"]
    assert f"statement {number} of " in message
    assert outcome.error["state"].startswith("rolled back")
    assert "af-db prod plan --out" in outcome.error["next_steps"][0]
    return message


SENDS = {
    "a statement": "op.execute(f'CREATE TABLE t_{word} (n int)')",
    "a raw cursor": "raw.cursor().execute(f'CREATE TABLE t_{word} (n int)')",
    "a cursor of another class": (
        "from psycopg2.extras import DictCursor\n"
        "raw.cursor(cursor_factory=DictCursor).execute(f'CREATE TABLE t_{word} (n int)')"
    ),
    "a cursor that the server keeps": "raw.cursor('kept').execute(f'SELECT 1 AS {word}')",
    "executemany": "raw.cursor().executemany(f'INSERT INTO t002 (n) VALUES (%s) -- {word}', [[1], [2]])",
    "more rows": "raw.cursor().executemany('INSERT INTO t002 (n) VALUES (%s)', [[1]] * len(word))",
    "more rows, one by one": (
        "raw.cursor().executemany('INSERT INTO t002 (n) VALUES (%s)', ([n] for n, _ in enumerate(word)))"
    ),
    "copy_expert": (
        "import io\nraw.cursor().copy_expert(f'COPY t002 (n) FROM STDIN -- {word}', io.StringIO('1\\n'))"
    ),
    "copy_from": ("import io\nraw.cursor().copy_from(io.StringIO('1'), 't002', columns=('n',), null=word)"),
    "copy_to": "import io\nraw.cursor().copy_to(io.StringIO(), 't002', null=word)",
    "callproc": "raw.cursor().callproc('lower' if word == 'same' else 'upper', ['x'])",
    "composed SQL": (
        "from psycopg2 import sql\n"
        "raw.cursor().execute(sql.SQL('CREATE TABLE {} (n int)').format(sql.Identifier(word)))"
    ),
    "bytes": "raw.cursor().execute(f'CREATE TABLE t_{word} (n int)'.encode())",
    "execute_values": (
        "from psycopg2.extras import execute_values\n"
        "execute_values(raw.cursor(), 'INSERT INTO t002 (n) VALUES %s', [(len(word),)])"
    ),
    "one too many": "if word != 'same':\n    op.execute('CREATE TABLE t_more (n int)')",
    "one too few": "if word == 'same':\n    op.execute('CREATE TABLE t_more (n int)')",
}


READS_A_WORD = """
import linecache
word = linecache.updatecache("ELSEWHERE")[0].strip()
raw = op.get_bind().connection
op.execute("CREATE TABLE t002 (n int)")
"""


@pytest.mark.parametrize("send", list(SENDS.values()), ids=list(SENDS))
def test_the_first_statement_that_differs_is_not_sent(bound: Bound, send: str) -> None:
    bound.elsewhere.write_text("same")
    bound.add(READS_A_WORD + send)
    bound.plan()
    bound.elsewhere.write_text("other")

    outcome = bound.run()

    # A rehearsal that is made again sees it too, so it is left out here.
    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert "the SQL of 002: statement 2 is " in outcome.error["message"]
    outcome = bound.run("--no-rehearsal")
    message = stopped_at(outcome, 2)
    assert "in the plan: " in message
    assert "now: " in message
    assert bound.tables() == ["t001"]
    assert bound.execute("SELECT version_num FROM alembic_version") == [("001",)]


BRANCHES = """
if op.get_bind().scalar(sa.text("SELECT count(*) FROM t001")):
    op.execute("UPDATE t001 SET id = id + 10")
else:
    op.execute("UPDATE t001 SET id = id")
"""


@pytest.mark.parametrize("value", ["[len(word)]", "(len(word),)", "Json({'a': word})"])
def test_a_parameter_of_whatever_class_is_no_text(bound: Bound, value: str) -> None:
    bound.elsewhere.write_text("same")
    send = f"raw.cursor().execute('CREATE TABLE t AS SELECT (%s)::text', [{value}])"
    bound.add(f"from psycopg2.extras import Json\n{READS_A_WORD}{send}")
    bound.plan()
    bound.elsewhere.write_text("another")

    outcome = bound.run("--no-rehearsal")

    assert outcome.code == 0, outcome.out


def test_a_revision_that_branches_by_rows_needs_consent_and_then_says_that_it_differs(bound: Bound) -> None:
    bound.add(BRANCHES)
    bound.execute("INSERT INTO t001 VALUES (1), (2)")
    (hazard,) = depending(bound.plan())
    assert hazard["severity"] == "high"
    assert "reads 1 row of public.t001 on the copy in line 12 (SELECT count(*) FROM t001" in hazard["message"]

    refused, run = bound.run(), bound.run("--allow", "depends-on-data")

    assert (refused.code, refused.error["code"]) == (4, "needs-consent")
    assert run.code == 0, run.err
    assert run.document["applied"][0]["other_statements"] == {"sent": 2, "rehearsed": 2}
    assert bound.execute("SELECT error FROM af_db.journal WHERE revision = '002'") == [
        ("sent 2 statements as at the rehearsal, but not the same",)
    ]


def test_what_a_cursor_of_the_drivers_reads_is_seen(bound: Bound) -> None:
    bound.add(
        "cursor = op.get_bind().connection.cursor()\n"
        'cursor.execute("SELECT count(*) FROM t001")\n'
        'op.execute(f"CREATE TABLE t_{cursor.fetchone()[0]} (n int)")'
    )

    (hazard,) = depending(bound.plan())

    assert "SELECT count(*) FROM t001" in hazard["message"]


HIDDEN = """
import psycopg2.extensions
cursor = psycopg2.extensions.cursor(op.get_bind().connection.dbapi_connection)
cursor.execute("SELECT count(*) FROM t001")
op.execute(f"CREATE TABLE t_{cursor.fetchone()[0]} (n int)")
"""


def test_what_no_hazard_was_found_for_is_stopped_whatever_was_allowed(bound: Bound) -> None:
    bound.add(HIDDEN)
    assert depending(bound.plan("--allow", "depends-on-data")) == []
    bound.execute("INSERT INTO t001 VALUES (1)")

    message = stopped_at(bound.run("--allow", "depends-on-data"), 1)

    assert "in the plan: CREATE TABLE t_0 (n int)\n" in message
    assert "now: CREATE TABLE t_1 (n int)" in message
    assert bound.tables() == ["t001"]


def test_nothing_follows_what_a_revision_catches(bound: Bound) -> None:
    swallowing = textwrap.dedent(HIDDEN).replace("op.execute", "try:\n    op.execute")
    bound.add(f"{swallowing.strip()}\nexcept Exception:\n    pass")
    bound.plan()
    bound.execute("INSERT INTO t001 VALUES (1)")

    stopped_at(bound.run(), 1)

    assert bound.execute("SELECT version_num FROM alembic_version") == [("001",)]


def test_what_an_autocommit_block_has_committed_before_is_named(bound: Bound) -> None:
    bound.add(
        "with op.get_context().autocommit_block():\n"
        "    op.execute('CREATE INDEX CONCURRENTLY t_id ON t001 (id)')\n" + textwrap.dedent(HIDDEN).strip()
    )
    bound.plan()
    bound.execute("INSERT INTO t001 VALUES (1)")

    outcome = bound.run()

    assert (outcome.code, outcome.error["code"]) == (8, "other-statements")
    assert outcome.error["revisions"] == [{"revision": "002", "outcome": "partly committed"}]
    assert bound.execute("SELECT count(*) FROM pg_class WHERE relname = 't_id'") == [(1,)]
    assert bound.execute("SELECT count(*) FROM pg_class WHERE relname LIKE 't\\_1'") == [(0,)]


def test_a_secret_is_masked_in_what_is_said_and_in_the_file(bound: Bound) -> None:
    bound.add(HIDDEN.replace("(n int)", "(n int); SET application_name TO 'PASSWORD ''hunter2hunter2'''"))
    bound.plan()
    bound.execute("INSERT INTO t001 VALUES (1)")

    outcome = bound.run()

    stopped_at(outcome, 1)
    assert "hunter2" not in bound.file.read_text() + outcome.out + outcome.err


ORDINARY = {
    "002": """
        key = sa.Column("id", sa.Integer, primary_key=True)
        items = op.create_table("t002", key, sa.Column("at", sa.DateTime))
        import datetime, uuid
        op.bulk_insert(items, [{"id": n, "at": datetime.datetime.now()} for n in range(2500)])
        op.get_bind().execute(items.insert().values(id=sa.bindparam("n")), [{"n": n} for n in (3000, 3001)])
    """,
    "003": """
        from sqlalchemy.orm import Session, declarative_base
        Base = declarative_base()
        class Item(Base):
            __tablename__ = "t002"
            id = sa.Column(sa.Integer, primary_key=True)
            at = sa.Column(sa.DateTime, default=sa.func.now())
        session = Session(op.get_bind())
        session.add_all([Item(id=n) for n in range(5000, 5100)])
        session.flush()
        with session.begin_nested():
            session.add(Item(id=1, at=None) if False else Item(id=9000))
        session.flush()
    """,
    "004": """
        kind = sa.Enum("a", "b", name="kind")
        kind.create(op.get_bind(), checkfirst=True)
        if "kind" not in [column["name"] for column in sa.inspect(op.get_bind()).get_columns("t002")]:
            op.add_column("t002", sa.Column("kind", kind))
        with op.batch_alter_table("t002") as batch:
            batch.add_column(sa.Column("more", sa.Integer, server_default="1"))
    """,
    "005": """
        from psycopg2.extras import execute_values
        cursor = op.get_bind().connection.cursor()
        execute_values(cursor, "INSERT INTO t002 (id) VALUES %s", [(n,) for n in range(20000, 20300)])
        with op.get_context().autocommit_block():
            op.execute("CREATE INDEX CONCURRENTLY t002_more ON t002 (more)")
        op.execute("SELECT setval('t002_id_seq', (SELECT max(id) FROM t002))")
        op.execute("INSERT INTO t002 (id) SELECT id + 50000 FROM t001")
        op.execute("UPDATE t002 SET more = 2 FROM t001 WHERE t001.id = t002.id")
    """,
}


@pytest.fixture
def ordinary(bound: Bound) -> Bound:
    follows = "001"
    for revision, upgrade in ORDINARY.items():
        bound.add(textwrap.dedent(upgrade), revision=revision, follows=follows)
        follows = revision
    bound.execute("INSERT INTO t001 VALUES (1), (2)")
    return bound


def test_ordinary_revisions_are_not_stopped_and_raise_no_alarm(ordinary: Bound) -> None:
    assert depending(ordinary.plan()) == []

    first, second = ordinary.run(), ordinary.run()

    assert first.code == second.code == 0, first.out
    assert [item["other_statements"] for item in first.document["applied"]] == [None] * 4
    assert second.document["applied"] == []


def test_a_second_try_is_bound_as_the_first(ordinary: Bound) -> None:
    ordinary.add("op.execute('ALTER TABLE t001 ADD COLUMN n int')", revision="006", follows="005")
    ordinary.plan()
    release = block_one_try(ordinary.url, "LOCK TABLE t001 IN ACCESS SHARE MODE")

    outcome = ordinary.run("--progress", "json")
    release()

    assert outcome.code == 0, outcome.out
    assert '"retrying"' in outcome.err


def test_the_file_has_salted_hashes_of_statements_and_of_files(bound: Bound) -> None:
    data = bound.project.root / "data.txt"
    data.write_text("x")
    (bound.project.root / "empty.txt").write_text("")
    bound.add(
        "from pathlib import Path\n"
        f"root = Path({str(bound.project.root)!r}[:])\n"
        "(root / 'data.txt').read_text()\n(root / 'empty.txt').read_text()\n"
        "op.execute('CREATE TABLE t002 (n int)')"
    )
    bound.plan()

    document = json.loads(bound.file.read_text())

    hashes = {item["file"]: item["sha256"] for item in document["files"]}
    assert hashes["empty.txt"] is None
    assert hashes["data.txt"] not in (None, hashlib.sha256(b"x").hexdigest())
    assert len(document["salt"]) == 32
    first = document["revisions"][0]["statements"][0]
    assert first["sql"] == "CREATE TABLE t002 (n int)"
    bound.plan()
    again = json.loads(bound.file.read_text())
    assert again["revisions"][0]["statements"][0]["sha256"] != first["sha256"]
    (bound.project.root / "empty.txt").write_text("no more")
    outcome = bound.run()
    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert "empty.txt (SHA-256): none in the plan" in outcome.error["message"]
