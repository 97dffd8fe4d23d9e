"""Data and clocks that are not as they were."""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import GATE, WAIT_AT_GATE, lines
from tests.acceptance.faults.runs import migrate, migrating
from tests.projects import AlembicProject


@pytest.mark.parametrize(
    ("row", "constraint", "code", "says"),
    [
        pytest.param(
            "INSERT INTO item (name) VALUES (NULL)",
            "ALTER TABLE item ALTER COLUMN name SET NOT NULL",
            "data-violates-not-null",
            "name",
            id="NOT NULL",
        ),
        pytest.param(
            "INSERT INTO item (owner) VALUES (7)",
            "ALTER TABLE item ADD CONSTRAINT fk_item_owner FOREIGN KEY (owner) REFERENCES person (id)",
            "data-violates-foreign-key",
            "fk_item_owner",
            id="FOREIGN KEY",
        ),
        pytest.param(
            "INSERT INTO item (name) VALUES ('same'), ('same')",
            "ALTER TABLE item ADD CONSTRAINT uq_item_name UNIQUE (name)",
            "data-violates-unique",
            "uq_item_name",
            id="UNIQUE",
        ),
        pytest.param(
            "INSERT INTO item (price) VALUES (-1)",
            "ALTER TABLE item ADD CONSTRAINT ck_item_price CHECK (price >= 0)",
            "data-violates-check",
            "ck_item_price",
            id="CHECK",
        ),
    ],
)
def test_a_row_arrives_between_plan_and_apply(
    project: AlembicProject, database: Database, row: str, constraint: str, code: str, says: str
) -> None:
    """Fault 25: the constraint is named, the revision rolled back, and it runs once the row is corrected."""
    database.build_gate()
    database.execute(
        "CREATE TABLE person (id integer PRIMARY KEY)",
        "CREATE TABLE item (name text, owner integer, price integer)",
    )
    project.add("002", "001", lines(WAIT_AT_GATE, f'op.execute("{constraint}")'))
    with migrating(project, database.url) as run:
        database.backend_running(GATE)
        database.execute(row)
        database.open_gate()
        ended = run.end()

    assert (ended.code, ended.error["code"]) == (7, code)
    assert says in ended.error["message"]
    assert ended.error["state"] == "rolled back; at 001"
    assert ended.error["next_steps"]
    assert database.versions == ["001"]
    database.execute("DELETE FROM item")
    assert migrate(project, database.url).applied == ["002", "003"]


SKEW = timedelta(days=400)
SKEWED = f"""
import datetime as _datetime
import time as _time

_seconds = {SKEW.total_seconds()}
_now = _time.time
_time.time = lambda: _now() + _seconds
_time.time_ns = lambda: int(_time.time() * 1e9)
_honest = _datetime.datetime


class _IsOne(type):
    def __instancecheck__(cls, value):
        return isinstance(value, _honest)


class datetime(_honest, metaclass=_IsOne):
    @classmethod
    def now(cls, tz=None):
        return _honest.fromtimestamp(_time.time(), tz)

    @classmethod
    def utcnow(cls):
        return _honest.fromtimestamp(_time.time(), _datetime.timezone.utc).replace(tzinfo=None)


_datetime.datetime = datetime
"""


@pytest.fixture
def skewed_clock(tmp_path: Path) -> dict[str, str]:
    """The environment of a machine whose clock is more than a year ahead."""
    folder = tmp_path / "skewed"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SKEWED)
    return {"PYTHONPATH": str(folder)}


@contextlib.contextmanager
def within(database: Database) -> Iterator[list[datetime]]:
    """The server's times before and after the block."""
    times = [database.value("SELECT clock_timestamp()")]
    yield times
    times.append(database.value("SELECT clock_timestamp()"))


def test_the_clients_clock_is_wrong(
    project: AlembicProject, database: Database, skewed_clock: dict[str, str]
) -> None:
    """Fault 25: what the journal and the environment keep are the server's times."""
    project.add("003", "002", "op.execute('SELECT pg_sleep(0.3)')")
    with within(database) as times:
        ended = migrate(project, database.url, environment=skewed_clock)

    assert ended.code == 0, ended.outcome.out
    shown = datetime.fromisoformat(ended.all("run-started")[0]["at"])
    assert shown - datetime.now(UTC) > SKEW / 2, "the clock was not skewed"
    rows = database.rows("SELECT started_at, duration_s FROM af_db.journal ORDER BY id")
    for started_at, duration_s in rows:
        assert times[0] <= started_at <= times[1]
        assert 0 <= duration_s < 60
    assert rows[-1][1] >= 0.3
    assert times[0] <= database.value("SELECT set_at FROM af_db.environment") <= times[1]
