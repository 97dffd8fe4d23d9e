"""A scratch database goes with whoever wanted it, however that ends: no process, no folder, no database."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.rehearsal.scratch import Scratch, keeper, scratch_database
from agent_factory.url import DatabaseURL, parse_url
from tests.acceptance.faults.waiting import until
from tests.postgres import administering
from tests.processes import HAS_PROC, command_lines, environments
from tests.temporary import short_folder

MAJOR = 18

HOLDS = """
import signal
import sys
import time
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.rehearsal.scratch import scratch_database

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
url = sys.argv[1] if len(sys.argv) > 1 else None
with scratch_database(18, scratch_url=url) as scratch, connect(scratch.target) as connection:
    connection.exec_driver_sql("CREATE TABLE t (a int)")
    print(scratch.url.host, scratch.url.database, flush=True)
    time.sleep(600)
"""

COPIES = """
import sys
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.rehearsal.scratch import copy_schema, scratch_database
from agent_factory.migrate.model.target import local_target

target = local_target(sys.argv[1])
with scratch_database(18) as scratch, connect(target, read_only=True) as looking:
    copy_schema(target, looking, scratch)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A process that has a scratch database open; ``folder`` is that of its server."""

    process: "subprocess.Popen[str]"
    folder: Path
    database: str

    @property
    def server_pid(self) -> int:
        return int((self.folder / "data" / "postmaster.pid").read_text().splitlines()[0])

    @property
    def keeper_pid(self) -> int:
        return os.getpgid(self.server_pid)  # it leads its session

    @property
    def keeper_is_gone(self) -> bool:
        """Whether nobody holds the lock by which a living keeper is known; a killed process ends later."""
        with (self.folder / keeper.LOCK).open("r+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def end(self, by: signal.Signals) -> None:
        self.process.send_signal(by)
        self.process.wait(20)


@contextlib.contextmanager
def holding(url: str | None = None) -> Iterator[Holder]:
    """Open a scratch database in a process of its own, which is killed at the end at the latest."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, *([url] if url else [])],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            folder, database = process.stdout.readline().split()
            yield Holder(process=process, folder=Path(folder), database=database)
        finally:
            process.kill()


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The temporary folder of this test: short enough for a socket, and every user may enter it."""
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=short_folder()))
    folder.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def left_in(place: Path) -> list[str]:
    """The folders in this place, and the processes that were started for one of them."""
    processes = [line for line in command_lines().values() if f"{place}/" in line]
    return [*(str(path) for path in place.iterdir()), *processes]


def works(scratch: Scratch) -> bool:
    with connect(scratch.target) as connection:
        return bool(connection.exec_driver_sql("SELECT 1").scalar_one() == 1)


def databases(server: DatabaseURL) -> set[str]:
    with administering(server) as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'af_db_scratch_%'")
        return {name for (name,) in cursor.fetchall()}


def test_after_success_and_after_an_error(place: Path) -> None:
    with scratch_database(MAJOR) as scratch:
        assert works(scratch)
        assert len(left_in(place)) > 1
    assert left_in(place) == []

    with pytest.raises(ZeroDivisionError), scratch_database(MAJOR):
        1 / 0  # noqa: B018
    assert left_in(place) == []


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.slow
def test_after_a_signal(place: Path, by: signal.Signals) -> None:
    with holding() as holder:
        holder.end(by)
    until(lambda: left_in(place) == [], "the keeper removes the server")


def test_after_ctrl_c_in_a_terminal(place: Path) -> None:
    """It goes to every process of the terminal's foreground group."""
    with holding() as holder:
        os.killpg(holder.process.pid, signal.SIGINT)
        holder.process.wait(20)
        assert left_in(place) == []


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("stage", ["data", "data/PG_VERSION", "data/postmaster.pid"])
def test_ended_while_it_starts(place: Path, stage: str, by: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: list(place.glob(f"{keeper.PREFIX}*/{stage}")), f"{stage} is there")
        process.send_signal(by)
    until(lambda: left_in(place) == [], "the keeper removes what it has begun")


@pytest.mark.slow
def test_killed_with_its_keeper(place: Path) -> None:
    """The server runs on, and the next start ends it."""
    with holding() as holder:
        server = holder.server_pid
        os.kill(holder.keeper_pid, signal.SIGKILL)
        holder.end(signal.SIGKILL)
    until(lambda: holder.keeper_is_gone, "the keeper is gone")
    os.kill(server, 0)

    with scratch_database(MAJOR) as scratch:
        assert works(scratch)
        assert not holder.folder.exists()
        assert not [line for line in left_in(place) if str(holder.folder) in line]
    assert left_in(place) == []


@pytest.mark.slow
def test_killed_with_its_keeper_and_its_server(place: Path) -> None:
    with holding() as holder:
        os.killpg(holder.keeper_pid, signal.SIGKILL)
        holder.end(signal.SIGKILL)
    until(lambda: holder.keeper_is_gone, "the keeper is gone")

    with scratch_database(MAJOR) as scratch:
        assert works(scratch)
    until(lambda: left_in(place) == [], "the server's own processes end without it")


@pytest.mark.slow
def test_only_the_keeper_is_killed(place: Path) -> None:
    with holding() as holder:
        os.kill(holder.keeper_pid, signal.SIGKILL)
        holder.end(signal.SIGINT)
    assert left_in(place) == []


