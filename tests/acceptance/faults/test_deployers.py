"""Several deployers at once: one migrates, the others wait, tell for whom, and find nothing to do."""

import contextlib
import re

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import (
    BUILD_INDEX,
    CONCURRENTLY,
    GATE,
    WAIT_AT_GATE,
    lines,
    make_table,
)
from tests.acceptance.faults.runs import migrate, migrating, running
from tests.acceptance.faults.waiting import until
from tests.projects import AlembicProject

DEPLOYERS = 8


def test_eight_deployers_start_together(project: AlembicProject, database: Database) -> None:
    """Fault 1: each revision runs once, and nobody fails."""
    with contextlib.ExitStack() as stack:
        runs = [stack.enter_context(migrating(project, database.url)) for _ in range(DEPLOYERS)]
        ended = [run.end() for run in runs]

    assert [run.code for run in ended] == [0] * DEPLOYERS, [run.outcome.out for run in ended if run.code]
    assert sorted(run.applied for run in ended) == [[]] * (DEPLOYERS - 1) + [["001", "002", "003"]]
    assert database.journal() == [(name, "upgrade", "applied") for name in ("001", "002", "003")]
    assert database.versions == ["003"]


def test_the_second_deployer_waits_and_has_nothing_to_do(project: AlembicProject, database: Database) -> None:
    """Fault 1: whoever waits says for whom."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    with migrating(project, database.url, "head") as first:
        pid = database.backend_running(GATE)
        with migrating(project, database.url) as second:
            holder = second.wait_for("waiting-for-run")["holder"]
            database.open_gate()
            ended, waited = first.end(), second.end()

    assert holder["pid"] == pid == ended.all("run-started")[0]["pid"]
    assert holder.keys() >= {"pid", "user", "host", "application", "since", "query"}
    assert holder["application"].startswith("af-db")
    assert holder["user"] == database.value("SELECT current_user")
    assert holder["host"]
    assert holder["since"]
    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])
    assert (waited.code, waited.applied) == (0, [])
    assert waited.all("revision-started") == []


def test_who_has_waited_says_that_there_is_nothing_to_do(project: AlembicProject, database: Database) -> None:
    """Fault 1, as text: what a person in a pipeline's log reads."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    arguments = ("prod", "upgrade", "--yes", "--progress", "plain")
    with migrating(project, database.url) as first:
        pid = database.backend_running(GATE)
        with running(*arguments, cwd=project.root, url=database.url) as second:
            second.wait_for_words(f"pid {pid}")
            database.open_gate()
            first.end()
            waited = second.end()

    assert waited.code == 0
    assert waited.outcome.out.startswith("nothing to do")
    (line,) = [line for line in waited.outcome.err.splitlines() if f"pid {pid}" in line]
    assert re.match(r"\d\d:\d\d:\d\d ", line)


@pytest.mark.parametrize(
    ("options", "variables"),
    [(("--lock-wait", "300ms"), {}), ((), {"AF_DB_LOCK_WAIT": "300ms"})],
    ids=["option", "variable"],
)
def test_a_deployer_that_waits_too_long_changes_nothing(
    project: AlembicProject, database: Database, options: tuple[str, ...], variables: dict[str, str]
) -> None:
    """Fault 1: it ends with a code of its own, and the one that works goes on."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    with migrating(project, database.url) as first:
        pid = database.backend_running(GATE)
        late = migrate(project, database.url, *options, environment=variables)
        assert database.versions == ["001"]
        database.open_gate()
        ended = first.end()

    assert (late.code, late.error["code"]) == (6, "already-running")
    for fact in (f"pid {pid}", database.value("SELECT current_user"), "127.0.0.1", "af-db"):
        assert fact in late.error["message"]
    assert late.error["next_steps"]
    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])


def test_the_plan_that_was_confirmed_no_longer_holds(project: AlembicProject, database: Database) -> None:
    """Fault 1: the deployer that waited was promised three revisions, and only one is left."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    with migrating(project, database.url, "002") as first:
        database.backend_running(GATE)
        with migrating(project, database.url) as second:
            second.wait_for("waiting-for-run")
            database.open_gate()
            assert first.end().code == 0
            waited = second.end()

    assert (waited.code, waited.error["code"]) == (4, "plan-changed")
    assert "002" in waited.error["message"]
    assert (database.versions, database.tables) == (["002"], {"t001", "t002"})


def test_a_deployer_waits_while_another_builds_an_index(
    bare_project: AlembicProject, database: Database
) -> None:
    """Fault 2: a session that waits for the run lock must not be one that the build waits for."""
    name = database.value("SELECT current_database()")
    database.execute(
        f"ALTER DATABASE {name} SET deadlock_timeout = '50ms'",
        "CREATE TABLE t (a int)",
        "INSERT INTO t VALUES (1)",
    )
    bare_project.add("001", None, BUILD_INDEX)
    with (
        database.transaction("INSERT INTO t VALUES (2)") as writer,
        migrating(bare_project, database.url) as first,
    ):
        builder = database.backend_running(CONCURRENTLY)
        with migrating(bare_project, database.url) as second:
            second.wait_for("waiting-for-run")
            until(lambda: database.waits_for_a_lock(builder), "the build waits for the writer")
            _let_it_ask_again(database, builder)
            writer.commit()
            built, waited = first.end(), second.end()

    assert (built.code, built.applied) == (0, ["001"])
    assert (waited.code, waited.applied) == (0, [])
    assert built.all("retrying") == []
    assert database.index("ix_t_a") == "valid"


def _let_it_ask_again(database: Database, builder: int) -> None:
    """Let the deployer that waits ask for the lock several times, while PostgreSQL looks for deadlocks."""
    asked = (
        "SELECT query_start FROM pg_stat_activity"
        " WHERE datname = current_database() AND application_name LIKE 'af-db/%%' AND pid <> %s"
    )
    seen: set[object] = set()

    def has_asked() -> bool:
        seen.update(database.column(asked, [builder]))
        return len(seen) > 3

    until(has_asked, "it asks again")
