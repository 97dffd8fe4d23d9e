"""Revisions and env.py files that reach for production by themselves: nothing is written there."""

import contextlib
import ctypes.util
import json
import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest

from agent_factory.migrate.project import connections
from agent_factory.migrate.project.own_folders import OwnFolders
from agent_factory.url import DatabaseURL
from tests.commands import CommandLine
from tests.postgres import installation, new_database
from tests.projects import AlembicProject

ENGINE = """
engine = sa.create_engine("{url}", poolclass=sa.NullPool{more})
with engine.connect() as own:
    own.execute(sa.text("INSERT INTO witness VALUES ('{who}')"))
    own.commit()
"""
THREAD = """
import threading
def write():
    import psycopg2
    own = psycopg2.connect("{dsn}")
    own.cursor().execute("INSERT INTO witness VALUES ('a thread')")
    own.commit()
    own.close()
thread = threading.Thread(target=write)
thread.start()
thread.join()
"""
PROGRAM = """
import subprocess
subprocess.run(["{psql}", "{dsn}", "-c", "INSERT INTO witness VALUES ('psql')"], check=True)
"""
DOORS = {
    "psycopg2._connect": 'import psycopg2\nown = psycopg2._connect("{dsn}")',
    "a class": 'import psycopg2.extensions\nown = psycopg2.extensions.connection("{dsn}")',
    "a class of its own": (
        "import psycopg2.extensions\n"
        "class Mine(psycopg2.extensions.connection):\n    pass\n"
        'own = Mine("{dsn}")'
    ),
    "keywords": (
        "import psycopg2\n"
        "words = dict(host='{host}', port={port}, user='{user}', password='{password}')\n"
        "own = psycopg2.connect(dbname='{name}', **words)"
    ),
    "PG*": (
        "import os, psycopg2\n"
        "os.environ |= dict(PGHOST='{host}', PGPORT='{port}', PGUSER='{user}')\n"
        "os.environ |= dict(PGPASSWORD='{password}', PGDATABASE='{name}')\n"
        "own = psycopg2.connect('')"
    ),
    "creator": (
        "import psycopg2\n"
        "engine = sa.create_engine('postgresql+psycopg2://', creator=lambda: psycopg2.connect('{dsn}'))\n"
        "own = engine.raw_connection()"
    ),
}
WRITE = "\nown.cursor().execute(\"INSERT INTO witness VALUES ('a door')\")\nown.commit()\nown.close()\n"
READING = [
    ("current",),
    ("local", "current"),
    ("local", "history"),
    ("prod", "history"),
    ("check",),
    ("prod", "check"),
    ("prod", "plan"),
    ("local", "plan"),
    ("prod", "upgrade"),  # nobody answers its question
]


