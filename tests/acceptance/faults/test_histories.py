"""Several histories in one database, of services or of tenants: none speaks for another or waits for it."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import psycopg2
import pytest

from agent_factory.migrate.db.run_lock import KEY_OF_DATABASE
from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import WAIT_AT_GATE, lines, make_table
from tests.acceptance.faults.runs import Ended, migrate, migrating
from tests.commands import run_process
from tests.projects import AlembicProject, make_project

OWN_TABLE = """
from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=None, version_table="versions_of_{name}")
with context.begin_transaction():
    context.run_migrations()
"""

BY_SEARCH_PATH = """
import os

import sqlalchemy as sa
from alembic import context

connection = context.config.attributes["connection"]
connection.execute(sa.text("SET search_path TO " + os.environ["TENANT"]))
connection.commit()
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""

TENANTS = 50
AT_ONCE = 8


def service(tmp_path: Path, name: str) -> AlembicProject:
    """A project with a version table and tables of its own, whose revisions are called as everybody's are."""
    project = make_project(tmp_path / name)
    project.env_py.write_text(OWN_TABLE.format(name=name))
    project.add("001", None, make_table(f"{name}_1"), f'op.drop_table("{name}_1")')
    project.add("002", "001", make_table(f"{name}_2"), f'op.drop_table("{name}_2")')
    return project


@pytest.fixture
def shop(tmp_path: Path) -> AlembicProject:
    return service(tmp_path, "shop")


@pytest.fixture
def mail(tmp_path: Path) -> AlembicProject:
    return service(tmp_path, "mail")


@pytest.fixture
def tenants(project: AlembicProject, database: Database) -> Sequence[str]:
    """Schemas of one database, each migrated by the same project."""
    project.env_py.write_text(BY_SEARCH_PATH)
    names = [f"tenant_{number}" for number in range(TENANTS)]
    for name in names:
        database.execute(f"CREATE SCHEMA {name}")
    return names


def entries(project: AlembicProject, database: Database, **tenant: str) -> list[dict[str, object]]:
    looked = run_process(
        *("prod", "history", "--json"), cwd=project.root, url=database.url, environment=tenant
    )
    return list(looked.document["entries"])


def test_two_services_with_the_same_ids(
    shop: AlembicProject, mail: AlembicProject, database: Database
) -> None:
    for project in (shop, mail):
        assert migrate(project, database.url, "001").applied == ["001"]

    for project in (shop, mail):
        ended = migrate(project, database.url)
        assert (ended.code, ended.applied) == (0, ["002"]), ended.outcome.out
        assert ended.warnings("ran-outside") == []
        found = run_process("prod", "check", "--json", cwd=project.root, url=database.url).document
        codes = {item["code"] for item in found["findings"]}
        assert not codes & {"edited-revision", "ran-outside", "unfinished-revision", "ran-before-journal"}
    assert migrate(shop, database.url, command="prod downgrade base").code == 0
    assert [entry["is_applied"] for entry in entries(mail, database)] == [True, True]
    assert all(entry["by"] for entry in entries(mail, database))
    assert [entry["is_outside"] for entry in entries(shop, database)] == [False, False]
    assert set(database.journal("version_schema, version_table")) == {
        ("public", "versions_of_shop"),
        ("public", "versions_of_mail"),
    }


def test_an_edited_file_of_one_is_noticed_there_alone(
    shop: AlembicProject, mail: AlembicProject, database: Database
) -> None:
    for project in (shop, mail):
        assert migrate(project, database.url, "001").code == 0
    (path,) = mail.versions.glob("001_*")
    path.write_text(f"{path.read_text()}\n# a second thought\n")

    assert migrate(shop, database.url).applied == ["002"]
    assert migrate(mail, database.url).error["code"] == "edited-revision"
    assert migrate(mail, database.url, "--accept-edited", "001").applied == ["002"]


