"""Signals: the statement is cancelled, the revision rolled back, and the exit code says which signal."""

import signal
import time

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.proxy import Proxy
from tests.acceptance.faults.recipes import (
    BUILD_INDEX,
    CONCURRENTLY,
    GATE,
    SLEEP,
    WAIT_AT_GATE,
    lines,
    make_table,
)
from tests.acceptance.faults.runs import Ended, migrate, migrating
from tests.acceptance.faults.waiting import PAUSE_S, until
from tests.projects import AlembicProject
from tests.terminal import run_on_terminal

SOON_S = 2.0
"""Far below the 20 seconds of the statement. The promise is half a second; a busy machine gets more."""


@pytest.fixture
def sleeping(project: AlembicProject) -> AlembicProject:
    project.add("002", "001", lines(make_table("t002"), SLEEP))
    return project


def was_interrupted(ended: Ended, number: signal.Signals, database: Database) -> None:
    assert (ended.code, ended.error["code"]) == (128 + number, "interrupted")
    assert number.name in ended.error["message"]
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.error["next_steps"]
    assert ended.revisions == {"001": "applied", "002": "not applied", "003": "not applied"}
    assert (database.tables, database.versions) == ({"t001"}, ["001"])
    assert (database.backends, database.advisory_locks) == ([], 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_during_a_statement(
    sleeping: AlembicProject, database: Database, number: signal.Signals
) -> None:
    """Fault 6."""
    with migrating(sleeping, database.url) as run:
        database.backend_running("pg_sleep")
        sent = run.send(number)
        until(lambda: not database.is_busy("pg_sleep"), "the statement is cancelled", timeout_s=SOON_S)
        assert time.monotonic() - sent < SOON_S
        ended = run.end()

    was_interrupted(ended, number, database)
    assert database.journal("revision, state, error")[-1] == (
        "002",
        "failed",
        f"interrupted by {number.name}",
    )


def test_one_signal_after_the_other(sleeping: AlembicProject, database: Database) -> None:
    """Fault 6: an impatient person cannot break the clean-up, even over a slow network."""
    with Proxy(database.url) as proxy, migrating(sleeping, proxy.url) as run:
        database.backend_running("pg_sleep")
        proxy.delay_s = 0.03
        run.send(signal.SIGTERM)
        # Signals that arrive at the same time have no order.
        until(lambda: not database.is_busy("pg_sleep"), "the statement is cancelled")
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM) * 200:
            if run.has_answered:
                break
            run.send(number)
            time.sleep(PAUSE_S)
        ended = run.end()

    was_interrupted(ended, signal.SIGTERM, database)


def test_ctrl_c_on_a_terminal(sleeping: AlembicProject, database: Database) -> None:
    """Fault 6: typed, not sent."""
    outcome = run_on_terminal(
        *("prod", "upgrade", "--yes", "--progress", "plain"),
        cwd=sleeping.root,
        url=database.url,
        answers={"pg_sleep": "\x03"},
        columns=200,
    )

    assert outcome.code == 130, outcome.out
    assert "interrupted" in outcome.out
    assert "rolled back; at 001" in outcome.out
    assert (database.tables, database.versions) == ({"t001"}, ["001"])


def test_a_signal_while_waiting_for_another_run(project: AlembicProject, database: Database) -> None:
    """Fault 6: the one that waits leaves, and the other notices nothing."""
    database.build_gate()
    project.add("002", "001", lines(WAIT_AT_GATE, make_table("t002")))
    with migrating(project, database.url) as first:
        database.backend_running(GATE)
        with migrating(project, database.url) as second:
            second.wait_for("waiting-for-run")
            second.send(signal.SIGTERM)
            left = second.end(timeout_s=SOON_S + 3)
        database.open_gate()
        ended = first.end()

    assert (left.code, left.error["code"]) == (143, "interrupted")
    assert (ended.code, ended.applied) == (0, ["001", "002", "003"])


def test_a_signal_while_waiting_for_a_lock(project: AlembicProject, database: Database) -> None:
    """Fault 6: between the tries and during them."""
    project.add("002", "001", 'op.execute("ALTER TABLE t001 ADD COLUMN a integer")')
    assert migrate(project, database.url, "001").code == 0
    with database.transaction("SELECT * FROM t001"), migrating(project, database.url) as run:
        run.wait_for("retrying", count=2)
        run.send(signal.SIGINT)
        ended = run.end(timeout_s=SOON_S + 3)

    assert (ended.code, ended.error["code"]) == (130, "interrupted")
    assert ended.error["state"] == "rolled back; at 001"


def test_a_signal_in_the_pause_between_two_tries(project: AlembicProject, database: Database) -> None:
    """Fault 6: the journal knows of it, as of a signal during a statement."""
    project.add("002", "001", 'op.execute("ALTER TABLE t001 ADD COLUMN a integer")')
    assert migrate(project, database.url, "001").code == 0
    with (
        database.transaction("SELECT * FROM t001"),
        migrating(project, database.url, "--lock-timeout", "20ms") as run,
    ):
        run.wait_for("retrying", lambda event: event["pause_s"] > 0.3)
        run.send(signal.SIGTERM)
        ended = run.end(timeout_s=SOON_S + 3)

    assert (ended.code, ended.error["code"]) == (143, "interrupted")
    assert ended.error["state"] == "rolled back; at 001"
    assert database.journal("revision, state, error")[-1] == ("002", "failed", "interrupted by SIGTERM")


def test_a_signal_between_two_revisions(project: AlembicProject, database: Database) -> None:
    """Fault 6: revisions that are applied stay; no further one begins."""
    project.env_py.write_text(
        "import os, signal\n"
        + project.env_py.read_text().replace(
            "context.configure(",
            "context.configure(on_version_apply=lambda **_f: os.kill(os.getpid(), signal.SIGTERM), ",
        )
    )

    ended = migrate(project, database.url)

    assert (ended.code, ended.error["code"]) == (143, "interrupted")
    applied = [name for name, outcome in ended.revisions.items() if outcome == "applied"]
    assert database.versions == applied[-1:]
    assert database.tables == {f"t{name}" for name in applied}
    assert len(applied) < 3
    assert database.advisory_locks == 0


def test_a_signal_while_an_index_is_built(bare_project: AlembicProject, database: Database) -> None:
    """Fault 6: an INVALID index is dropped, or it is named with the command that drops it."""
    database.execute("CREATE TABLE t (a int)")
    bare_project.add("001", None, BUILD_INDEX)
    with (
        database.transaction("INSERT INTO t VALUES (1)") as writer,
        migrating(bare_project, database.url) as run,
    ):
        database.backend_running(CONCURRENTLY)
        run.send(signal.SIGINT)
        until(lambda: not database.is_busy(CONCURRENTLY), "the build is cancelled", timeout_s=SOON_S)
        writer.commit()
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (130, "interrupted")
    assert database.versions == []
    if database.index("ix_t_a") != "absent":
        assert any("DROP INDEX CONCURRENTLY" in step for step in ended.error["next_steps"])
        assert "ix_t_a" in ended.error["state"]
    again = migrate(bare_project, database.url)
    assert (again.code, database.index("ix_t_a")) == (0, "valid"), again.outcome.out
