"""What the session that works promises: durable commits, and a run lock that is asked after."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent_factory.migrate.db import run_lock
from agent_factory.migrate.engine.run_session import LockLostError, RunSession, durable_commit
from agent_factory.migrate.model.version_table import VersionTable


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("off", "on"),
        ("on", "on"),
        ("local", "local"),
        ("remote_write", "remote_write"),
        ("remote_apply", "remote_apply"),
    ],
)
def test_commits_are_durable_and_wait_for_standbys_as_configured(given: str, used: str) -> None:
    assert durable_commit(given) == used


TABLE = VersionTable(schema="public", name="alembic_version")


class Asked:
    """Answers whether the lock is held, and counts the questions."""

    def __init__(self, *, held: bool) -> None:
        self.held = held
        self.times = 0

    def __call__(self, _connection: Any, _table: VersionTable) -> bool:
        self.times += 1
        return self.held


DIRECT = SimpleNamespace(behind_pooler=False)


def session(*, may_prepare: bool, facts: Any = DIRECT) -> RunSession:
    driver = SimpleNamespace(may_prepare=may_prepare)
    connection: Any = SimpleNamespace(connection=SimpleNamespace(dbapi_connection=driver))
    return RunSession(connection=connection, table=TABLE, facts=facts)


@pytest.mark.parametrize(
    ("may_prepare", "row_checks"),
    [
        pytest.param(True, False, id="no journal"),
        pytest.param(False, True, id="the revision may have had the prepared row forgotten"),
        pytest.param(False, False, id="neither"),
    ],
)
def test_the_lock_is_asked_after(
    monkeypatch: pytest.MonkeyPatch, may_prepare: bool, row_checks: bool
) -> None:
    monkeypatch.setattr(run_lock, "still_held", Asked(held=True))
    session(may_prepare=may_prepare).check_lock(row_checks=row_checks)

    monkeypatch.setattr(run_lock, "still_held", Asked(held=False))
    with pytest.raises(LockLostError, match="released af-db's run lock"):
        session(may_prepare=may_prepare).check_lock(row_checks=row_checks)


@pytest.mark.parametrize(
    ("run_session", "row_checks"),
    [
        pytest.param(session(may_prepare=True), True, id="the journal's row fails without it"),
        pytest.param(session(may_prepare=False, facts=None), False, id="SQLite"),
    ],
)
def test_no_message_is_spent_where_it_is_known(
    monkeypatch: pytest.MonkeyPatch, run_session: RunSession, row_checks: bool
) -> None:
    asked = Asked(held=False)
    monkeypatch.setattr(run_lock, "still_held", asked)
    run_session.check_lock(row_checks=row_checks)
    assert asked.times == 0
