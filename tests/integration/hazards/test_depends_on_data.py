"""depends-on-data: what is read before something is sent; see also plan/test_bound_statements.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine
from tests.projects import make_project

Depending = Callable[[str], list[str]]

ASKS = "value = op.get_bind().scalar(sa.text({sql!r}))\nop.execute(f'COMMENT ON TABLE t001 IS $${{value}}$$')"
COUNTS = ASKS.format(sql="SELECT count(*) FROM t001")
LOCKS = ASKS.format(sql="SELECT id FROM t001 FOR UPDATE")
READS = {
    "rows": (
        COUNTS,
        "reads 1 row of public.t001 on the copy in line 12",
    ),
    "rows of a view": (ASKS.format(sql="SELECT id FROM seen"), "of public.seen, public.t001 on the copy"),
    "rows that are locked": (
        LOCKS,
        "reads 0 rows of public.t001",
    ),
    "rows after a change of the table": (
        "op.execute('ALTER TABLE t001 ADD COLUMN n int')\n" + ASKS.format(sql="SELECT n FROM t001"),
        "reads 0 rows of public.t001 on the copy in line 13",
    ),
    "rows in an autocommit block": (
        "with op.get_context().autocommit_block():\n"
        "    value = op.get_bind().scalar(sa.text('SELECT count(*) FROM t001'))\n"
        "    op.execute(f'COMMENT ON TABLE t001 IS $${value}$$')",
        "reads 1 row of public.t001",
    ),
    "rows in a loop": (
        "for n in range(3):\n    value = op.get_bind().scalar(sa.text('SELECT count(*) FROM t001'))\n"
        "op.execute(f'COMMENT ON TABLE t001 IS $${value}$$')",
        "reads 3 rows of public.t001 on the copy in line 13 (3 statements, the first: SELECT count(*)",
    ),
    "a setting": (ASKS.format(sql="SELECT current_setting('work_mem')"), "reads a setting in line 12"),
    "a setting by SHOW": (ASKS.format(sql="SHOW work_mem"), "reads a setting in line 12 (SHOW work_mem)"),
    "the server's clock": (ASKS.format(sql="SELECT now()"), "reads the clock in line 12 (SELECT now())"),
    "the server's chance": (ASKS.format(sql="SELECT random()"), "reads a random value in line 12"),
    "the clock": (
        "import datetime\nop.execute(f'COMMENT ON TABLE t001 IS $${datetime.date.today()}$$')",
        "reads the clock in line 13 (datetime.date.today())",
    ),
    "the environment": (
        "import os\nif os.environ.get('STAGE') != 'x':\n    op.execute('ALTER TABLE t001 ADD COLUMN n int')",
        "reads the environment in line 13 (os.environ.get('STAGE'))",
    ),
}
DOES_NOT = {
    "rows at its end": "op.execute('ALTER TABLE t001 ADD COLUMN n int')\n"
    "assert not op.get_bind().scalar(sa.text('SELECT count(*) FROM t001'))",
    "the catalog": ASKS.format(sql="SELECT count(*) FROM pg_class"),
    "the information schema": ASKS.format(sql="SELECT count(*) FROM information_schema.columns"),
    "the inspector": "if 't001' in sa.inspect(op.get_bind()).get_table_names():\n"
    "    print(sa.inspect(op.get_bind()).get_indexes('t001'))\n"
    "    print(sa.inspect(op.get_bind()).get_foreign_keys('t001'))\n"
    "    op.execute('ALTER TABLE t001 ADD COLUMN n int')",
    "the version table": ASKS.format(sql="SELECT version_num FROM alembic_version"),
    "rows in one statement": "op.execute('CREATE TABLE other AS SELECT * FROM t001')\n"
    "op.execute('INSERT INTO other SELECT id FROM t001')\n"
    "op.execute('UPDATE other SET id = t001.id FROM t001 WHERE t001.id = other.id')",
    "rows that it throws away": "op.execute(\"SELECT setval('t001_id_seq', (SELECT max(id) FROM t001))\")\n"
    "op.execute('ALTER TABLE t001 ADD COLUMN n int')",
    "rows of a table of its own": "op.execute('CREATE TABLE own (id int)')\n"
    "op.execute('INSERT INTO own VALUES (1)')\n" + ASKS.format(sql="SELECT id FROM own"),
    "the next value of a sequence": ASKS.format(sql="SELECT nextval('t001_id_seq')"),
    "keys that it has made": "made = sa.table('t001', sa.column('id'))\n"
    "op.get_bind().execute(made.insert().returning(made.c.id), {'id': 5}).all()\n"
    "op.execute('ALTER TABLE t001 ADD COLUMN n int')",
    "the clock for a parameter": "import datetime, uuid\n"
    "key, text = sa.Column('id', sa.Uuid), sa.Column('at', sa.DateTime, default=datetime.datetime.now)\n"
    "late = sa.Column('late', sa.DateTime, server_default=sa.func.now())\n"
    "made = op.create_table('made', key, text, late)\n"
    "now = datetime.datetime.now()\n"
    "op.bulk_insert(made, [{'id': uuid.uuid4(), 'at': now}])\n"
    "op.get_bind().execute(made.insert().values(id=uuid.uuid4(), at=now + datetime.timedelta(days=1)))\n"
    "op.get_bind().execute(sa.text('UPDATE made SET at = :now'), {'now': datetime.datetime.now()})",
}


@pytest.fixture
def depending(
    af_db: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    scratch_server: str,
    postgresql_url: str,
    tmp_path: Path,
) -> Depending:
    """Plans a revision with this upgrade(), and returns what is said of what it depends on."""
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)
    project = make_project(tmp_path / "depends", tables=1)
    (project.versions / "001_step_001.py").unlink()
    project.add(
        "001",
        None,
        'op.create_table("t001", sa.Column("id", sa.Integer, primary_key=True))\n'
        'op.execute("CREATE VIEW seen AS SELECT id FROM t001")',
    )
    run = ("prod", "upgrade", "--yes", "--no-rehearsal")
    assert af_db(*run, cwd=project.root, url=postgresql_url).code == 0

    def plan(upgrade: str) -> list[str]:
        project.add("002", "001", upgrade)
        outcome = af_db("prod", "plan", "--json", cwd=project.root, url=postgresql_url)
        assert outcome.code == 0, outcome.out
        found: list[dict[str, Any]] = outcome.document["review"]["hazards"]
        assert not [
            item for item in found if item["code"] == "depends-on-data" and item["severity"] != "high"
        ]
        return [item["message"] for item in found if item["code"] == "depends-on-data"]

    return plan


@pytest.mark.parametrize(("upgrade", "said"), list(READS.values()), ids=list(READS))
def test_what_a_revision_reads_before_it_acts_is_named(depending: Depending, upgrade: str, said: str) -> None:
    (message,) = depending(upgrade)

    assert said in message


@pytest.mark.parametrize("upgrade", list(DOES_NOT.values()), ids=list(DOES_NOT))
def test_what_decides_nothing_raises_no_alarm(depending: Depending, upgrade: str) -> None:
    assert depending(upgrade) == []
