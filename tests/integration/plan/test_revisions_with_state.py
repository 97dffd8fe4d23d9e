"""A revision whose module has a state runs as its file says, whatever has run it before."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from agent_factory.url import parse_url
from tests.commands import CommandLine
from tests.integration.plan.blocking import block_one_try
from tests.projects import AlembicProject, make_project

STATES = {
    "a list that is emptied": ("ROWS = [3, 2, 1]", "while ROWS:\n    insert(ROWS.pop())"),
    "a counter": (
        "import itertools\nNUMBERS = itertools.count(1)",
        "for _ in range(3):\n    insert(next(NUMBERS))",
    ),
    "a generator": ("NUMBERS = (n for n in (1, 2, 3))", "for n in NUMBERS:\n    insert(n)"),
    "an iterator": ("NUMBERS = iter([1, 2, 3])", "for n in NUMBERS:\n    insert(n)"),
    "a flag": (
        "DONE = []",
        "if not DONE:\n    DONE.append(1)\n    for n in (1, 2, 3):\n        insert(n)",
    ),
}
FILE = '''"""fill"""

from alembic import op

revision = "002"
down_revision = "001"

{top}


def insert(n):
    op.execute(f"INSERT INTO filled VALUES ({{n}})")


def upgrade():
    op.execute("CREATE TABLE filled (n integer)")
{body}
    op.execute("ALTER TABLE t001 ADD COLUMN more integer")


def downgrade():
    op.execute("DROP TABLE filled")
    op.execute("ALTER TABLE t001 DROP COLUMN more")
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Stateful:
    """A project whose 002 has a state at its top."""

    project: AlembicProject
    af_db: CommandLine

    def rows_after_plain_alembic(self, url: str) -> list[int]:
        engine = sa.create_engine(parse_url(url).to_sqlalchemy())
        config = Config(str(self.project.config))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        rows = rows_of(engine)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.downgrade(config, "base")
            connection.exec_driver_sql("DROP TABLE alembic_version")
        engine.dispose()
        return rows


def rows_of(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return sorted(connection.exec_driver_sql("SELECT n FROM filled").scalars())


@pytest.fixture(params=list(STATES.values()), ids=list(STATES))
def stateful(request: pytest.FixtureRequest, af_db: CommandLine, tmp_path: Path) -> Stateful:
    top, body = request.param
    project = make_project(tmp_path / "stateful", tables=1)
    indented = "\n".join(f"    {line}" for line in body.splitlines())
    (project.versions / "002_fill.py").write_text(FILE.format(top=top, body=indented))
    return Stateful(project=project, af_db=af_db)


def test_a_rehearsal_does_not_change_what_runs(stateful: Stateful, postgresql_url: str) -> None:
    plain = stateful.rows_after_plain_alembic(postgresql_url)
    root = stateful.project.root

    outcome = stateful.af_db("prod", "upgrade", "--yes", "--json", cwd=root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert [item["other_statements"] for item in outcome.document["applied"]] == [None, None]
    engine = sa.create_engine(parse_url(postgresql_url).to_sqlalchemy())
    assert rows_of(engine) == plain == [1, 2, 3]
    engine.dispose()


@pytest.mark.slow
def test_a_lock_that_is_not_to_be_had_does_not_change_what_runs(
    stateful: Stateful, postgresql_url: str
) -> None:
    root = stateful.project.root
    assert stateful.af_db("prod", "upgrade", "001", "--yes", cwd=root, url=postgresql_url).code == 0
    release = block_one_try(postgresql_url, "LOCK TABLE t001 IN ACCESS SHARE MODE")

    outcome = stateful.af_db(
        *("prod", "upgrade", "--yes", "--json", "--progress", "json"), cwd=root, url=postgresql_url
    )
    release()

    assert outcome.code == 0, outcome.err
    assert '"retrying"' in outcome.err
    assert outcome.document["applied"][0]["other_statements"] is None
    engine = sa.create_engine(parse_url(postgresql_url).to_sqlalchemy())
    assert rows_of(engine) == [1, 2, 3]
    engine.dispose()


def test_a_local_plan_and_a_way_back_do_not_change_what_runs(stateful: Stateful, database_url: str) -> None:
    plain = stateful.rows_after_plain_alembic(database_url)
    root = stateful.project.root

    codes = [
        stateful.af_db("local", *arguments, cwd=root, url=database_url).code
        for arguments in (("plan",), ("upgrade",), ("downgrade", "001"), ("upgrade",))
    ]

    assert codes == [0, 0, 0, 0]
    engine = sa.create_engine(parse_url(database_url).to_sqlalchemy())
    assert rows_of(engine) == plain
    engine.dispose()


MAKES_TABLES = '''"""tables"""

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"
TABLES = ["b", "a"]


def upgrade():
    while TABLES:
        op.create_table(TABLES.pop(), sa.Column("id", sa.Integer, primary_key=True))


def downgrade():
    for name in ("a", "b"):
        op.drop_table(name)
'''


@pytest.mark.slow
def test_the_second_upgrade_of_a_check_is_as_the_first(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    monkeypatch.setenv("AF_DB_SCRATCH_URL", postgresql_url)
    for path in project.versions.glob("00[23]*"):
        path.unlink()
    (project.versions / "002_tables.py").write_text(MAKES_TABLES)

    document = af_db("check", "--json", cwd=project.root).document

    assert [item["code"] for item in document["findings"] if item["level"] != "note"] == []
    assert not [item for item in document["skipped"] if item.startswith(("up and down", "on "))]


RUN = ("prod", "upgrade", "--yes", "--allow", "depends-on-data")
"""What these revisions send depends on rows, and is not bound to a saved plan."""
LOOKS = """
for n in op.get_bind().scalars(sa.text("SELECT id FROM t001")).all():
    op.execute(f"UPDATE t001 SET id = id WHERE id = {n}")
