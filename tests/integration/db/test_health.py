"""What a server says of itself: each state is made on a real one, and read by roles with and without
rights."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.db import health
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.readiness import read_activity, read_room, sees_all
from agent_factory.migrate.model.target import local_target
from agent_factory.url import parse_url
from tests.postgres import SETTINGS, server_folders, throwaway_server

T = TypeVar("T")


@contextmanager
def session(url: str, *statements: str, application: str = "shop") -> Iterator[Any]:
    """Another session, in the transaction that these statements have begun."""
    with closing(psycopg2.connect(url, application_name=application)) as connection:
        for statement in statements:
            connection.cursor().execute(statement)
        yield connection


def until(ask: Callable[[], T], limit_s: float = 20) -> T:
    """Ask until there is an answer: what other sessions do, and count, takes a moment to be seen."""
    ends = time.monotonic() + limit_s
    while not (answer := ask()) and time.monotonic() < ends:
        time.sleep(0.05)
    return answer


@pytest.fixture
def url(postgresql_url: str) -> str:
    with closing(psycopg2.connect(postgresql_url)) as connection, connection:
        connection.cursor().execute("CREATE TABLE orders (id int PRIMARY KEY, note text)")
        connection.cursor().execute("INSERT INTO orders VALUES (1, 'a')")
    return postgresql_url


@pytest.fixture
def watcher(url: str) -> Iterator[sa.Connection]:
    with connect(local_target(url), read_only=True) as connection:
        yield connection


@pytest.fixture
def stranger(url: str, server_url: Any) -> Iterator[sa.Connection]:
    """A connection of a role that may see nobody else's sessions."""
    role = "stranger_" + url.rpartition("_")[2][:12]
    with closing(psycopg2.connect(url)) as admin:
        admin.autocommit = True
        admin.cursor().execute(f"CREATE ROLE {role} LOGIN PASSWORD 'stranger-password'")
        try:
            own = parse_url(url)
            text = f"postgresql://{role}:stranger-password@{own.host}:{own.port}/{own.database}"
            with connect(local_target(text), read_only=True) as connection:
                yield connection
        finally:
            admin.cursor().execute(f"DROP ROLE {role}")


def test_sessions_are_counted_by_state(url: str, watcher: sa.Connection) -> None:
    with session(url), session(url, "SELECT 1"), session(url, "SELECT 1"):
        counts = {one.state: one.count for one in health.count_sessions(watcher)}

    assert counts == {"idle": 1, "idle in transaction": 2}


def test_the_oldest_transaction_comes_first(url: str, watcher: sa.Connection) -> None:
    with (
        session(url, "SELECT 1", application="old"),
        session(url, "SELECT 1", application="new"),
        session(url),
    ):
        first, second = health.longest_transactions(watcher)

    assert [first.application, second.application] == ["old", "new"]
    assert (first.transaction_age_s or 0) >= (second.transaction_age_s or 0) >= 0


@pytest.mark.parametrize(
    ("holds", "wants", "table"),
    [
        ("LOCK TABLE orders", "SELECT * FROM orders", "orders"),
        ("UPDATE orders SET note = 'b'", "UPDATE orders SET note = 'c'", None),
        ("SELECT pg_advisory_lock(812)", "SELECT pg_advisory_lock(812)", None),
    ],
)
def test_who_waits_for_whom(
    url: str, watcher: sa.Connection, holds: str, wants: str, table: str | None
) -> None:
    with ExitStack() as stack:
        holder = stack.enter_context(session(url, holds, application="holder"))
        waiter = stack.enter_context(session(url, application="waiter"))
        waiting = threading.Thread(target=waiter.cursor().execute, args=(wants,))
        waiting.start()
        (found,) = until(lambda: health.read_waits(watcher))
        if "advisory" in holds:
            holder.cursor().execute("SELECT pg_advisory_unlock_all()")
        holder.rollback()
        waiting.join(10)
        nobody = health.read_waits(watcher)

    assert (found.session.application, found.table) == ("waiter", table)
    assert [blocker.application for blocker in found.blockers] == ["holder"]
    assert 0 <= (found.waited_s or 0) < 20
    assert nobody == ()


def test_waits_in_another_database_are_not_told(url: str, watcher: sa.Connection, server_url: Any) -> None:
    other = str(url).rpartition("/")[0] + "/postgres"
    with session(other, "SELECT pg_advisory_lock(4711)") as holder, session(other) as waiter:
        waiting = threading.Thread(target=waiter.cursor().execute, args=("SELECT pg_advisory_lock(4711)",))
        waiting.start()
        time.sleep(0.5)
        found = health.read_waits(watcher)
        holder.cursor().execute("SELECT pg_advisory_unlock_all()")
        waiting.join(10)

    assert found == ()