def test_what_one_left_unfinished_does_not_hold_up_the_other(
    shop: AlembicProject, mail: AlembicProject, database: Database
) -> None:
    shop.add(
        "002",
        "001",
        "with op.get_context().autocommit_block():\n"
        '    op.execute("CREATE TABLE made_inside (a int)")\n'
        'op.execute("SELECT 1/0")',
        name="002_step_002.py",
    )
    assert migrate(shop, database.url).code == 8

    assert migrate(mail, database.url).applied == ["001", "002"]
    assert migrate(shop, database.url).error["code"] == "unfinished-revision"


def test_one_runs_while_the_other_waits_in_a_revision(
    shop: AlembicProject, mail: AlembicProject, database: Database
) -> None:
    database.build_gate()
    shop.add("003", "002", lines(WAIT_AT_GATE, make_table("shop_3")))
    with migrating(shop, database.url) as slow:
        slow.wait_for_statement("beside.gate")
        ended = migrate(mail, database.url, "--lock-wait", "0s")
        again = migrate(shop, database.url, "--lock-wait", "0s")
        database.open_gate()
        slow_ended = slow.end()

    assert (ended.code, ended.applied) == (0, ["001", "002"])
    assert ended.all("waiting-for-run") == []
    assert (again.code, again.error["code"]) == (6, "already-running")
    assert slow_ended.applied == ["001", "002", "003"]
    assert database.advisory_locks == 0


@contextlib.contextmanager
def an_older_run(database: Database) -> Iterator[None]:
    """Hold what af-db 0.2 holds while it runs: the whole database."""
    with contextlib.closing(psycopg2.connect(database.url, application_name="af-db/0.2.0/12")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [KEY_OF_DATABASE])
            assert cursor.fetchone() == (True,)
        yield


def test_no_run_beside_one_of_an_older_af_db(shop: AlembicProject, database: Database) -> None:
    with an_older_run(database):
        refused = migrate(shop, database.url, "--lock-wait", "0s")

    assert (refused.code, refused.error["code"]) == (6, "already-running")
    assert "af-db/0.2.0" in refused.error["message"]
    database.build_gate()
    shop.add("003", "002", WAIT_AT_GATE)
    with migrating(shop, database.url) as run:
        run.wait_for_statement("beside.gate")
        may_begin = database.value("SELECT pg_try_advisory_lock(%s)", [KEY_OF_DATABASE])
        database.open_gate()
        assert run.end().code == 0
    assert may_begin is False


@pytest.mark.slow
def test_fifty_tenants_side_by_side(
    project: AlembicProject, database: Database, tenants: Sequence[str]
) -> None:
    """One of them waits in the middle of a revision; nobody waits for it, and each has its own history."""
    database.build_gate()
    first, *others = tenants
    project.add(
        "004",
        "003",
        f'if op.get_bind().exec_driver_sql("SHOW search_path").scalar() == "{first}":\n    {WAIT_AT_GATE}',
    )
    ended: dict[str, Ended] = {}
    with migrating(project, database.url, environment={"TENANT": first}) as slow:
        slow.wait_for_statement("beside.gate")
        for start in range(0, len(others), AT_ONCE):
            with contextlib.ExitStack() as stack:
                runs = {
                    name: stack.enter_context(
                        migrating(project, database.url, "--lock-wait", "0s", environment={"TENANT": name})
                    )
                    for name in others[start : start + AT_ONCE]
                }
                ended |= {name: run.end() for name, run in runs.items()}
        database.open_gate()
        ended[first] = slow.end()

    assert {name: run.code for name, run in ended.items() if run.code} == {}
    assert {tuple(run.applied) for run in ended.values()} == {("001", "002", "003", "004")}
    assert [run for run in ended.values() if run.all("waiting-for-run")] == []
    kept = database.rows("SELECT version_schema, version_table, count(*) FROM af_db.journal GROUP BY 1, 2")
    assert sorted(kept) == sorted((name, "alembic_version", 4) for name in tenants)
    assert (
        migrate(project, database.url, "002", command="prod downgrade", environment={"TENANT": first}).code
        == 0
    )
    applied = [entry["is_applied"] for entry in entries(project, database, TENANT=others[0])]
    assert applied == [True] * 4
    assert all(entry["by"] for entry in entries(project, database, TENANT=others[0]))
    assert [entry["is_outside"] for entry in entries(project, database, TENANT=first)] == [False] * 4