@pytest.mark.slow
def test_a_live_server_is_not_removed_by_another_start(place: Path) -> None:
    with scratch_database(MAJOR) as first, scratch_database(MAJOR) as second:
        with scratch_database(MAJOR) as third:
            assert len({first.url.host, second.url.host, third.url.host}) == 3
            assert works(third)
        assert works(first)
        assert works(second)


def test_a_process_that_got_the_number_of_a_dead_server_is_left_alone(place: Path) -> None:
    folder = place / f"{keeper.PREFIX}reused"
    (folder / "data").mkdir(parents=True)
    (folder / keeper.LOCK).touch()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as innocent:
        (folder / "data" / "postmaster.pid").write_text(f"{innocent.pid}\n")
        keeper.remove_abandoned()
        assert not folder.exists()
        assert innocent.poll() is None
        innocent.kill()


def test_a_folder_that_a_keeper_has_just_made_is_left_alone(place: Path) -> None:
    """It has no lock yet, and is abandoned when it stays so."""
    folder = place / f"{keeper.PREFIX}new"
    folder.mkdir()
    keeper.remove_abandoned()
    assert folder.exists()

    long_ago = time.time() - 2 * keeper.NEW_S
    os.utime(folder, (long_ago, long_ago))
    keeper.remove_abandoned()
    assert not folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make what another user owns")
def test_what_another_user_owns_is_left_alone(place: Path) -> None:
    folder = place / f"{keeper.PREFIX}foreign"
    folder.mkdir()
    (folder / keeper.LOCK).touch()
    shutil.chown(folder / keeper.LOCK, "nobody")
    link = place / f"{keeper.PREFIX}link"
    link.symlink_to(folder)
    keeper.remove_abandoned()
    assert folder.exists()
    assert link.is_symlink()


@pytest.mark.skipif(not HAS_PROC, reason="other processes' environments cannot be looked into here")
@pytest.mark.slow
def test_killed_while_production_is_dumped(
    place: Path, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    """pg_dump ends too, and its password was in no file that has a name."""
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{place}")  # by which its processes are known

    def dumping() -> list[str]:
        known = {pid for pid, variables in environments().items() if str(place) in variables}
        return [line for pid, line in command_lines().items() if pid in known and "--schema-only" in line]

    with administering(parse_url(postgresql_url)) as cursor:
        cursor.execute("CREATE TABLE public.busy (a int)")
        cursor.execute("BEGIN; LOCK TABLE public.busy IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen([sys.executable, "-c", COPIES, postgresql_url]) as process:
            until(dumping, "pg_dump waits for the table")
            process.kill()
        until(lambda: not dumping(), "pg_dump ends")
    until(lambda: left_in(place) == [], "the keeper removes the server")


def test_no_other_user_and_no_other_host_can_reach_it(place: Path) -> None:
    with scratch_database(MAJOR) as scratch:
        assert Path(str(scratch.url.host)).stat().st_mode & 0o777 == 0o700
        with connect(scratch.target) as connection:
            assert connection.exec_driver_sql("SHOW listen_addresses").scalar_one() == ""


@pytest.mark.skipif(not HAS_PROC, reason="other processes' environments cannot be looked into here")
def test_the_server_knows_no_secret_of_the_environment(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:C4n4ry@localhost/app")
    with scratch_database(MAJOR):
        commands, knowing = command_lines(), environments()
        server = [pid for pid, line in commands.items() if f"{place}/" in line or keeper.__file__ in line]
        assert len(server) > 1
        assert not [commands[pid] for pid in server if "C4n4ry" in knowing[pid]]


def test_the_database_on_a_named_server_is_dropped(server_url: DatabaseURL) -> None:
    with scratch_database(MAJOR, scratch_url=text(server_url)) as scratch:
        assert works(scratch)
        assert scratch.url.database in databases(server_url)
    assert scratch.url.database not in databases(server_url)

    with pytest.raises(ZeroDivisionError), scratch_database(MAJOR, scratch_url=text(server_url)) as scratch:
        1 / 0  # noqa: B018
    assert scratch.url.database not in databases(server_url)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.slow
def test_the_database_on_a_named_server_is_dropped_after_a_signal(
    server_url: DatabaseURL, by: signal.Signals
) -> None:
    with holding(text(server_url)) as holder:
        holder.end(by)
    assert holder.database not in databases(server_url)


def test_the_next_start_drops_what_a_killed_one_left(server_url: DatabaseURL) -> None:
    """And nothing that is in use, even while nobody is connected to it."""
    with holding(text(server_url)) as live, holding(text(server_url)) as killed:
        killed.end(signal.SIGKILL)
        with administering(server_url) as cursor:

            def sessions(database: str) -> int:
                cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [database])
                ((count,),) = cursor.fetchall()
                return int(count)

            until(lambda: sessions(killed.database) == 0, "the killed one's session ends")
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [live.database]
            )
            until(lambda: sessions(live.database) == 0, "nobody is in the live one")
        assert {killed.database, live.database} <= databases(server_url)

        with scratch_database(MAJOR, scratch_url=text(server_url)):
            assert killed.database not in databases(server_url)
            assert live.database in databases(server_url)

        live.end(signal.SIGINT)
        assert live.database not in databases(server_url)


def text(server: DatabaseURL) -> str:
    return f"postgresql://{server.user}:{server.password}@{server.host}:{server.port}/{server.database}"