@pytest.fixture
def production(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A database at 001 with the table ``witness``, which is empty when the test ends."""
    af_db("local", "upgrade", "001", cwd=project.root, url=postgresql_url)
    run(postgresql_url, "CREATE TABLE witness (who text)")
    yield postgresql_url
    assert witnesses(postgresql_url) == []


def run(url: str, statement: str) -> list[tuple[str, ...]]:
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def witnesses(url: str) -> list[str]:
    return [who for (who,) in run(url, "SELECT who FROM witness")]


def filled(code: str, url: str, *, who: str = "", more: str = "") -> str:
    info = psycopg2.extensions.parse_dsn(url)
    return code.format(
        url=url.replace("postgresql://", "postgresql+psycopg2://"),
        dsn=url,
        who=who,
        more=more,
        psql=installation() / "psql",
        host=info["host"],
        port=info.get("port", "5432"),
        user=info["user"],
        name=info["dbname"],
        password=info.get("password", ""),
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("command", READING, ids=" ".join)
def test_revisions_and_an_env_py_that_write_by_themselves_do_not_where_af_db_reads_or_tries(
    af_db: CommandLine, project: AlembicProject, production: str, command: tuple[str, ...]
) -> None:
    project.add("004", "003", filled(THREAD, production))
    project.add("005", "004", filled(PROGRAM, production))
    project.add("006", "005", filled(ENGINE, production, who="engine", more=', isolation_level="AUTOCOMMIT"'))
    own = "import sqlalchemy as sa\ntry:\n{}\nexcept Exception:\n    pass\n"
    engine = filled(ENGINE, production, who="env.py").strip().replace("\n", "\n    ")
    whole = project.env_py.read_text()
    project.env_py.write_text(own.format(f"    {engine}") + whole)

    outcome = af_db(*command, cwd=project.root, url=production)

    assert "bug in af-db" not in outcome.err
    assert outcome.code in {0, 3, 4}, outcome.err


@pytest.mark.parametrize(
    ("code", "says"),
    [(ENGINE, "004 opens its own connection to "), (PROGRAM, "004 starts psql")],
    ids=["engine", "psql"],
)
def test_check_reports_what_a_revision_reaches_for(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    server_url: DatabaseURL,
    code: str,
    says: str,
) -> None:
    with new_database(server_url) as other:
        path = project.add("004", "003", filled(code, other, who="engine"))

        document = af_db("check", "--json", cwd=project.root, url=production).document

    (found,) = (item for item in document["findings"] if item["code"] == "own-connection")
    assert (found["level"], found["file"]) == ("warning", str(path))
    assert says in found["message"]
    assert "upgrade-fails" not in {item["code"] for item in document["findings"]}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_to_production_leads_to_the_copy(
    af_db: CommandLine, project: AlembicProject, production: str, door: str
) -> None:
    project.add("004", "003", filled(DOORS[door], production) + WRITE)

    document = af_db("prod", "plan", "--json", cwd=project.root, url=production).document["review"]

    (hazard,) = (item for item in document["hazards"] if item["code"] == "own-connection")
    assert (hazard["severity"], hazard["revision"]) == ("high", "004")
    assert "004_step_004.py, line " in hazard["message"]
    assert "it got one to the copy" in hazard["message"]
    assert document["rehearsed_on"]


@pytest.mark.parametrize("door", DOORS)
def test_another_database_is_not_reached(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    server_url: DatabaseURL,
    door: str,
) -> None:
    with new_database(server_url) as other:
        run(other, "CREATE TABLE witness (who text)")
        project.add("004", "003", filled(DOORS[door], other) + WRITE)

        document = af_db("prod", "plan", "--json", cwd=project.root, url=production).document["review"]
        refused = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=production)

        assert witnesses(other) == []
        (hazard,) = document["hazards"]
        assert (hazard["code"], hazard["severity"], hazard["revision"]) == ("own-connection", "high", "004")
        assert "counts as not rehearsed" in hazard["message"]
        assert any("not rehearsed: 004 connects to " in note for note in document["notes"])
        assert refused.error["code"] == "needs-consent"
        assert "--allow own-connection" in refused.error["message"]

        allow = ("--yes", "--allow", "own-connection")
        ran = af_db("prod", "upgrade", *allow, cwd=project.root, url=production)

        assert ran.code == 0, ran.err
        assert "revision 004 opens its own connection to " in ran.err
        assert "outside of this run" in ran.err
        assert witnesses(other) == ["a door"]


def test_a_program_is_started_where_the_project_names_it(
    af_db: CommandLine, project: AlembicProject, production: str
) -> None:
    project.add("004", "003", 'import subprocess\nsubprocess.run(["true"], check=True)')
    unnamed = af_db("prod", "plan", "--json", cwd=project.root, url=production).document["review"]
    (project.root / "pyproject.toml").write_text('[tool.af-db]\nprograms = ["true"]\n')

    named = af_db("prod", "plan", "--json", cwd=project.root, url=production).document["review"]

    assert [item["code"] for item in unnamed["hazards"]] == ["own-connection"]
    assert "starts true" in unnamed["hazards"][0]["message"]
    assert named["rehearsed_on"]
    assert "own-connection" not in [item["code"] for item in named["hazards"]]


@pytest.mark.parametrize("place", ["revision", "env.py"])
def test_python_finds_a_library_with_the_programs_that_it_does_it_with(
    af_db: CommandLine, project: AlembicProject, production: str, place: str
) -> None:
    """As psycopg in pure Python, python-magic and GDAL do when they are imported."""
    code = "import ctypes.util, platform, uuid\nplatform._uname_cache = None\n"
    code += "assert platform.processor() is not None and uuid.getnode()\n"
    code += f"assert ctypes.util.find_library('c') == {ctypes.util.find_library('c')!r}\n"
    if place == "revision":
        project.add("004", "003", code)
    else:
        project.env_py.write_text(f"{code}{project.env_py.read_text()}")

    outcome = af_db("prod", "plan", "--json", cwd=project.root, url=production)

    assert outcome.code in {0, 3}, outcome.err
    assert outcome.document["review"]["rehearsed_on"]
    assert "own-connection" not in [item["code"] for item in outcome.document["review"]["hazards"]]


@pytest.mark.parametrize(
    "start",
    [
        'os.system("true")',
        'os.posix_spawn("/bin/true", ["true"], {})',
        'os.execv("/bin/true", ["true"])',
        'os.spawnv(os.P_WAIT, "/bin/true", ["true"])',
        'multiprocessing.get_context("spawn").Process(target=print).start()',
        'subprocess.Popen("true", shell=True)',
    ],
)
def test_no_program_is_started_by_another_door(
    af_db: CommandLine, project: AlembicProject, production: str, start: str
) -> None:
    project.add("004", "003", f"import multiprocessing, os, subprocess\n{start}")

    document = af_db("prod", "plan", "--json", cwd=project.root, url=production).document["review"]

    assert [item["code"] for item in document["hazards"]] == ["own-connection"], document


@pytest.mark.parametrize(
    ("folder", "is_named"),
    [("my-site-packages", True), ("venv/lib/site-packages", False), ("", True)],
)
def test_the_file_that_is_named_is_one_of_the_project(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    is_named: bool,
) -> None:
    name = f"starts_{abs(hash(folder))}"
    (project.root / folder).mkdir(parents=True, exist_ok=True)
    module = project.root / folder / f"{name}.py"
    module.write_text("import subprocess\n\ndef start():\n    subprocess.run(['true'], check=True)\n")
    monkeypatch.syspath_prepend(module.parent)
    path = project.add("004", "003", f"import {name}\n{name}.start()")

    document = af_db("prod", "plan", "--json", cwd=project.root, url=production).document["review"]

    (hazard,) = document["hazards"]
    expected = f"({name}.py, line 4)" if is_named else f"({path.name}, line "
    assert expected in hazard["message"]


def test_af_dbs_own_files_are_not_named_where_they_stand_in_the_project(tmp_path: Path) -> None:
    root = Path(connections.__file__).parents[3]  # of a project that has af-db in its folder

    assert connections._place(OwnFolders(root, ())) == (None, None)


CATCH = "or, where it is only tried whether it is there: catch OSError around it, and go on without it"


@pytest.mark.parametrize(
    ("start", "name", "advice"),
    [
        ('subprocess.run(["true"])', "true", 'programs = ["true"]'),
        ('os.system("true")', "sh", "start it without a shell, then name it"),
        ('subprocess.run("true", shell=True)', "sh", "start it without a shell, then name it"),
        ('subprocess.run(["bash", "-c", "true"])', "bash", "start it without a shell, then name it"),
    ],
)
def test_no_shell_is_advised_for_a_program_that_is_refused(
    af_db: CommandLine, project: AlembicProject, production: str, start: str, name: str, advice: str
) -> None:
    whole = project.env_py.read_text()
    project.env_py.write_text(f"import os, subprocess\n{start}\n{whole}")

    refused = af_db("current", "--json", cwd=project.root, url=production)

    assert (refused.code, refused.error["code"]) == (2, "broken-env-py")
    assert f"env.py, line 2: it starts {name}, " in refused.error["message"]
    first, second = refused.error["next_steps"]
    assert advice in first
    assert f'"{name}"' not in first or name == "true"
    assert second == CATCH

    caught = f"import os, subprocess\ntry:\n    {start}\nexcept OSError:\n    pass\n"
    project.env_py.write_text(caught + whole)

    assert af_db("current", cwd=project.root, url=production).code == 0

    project.env_py.write_text(whole)
    at_import(project, f"import os, subprocess\n{start}\n")
    loaded = af_db("current", "--json", cwd=project.root, url=production).error

    assert f"004_step_004.py, line 4: it starts {name} while it is only loaded" in loaded["message"]
    assert advice in loaded["next_steps"][0]


AT_IMPORT = "import contextlib, sqlite3\nimport psycopg2\n"
"""What stands before the first line of a file, and is executed when it is loaded."""
LOADING = [("current",), ("local", "history"), ("local", "plan"), ("prod", "plan"), ("check",)]


def at_import(project: AlembicProject, code: str, *, is_imported: bool = False) -> Path:
    """Write 004, which runs this code when it is loaded, or imports what does; return the code's file."""
    path = project.add("004", "003")
    if is_imported:
        module = project.root / f"loads_{project.root.name.replace('-', '_')}_{abs(hash(code))}.py"
        module.write_text(AT_IMPORT + code)
        path.write_text(
            f"import sys\nsys.path.insert(0, {str(project.root)!r})\nimport {module.stem}\n{path.read_text()}"
        )
        return module
    path.write_text(AT_IMPORT + code + path.read_text())
    return path


@pytest.mark.parametrize("command", LOADING, ids=" ".join)
def test_a_revision_may_read_its_own_database_and_sqlite_files_while_it_is_loaded(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(project.root / "temporary"))
    (project.root / "temporary").mkdir()
    cache = project.root / "cache.db"
    with contextlib.closing(sqlite3.connect(cache)) as connection:
        connection.execute("CREATE TABLE known (n int)")
    at_import(
        project,
        "import os\n"
        "with contextlib.closing(psycopg2.connect(os.environ['DATABASE_URL'])) as own:\n"
        "    cursor = own.cursor()\n    cursor.execute('SELECT count(*) FROM witness')\n"
        "    assert cursor.fetchone() == (0,)\n"
        f"with contextlib.closing(sqlite3.connect({str(cache)!r})) as own:\n"
        "    assert own.execute('SELECT count(*) FROM known').fetchone() == (0,)\n",
    )

    outcome = af_db(*command, cwd=project.root, url=production)

    assert outcome.code in ({0, 3} if command == ("check",) else {0}), outcome.err
    assert "broken-revision-file" not in outcome.out + outcome.err


@pytest.mark.parametrize("is_imported", [False, True], ids=["the file", "an import"])
@pytest.mark.parametrize("door", ["PostgreSQL", "SQLite"])
def test_nothing_is_written_while_files_are_loaded(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    monkeypatch: pytest.MonkeyPatch,
    door: str,
    is_imported: bool,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(project.root / "temporary"))
    (project.root / "temporary").mkdir()
    cache = project.root / "cache.db"
    with contextlib.closing(sqlite3.connect(cache)) as connection:
        connection.execute("CREATE TABLE witness (who text)")
    opens = {"PostgreSQL": f"psycopg2.connect({production!r})", "SQLite": f"sqlite3.connect({str(cache)!r})"}
    at_import(
        project,
        f"own = {opens[door]}\n"
        "own.cursor().execute(\"INSERT INTO witness VALUES ('loaded')\")\nown.commit()\n",
        is_imported=is_imported,
    )

    outcome = af_db("current", "--json", cwd=project.root, url=production)

    assert (outcome.code, outcome.error["code"]) == (2, "broken-revision-file")
    assert "it writes while it is only loaded: " in outcome.error["message"]
    assert outcome.error["next_steps"][0].startswith("move that into upgrade()")
    with contextlib.closing(sqlite3.connect(cache)) as connection:
        assert connection.execute("SELECT * FROM witness").fetchall() == []


@pytest.mark.parametrize("command", LOADING, ids=" ".join)
@pytest.mark.parametrize("is_imported", [False, True], ids=["the file", "an import"])
def test_another_server_is_not_reached_while_files_are_loaded_and_the_line_is_named(
    af_db: CommandLine, project: AlembicProject, production: str, command: tuple[str, ...], is_imported: bool
) -> None:
    path = at_import(project, "psycopg2.connect('host=192.0.2.1 dbname=other')\n", is_imported=is_imported)

    outcome = af_db(*command, "--json", cwd=project.root, url=production)

    if command == ("check",):
        (found,) = (item for item in outcome.document["findings"] if item["code"] == "broken-revision-file")
        message, remedy = found["message"], found["remedy"]
    else:
        assert (outcome.code, outcome.error["code"]) == (2, "broken-revision-file")
        message, remedy = outcome.error["message"], outcome.error["next_steps"][0]
    assert "it connects to 192.0.2.1:5432/other while it is only loaded" in message
    assert f"{path.name}, line 3" in message
    assert "004_step_004.py, line 3" in message
    assert "connections.py" not in message
    assert remedy == "move that into upgrade(), which is given a connection: op.get_bind()"


A_SOCKET = "import socket\nsocket.create_connection(({host!r}, {port}))\n"
ANOTHER_DRIVER = (
    "import sqlalchemy as sa\nengine = sa.create_engine({url!r})\n"
    "engine.dialect.driver = 'psycopg'\nengine.connect()\n"
)
A_CLASS = "import sqlite3\nsqlite3.Connection({path!r})\n"


@pytest.mark.parametrize(
    ("code", "kept", "where"),
    [
        (A_SOCKET, "psycopg2", "a look"),  # as asyncpg
        (A_SOCKET, "psycopg2", "while it is loaded"),
        (ANOTHER_DRIVER, "psycopg2", "while it is loaded"),  # env.py's own engine borrows in a look
        (A_CLASS, "sqlite3.connect", "a look"),
        (A_CLASS, "sqlite3.connect", "while it is loaded"),
    ],
)
def test_its_own_database_is_not_called_another_where_a_driver_cannot_be_kept_from_writing(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    kept: str,
    where: str,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(project.root / "temporary"))
    (project.root / "temporary").mkdir()
    path = project.root / "target.db"
    sqlite3.connect(path).close()
    info = psycopg2.extensions.parse_dsn(production)
    code = code.format(
        host=info["host"],
        port=info["port"],
        url=production.replace("postgresql://", "postgresql+psycopg2://"),
        path=str(path),
    )
    if where == "a look":
        project.env_py.write_text(f"{code}{project.env_py.read_text()}")
    else:
        at_import(project, code)
    url = f"sqlite:///{path}" if kept == "sqlite3.connect" else production

    error = af_db("current", "--json", cwd=project.root, url=url).error

    assert error["code"] in {"env-py-contract", "broken-revision-file"}
    assert f"af-db can keep only {kept} from writing, so this connection is refused here" in error["message"]
    assert "not the database that af-db works on" not in error["message"]


def test_variables_that_name_production_name_the_copy_at_the_rehearsal_only(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    info = psycopg2.extensions.parse_dsn(production)
    given = {
        "APP_DB_URL": production.replace("postgresql://", "postgresql+asyncpg://"),
        "SHOP_DB_HOST": info["host"],
        "SHOP_DB_NAME": info["dbname"],
        "REDIS_HOST": info["host"],
        "REDIS_PORT": "6379",
        "UNRELATED": "as it was",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    seen = tmp_path / "seen"
    project.add(
        "004",
        "003",
        f"import json, os, pathlib\npathlib.Path({str(seen)!r}).write_text(json.dumps(dict(os.environ)))",
    )

    assert af_db("prod", "plan", cwd=project.root, url=production).code == 0

    there = json.loads(seen.read_text())
    assert {name: os.environ[name] for name in given} == given
    assert os.environ["DATABASE_URL"] == production
    assert "PGHOST" not in os.environ
    same = ("REDIS_HOST", "REDIS_PORT", "UNRELATED")
    assert {name: there[name] for name in same} == {name: given[name] for name in same}
    assert there["APP_DB_URL"].startswith("postgresql+asyncpg://")
    assert there["SHOP_DB_NAME"] != info["dbname"]
    for name in ("DATABASE_URL", "APP_DB_URL"):
        assert info["dbname"] not in there[name]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_left_running_does_not_get_to_the_database_later(
    af_db: CommandLine, project: AlembicProject, production: str
) -> None:
    late = THREAD.replace("    own = ", "    import time; time.sleep(1)\n    own = ").replace(
        "thread.join()", ""
    )
    whole = project.env_py.read_text()
    project.env_py.write_text(filled(late, production) + whole)

    assert af_db("local", "current", cwd=project.root, url=production).code == 0

    for thread in threading.enumerate():
        if thread.name.endswith("(write)"):
            thread.join(5)


OF_SQLITE = {
    name: f"import sqlite3\nown = {opens}\nown.execute(INSERT)\nown.commit()\n"
    for name, opens in {
        "sqlite3": "sqlite3.connect({path!r})",
        "a URI": "sqlite3.connect('file:' + {path!r}, uri=True)",
        "the class": "sqlite3.Connection({path!r})",
    }.items()
} | {
    "an engine": (
        "import sqlalchemy as sa\n"
        "with sa.create_engine('sqlite:///' + {path!r}, poolclass=sa.NullPool).begin() as own:\n"
        "    own.exec_driver_sql(INSERT)\n"
    ),
}


@pytest.mark.parametrize("command", ["current", "history", "check", "plan"])
@pytest.mark.parametrize("door", OF_SQLITE)
@pytest.mark.parametrize("is_own", [True, False], ids=["its own", "another"])
def test_a_sqlite_file_is_not_written(
    af_db: CommandLine,
    project: AlembicProject,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    door: str,
    is_own: bool,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    target, another = tmp_path / "target.db", tmp_path / "another.db"
    for path in (target, another):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE witness (who text)")
    insert = "INSERT = \"INSERT INTO witness VALUES ('sqlite')\"\n"
    code = insert + OF_SQLITE[door].format(path=str(target if is_own else another))
    project.add("004", "003", code)
    project.env_py.write_text(f"{code}\n{project.env_py.read_text()}")

    af_db("local", command, cwd=project.root, url=f"sqlite:///{target}")

    for path in (target, another):
        with contextlib.closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM witness").fetchone() == (0,)


@pytest.mark.parametrize("command", [("current",), ("prod", "plan")], ids=" ".join)
def test_no_packet_leaves_for_the_port_of_a_database(
    af_db: CommandLine,
    project: AlembicProject,
    production: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    """As drivers written in Python do, asyncpg among them."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        port = server.getsockname()[1]
        monkeypatch.setattr(connections, "_DATABASE_PORTS", frozenset({port}))
        connect = f"import socket\nsocket.create_connection(('127.0.0.1', {port}))\n"
        project.env_py.write_text(f"{connect}{project.env_py.read_text()}")

        outcome = af_db(*command, "--json", cwd=project.root, url=production)

        assert (outcome.code, outcome.error["code"]) == (2, "env-py-contract")
        assert f"it connects to 127.0.0.1:{port}" in outcome.error["message"]
        with pytest.raises(BlockingIOError):
            server.accept()


SWALLOWS = """
import subprocess

try:
    subprocess.run(["git", "version"], check=True)
except Exception:
    pass
else:
    raise SystemExit("it was started")
raise ImportError("Bad git executable")
"""


@pytest.mark.parametrize("place", ["env.py", "a revision"])
def test_a_program_whose_refusal_a_library_keeps_to_itself_is_named(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, place: str
) -> None:
    (project.root / "library.py").write_text(SWALLOWS)
    file = project.env_py if place == "env.py" else project.versions / "002_step_002.py"
    file.write_text("import library\n" + file.read_text())

    refused = af_db("local", "plan", cwd=project.root, url=sqlite_url)

    assert refused.code == 2
    assert "Bad git executable" in refused.err
    assert "af-db has not let it start git: if it changes nothing, name it" in refused.err