def test_a_plan_that_was_saved_for_one_tenant_is_not_run_for_another(
    project: AlembicProject, database: Database, tenants: Sequence[str], tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    saved = run_process(
        *("prod", "plan", "--out", str(path), "--no-rehearsal"),
        cwd=project.root,
        url=database.url,
        environment={"TENANT": tenants[0]},
    )
    assert saved.code == 0, saved.err

    refused = migrate(project, database.url, "--plan", str(path), environment={"TENANT": tenants[1]})

    assert (refused.code, refused.error["code"]) == (4, "stale-plan")
    assert f"{tenants[0]}.alembic_version in the plan" in refused.error["message"]


def test_what_another_history_did_meanwhile_is_no_difference_from_the_rehearsal(
    shop: AlembicProject, mail: AlembicProject, database: Database, scratch_server: str
) -> None:
    """The check after a run compares the whole database, and the other one has made its tables by then."""
    for project in (shop, mail):
        assert migrate(project, database.url, "001").code == 0
    database.build_gate()
    database.execute("CREATE TABLE beside.rows_are_not_copied AS SELECT 1 AS one")
    if_real = WAIT_AT_GATE.replace(
        "BEGIN LOOP EXIT WHEN", "BEGIN LOOP EXIT WHEN NOT EXISTS (SELECT FROM beside.rows_are_not_copied) OR"
    )
    shop.add("002", "001", lines(if_real, make_table("shop_2")), name="002_step_002.py")
    rehearsed = {"AF_DB_REHEARSAL": "true", "AF_DB_SCRATCH_URL": scratch_server}
    allowed = ("--allow", "drift,lock-held-through-statements,depends-on-data")
    with migrating(shop, database.url, *allowed, environment=rehearsed) as run:
        run.wait_for_statement("beside.gate")
        assert migrate(mail, database.url).applied == ["002"]
        database.open_gate()
        ended = run.end()

    assert (ended.code, ended.applied) == (0, ["002"]), ended.outcome.out


def test_a_schema_that_is_renamed_takes_its_history_along(
    project: AlembicProject, tenants: Sequence[str], database: Database
) -> None:
    """Shown at once under the new name, and written into the rows by the next run; a dropped one stays."""
    before, other, dropped = tenants[:3]
    for name in (before, other, dropped):
        assert migrate(project, database.url, "002", environment={"TENANT": name}).code == 0
    ran = entries(project, database, TENANT=before)
    database.execute(f"ALTER SCHEMA {before} RENAME TO renamed")

    shown = entries(project, database, TENANT="renamed")
    assert shown == ran
    ended = migrate(project, database.url, environment={"TENANT": "renamed"})

    assert ended.code == 0, ended.outcome.out
    (warned,) = ended.warnings("journal-moved")
    assert f"{before}.alembic_version" in warned
    rows = database.rows("SELECT version_schema, count(*) FROM af_db.journal GROUP BY 1")
    assert sorted(rows) == sorted([("renamed", 3), (other, 2), (dropped, 2)])
    database.execute(f"DROP SCHEMA {dropped} CASCADE")
    assert migrate(project, database.url, environment={"TENANT": other}).code == 0
    rows = database.rows("SELECT version_schema, count(*) FROM af_db.journal GROUP BY 1")
    assert sorted(rows) == sorted([("renamed", 3), (other, 3), (dropped, 2)])