"""


@pytest.fixture
def looks_at_rows(tmp_path: Path) -> AlembicProject:
    """Its 002 sends a statement for each row of t001."""
    project = make_project(tmp_path / "looks", tables=1)
    project.add("002", "001", LOOKS)
    return project


@pytest.mark.usefixtures("own_scratch_server")
def test_other_statements_than_at_the_rehearsal_are_told(
    af_db: CommandLine, looks_at_rows: AlembicProject, postgresql_url: str
) -> None:
    root = looks_at_rows.root
    assert af_db("prod", "upgrade", "001", "--yes", cwd=root, url=postgresql_url).code == 0
    _execute(postgresql_url, "INSERT INTO t001 VALUES (1), (2)")

    outcome = af_db(*RUN, "--json", cwd=root, url=postgresql_url)

    assert outcome.code == 0
    assert outcome.document["applied"][0]["other_statements"] == {"sent": 3, "rehearsed": 1}
    rows = _execute(postgresql_url, "SELECT revision, error FROM af_db.journal ORDER BY id")
    assert rows == [("001", None), ("002", "sent 3 statements, and 1 at the rehearsal")]


@pytest.mark.slow
def test_other_statements_are_a_warning_for_people(
    af_db: CommandLine, looks_at_rows: AlembicProject, postgresql_url: str
) -> None:
    root = looks_at_rows.root
    assert af_db("prod", "upgrade", "001", "--yes", cwd=root, url=postgresql_url).code == 0
    _execute(postgresql_url, "INSERT INTO t001 VALUES (1)")

    outcome = af_db(*RUN, cwd=root, url=postgresql_url)

    assert outcome.code == 0
    assert "warning  002 sent 2 statements, and 1 at the rehearsal" in outcome.err


@pytest.mark.slow
def test_as_many_statements_that_are_not_the_same_are_told(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    project = make_project(tmp_path / "depends", tables=1)
    project.add(
        "002",
        "001",
        "n = op.get_bind().scalar(sa.text('SELECT count(*) FROM t001'))\n"
        "op.execute(f'UPDATE t001 SET id = id WHERE id < {n}')",
    )
    assert af_db("prod", "upgrade", "001", "--yes", cwd=project.root, url=postgresql_url).code == 0
    _execute(postgresql_url, "INSERT INTO t001 VALUES (1)")

    outcome = af_db(*RUN, cwd=project.root, url=postgresql_url)

    assert "warning  002 sent 2 statements as at the rehearsal, but not the same" in outcome.err


USES_THE_APPLICATIONS_METADATA = """
import {models}
TABLE = sa.Table("of_application", {models}.metadata, sa.Column("id", sa.Integer))
"""


def test_a_file_that_cannot_be_executed_twice_runs_all_the_same(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    project = make_project(tmp_path / "once", tables=1)
    path = project.add("002", "001", "TABLE.create(op.get_bind())")
    top = USES_THE_APPLICATIONS_METADATA.format(models="models_of_once")
    path.write_text(path.read_text().replace("\n\n\ndef upgrade", f"\n{top}\n\ndef upgrade"))

    outcome = af_db("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err


def test_a_schema_that_came_out_otherwise_names_the_statements_too(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    project = make_project(tmp_path / "otherwise", tables=1)
    project.add(
        "002",
        "001",
        "n = op.get_bind().scalar(sa.text('SELECT count(*) FROM t001'))\n"
        "op.execute(f\"COMMENT ON TABLE t001 IS '{n} rows'\")",
    )
    assert af_db("prod", "upgrade", "001", "--yes", cwd=project.root, url=postgresql_url).code == 0
    _execute(postgresql_url, "INSERT INTO t001 VALUES (1)")

    outcome = af_db(*RUN, "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (8, "not-as-rehearsed")
    assert outcome.error["message"].splitlines()[1:] == [
        "  comment TABLE public.t001: expected '0 rows', found '1 rows'",
        "002 sent 2 statements as at the rehearsal, but not the same",
    ]


def _execute(url: str, sql: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall() if cursor.description else []
    connection.close()
    return rows
