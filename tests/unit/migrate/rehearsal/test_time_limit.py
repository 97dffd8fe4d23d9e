"""Code that does not end is ended where it is, and leaves nothing of the limit behind."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from agent_factory.migrate.rehearsal.time_limit import TookTooLongError, time_limit

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://", connect_args={"check_same_thread": False})
    with engine.connect() as opened:
        yield opened
    engine.dispose()


def run_endless(connection: sa.Connection) -> None:
    connection.exec_driver_sql(ENDLESS)


def loop(_connection: sa.Connection) -> None:
    while True:
        pass


def loop_over_errors(_connection: sa.Connection) -> None:
    caught: list[Exception] = []
    while len(caught) < 2:
        try:
            time.sleep(60)
        except TookTooLongError as error:
            caught.append(error)
    raise caught[-1]


def wrap_the_error(connection: sa.Connection) -> None:
    try:
        connection.exec_driver_sql(ENDLESS)
    except Exception as error:
        raise RuntimeError("the backfill failed") from error


@pytest.mark.parametrize("code", [run_endless, loop, loop_over_errors, wrap_the_error])
def test_what_does_not_end_is_ended(connection: sa.Connection, code: Callable[[sa.Connection], None]) -> None:
    handler = signal.getsignal(signal.SIGALRM)

    with pytest.raises(TookTooLongError, match="it did not finish in 200 ms"), time_limit(connection, 0.2):
        code(connection)

    assert signal.getsignal(signal.SIGALRM) is handler
    assert not [thread for thread in threading.enumerate() if thread.name == "af-db time limit"]
    assert connection.scalar(sa.text("SELECT 1")) == 1


def test_in_another_thread_a_statement_is_ended(connection: sa.Connection) -> None:
    caught: list[BaseException] = []

    def work() -> None:
        try:
            with time_limit(connection, 0.2):
                connection.exec_driver_sql(ENDLESS)
        except TookTooLongError as error:
            caught.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(20)

    (error,) = caught
    assert ENDLESS in str(error)


def test_what_ends_in_time_is_left_alone(connection: sa.Connection) -> None:
    with time_limit(connection, 0.2):
        assert connection.scalar(sa.text("SELECT 1")) == 1
    with time_limit(connection, None):
        assert connection.scalar(sa.text("SELECT 1")) == 1
    with pytest.raises(ValueError, match="its own"), time_limit(connection, 60):
        raise ValueError("its own")
    time.sleep(0.3)