def test_rollbacks_commits_and_deadlocks_are_counted(url: str, watcher: sa.Connection) -> None:
    before = health.read_counters(watcher)
    with session(url) as other:
        for _ in range(30):
            with pytest.raises(psycopg2.Error):
                other.cursor().execute("SELECT nothing")
            other.rollback()
        other.cursor().execute("SELECT 1")
        other.commit()

    def later() -> health.Counters | None:
        with watcher.begin():
            now = health.read_counters(watcher)
        return now if now.rollbacks >= before.rollbacks + 30 and now.commits > before.commits else None

    after = until(later)
    assert after is not None
    rates = health.rates_between(before, after)
    assert rates is not None
    assert rates.rollbacks * (after.at_s - before.at_s) > 29.5
    assert health.rates_between(after, before) is None, "counters that fall were reset"


def test_the_progress_of_a_command(url: str, watcher: sa.Connection) -> None:
    with session(url, "INSERT INTO orders SELECT g, 'n' FROM generate_series(2, 400000) g") as other:
        other.commit()
        held = session(url, "UPDATE orders SET note = 'held' WHERE id = 1")
        with held as holder:
            other.autocommit = True
            build = threading.Thread(
                target=other.cursor().execute, args=("CREATE INDEX CONCURRENTLY ix ON orders (note)",)
            )
            build.start()
            found = until(lambda: health.read_progress(watcher))
            holder.rollback()
            build.join(30)

    (one,) = found
    assert (one.command, one.table) == ("CREATE INDEX CONCURRENTLY", "orders")
    assert one.phase
    assert 0 <= (one.percent or 0) <= 100


def test_who_may_see_nobody_is_told_so(url: str, stranger: sa.Connection, watcher: sa.Connection) -> None:
    with session(url, "LOCK TABLE orders", application="holder") as holder, session(url) as waiter:
        waiting = threading.Thread(target=waiter.cursor().execute, args=("SELECT * FROM orders",))
        waiting.start()
        (found,) = until(lambda: health.read_waits(stranger))
        blocker = holder.info.backend_pid
        counts = {one.state: one.count for one in health.count_sessions(stranger)}
        longest = health.longest_transactions(stranger)
        holder.rollback()
        waiting.join(10)

    assert sees_all(watcher)
    assert not sees_all(stranger)
    assert counts[health.HIDDEN] >= 2
    assert longest == ()
    assert found.table == "orders"
    assert [one.pid for one in found.blockers] == [blocker]
    assert found.session.query is None
    assert health.read_counters(stranger).commits > 0
    assert health.read_progress(stranger) == ()
    assert health.read_statements(stranger) is None


def test_who_may_see_nobody_counts_the_connections_all_the_same(
    url: str, stranger: sa.Connection, watcher: sa.Connection
) -> None:
    with ExitStack() as stack:
        # The database's own limit counts no connection of a test that runs beside this one.
        limiting = stack.enter_context(session(url))
        limiting.autocommit = True
        limiting.cursor().execute(f'ALTER DATABASE "{parse_url(url).database}" CONNECTION LIMIT 40')
        before = read_room(stranger).connections_left
        for _ in range(12):
            stack.enter_context(session(url))
        after = read_room(stranger).connections_left
        sessions = read_activity(stranger, ()).sessions

    assert before - after >= 12
    assert sessions >= 12


def test_without_the_extension_there_are_no_times(watcher: sa.Connection) -> None:
    assert health.read_statements(watcher) is None


def test_the_times_of_statements() -> None:
    major = next((one for one, bin_dir in server_folders().items() if _has_statements(bin_dir)), None)
    if major is None:
        pytest.skip("no PostgreSQL with pg_stat_statements is here")
    loaded = {**SETTINGS, "shared_preload_libraries": "pg_stat_statements"}
    with throwaway_server(major, settings=loaded) as server:
        url = server.url("postgres")
        with connect(local_target(url), read_only=True) as watcher:
            assert health.read_statements(watcher) is None
            with session(url, 'CREATE SCHEMA "Odd one"') as other:
                other.cursor().execute('CREATE EXTENSION pg_stat_statements SCHEMA "Odd one"')
                other.commit()
                for number in range(3):
                    other.cursor().execute(f"SELECT pg_sleep(0.01), {number}")
            times = health.read_statements(watcher)

    assert times is not None
    (slept,) = (one for one in times.values() if "pg_sleep" in one.text)
    assert slept.calls == 3
    assert slept.total_ms >= 30


def _has_statements(bin_dir: Path) -> bool:
    return any(bin_dir.parent.glob("lib/**/pg_stat_statements.so"))
