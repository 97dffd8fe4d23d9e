"""``doctor``: what is configured and from where, what env.py does, and that it works without any of it."""

import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome, run_process, start_process
from tests.env_py_files import BY_ITSELF
from tests.postgres import administering
from tests.projects import AlembicProject
from tests.terminal import run_on_terminal

SECRET = "Gu4rded-by-n0body"
KEY = "eyJ-a-key-that-n0body-sees"
NOWHERE = f"postgresql://u:{SECRET}@127.0.0.1:1/db"


def examined(outcome: Outcome, name: str) -> dict[str, Any]:
    """What was found of one thing."""
    (found,) = (item for item in outcome.document["examined"] if item["name"] == name)
    return dict(found)


def setting(outcome: Outcome, name: str) -> tuple[str, str]:
    """The value of a setting, and where it is from."""
    (found,) = (item for item in outcome.document["settings"] if item["name"] == name)
    return found["value"], found["source"]


def test_all_is_well(af_db: CommandLine, project: AlembicProject, database_url: str) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    for command in (("doctor",), ("local", "doctor")):
        text = af_db(*command, cwd=project.root, url=database_url)
        assert (text.code, text.err) == (0, ""), text.out
        assert text.out.endswith("all is well\n")
        assert "the database is at 003, the head" in text.out
        outcome = af_db(*command, "--json", cwd=project.root, url=database_url)
        assert outcome.code == outcome.document["exit_code"] == 0
        assert outcome.document["command"] == " ".join(command)
        assert setting(outcome, "database")[1] == "DATABASE_URL in the environment"
        assert {item["verdict"] for item in outcome.document["examined"]} <= {"ok", "note"}


def test_nothing_is_written(af_db: CommandLine, project: AlembicProject) -> None:
    before = sorted(path for path in project.root.rglob("*") if path.suffix != ".pyc")

    outcome = af_db("doctor", "--json", cwd=project.root)

    assert outcome.code == 0
    assert "is not there yet" in examined(outcome, "file")["what"]
    assert setting(outcome, "database")[1] == "the default: nothing names one"
    after = sorted(path for path in project.root.rglob("*") if path.suffix != ".pyc")
    assert [path for path in after if path.name != "__pycache__"] == before


def test_each_place_of_the_url_is_named(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SUPABASE_URL", "SUPABASE_ANON_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    ini = project.config
    ini.write_text(ini.read_text() + "\nsqlalchemy.url = sqlite:///./of_ini.db\n")
    outcome = af_db("doctor", "--json", cwd=project.root)
    assert setting(outcome, "database") == ("sqlite:///./of_ini.db", "sqlalchemy.url of alembic.ini")

    (project.root / "pyproject.toml").write_text(
        '[tool.af-db]\ndatabase-url-command = { local = "echo sqlite:///./of_command.db" }\n'
    )
    outcome = af_db("doctor", "--json", cwd=project.root)
    command = "database-url-command of [tool.af-db]"
    assert setting(outcome, "database") == ("***", command), "all that it prints is secret"
    assert setting(outcome, "[tool.af-db]") == ("database-url-command", str(project.root / "pyproject.toml"))

    (project.root / ".env").write_text(f"DATABASE_URL=sqlite:///./of_file.db\nSUPABASE_ANON_KEY={KEY}\n")
    outcome = af_db("doctor", "--json", cwd=project.root)
    assert setting(outcome, "database") == ("sqlite:///./of_file.db", "DATABASE_URL in .env")
    assert setting(outcome, "SUPABASE_ANON_KEY") == ("set", ".env")
    assert setting(outcome, "SUPABASE_SERVICE_ROLE_KEY") == ("not set", "")
    assert KEY not in outcome.out

    outcome = af_db("doctor", "--json", cwd=project.root, url="sqlite:///./of_environment.db")
    source = "DATABASE_URL in the environment, which wins over .env"
    assert setting(outcome, "database") == ("sqlite:///./of_environment.db", source)


def test_production_reads_no_file(af_db: CommandLine, project: AlembicProject) -> None:
    (project.root / ".env").write_text(f"DATABASE_URL={NOWHERE}\n")

    outcome = af_db("prod", "doctor", "--json", cwd=project.root)

    assert outcome.code == 2
    assert examined(outcome, "database")["code"] == "no-database-url"
    assert examined(outcome, "files")["verdict"] == "ok", "the rest is examined all the same"

    outcome = af_db("prod", "doctor", "--json", cwd=project.root, url="sqlite:///./x.db")
    assert (outcome.code, examined(outcome, "database")["code"]) == (2, "sqlite-in-production")


def test_where_sslmode_is_from(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGSSLMODE", raising=False)
    remote = f"postgresql://u:{SECRET}@db.invalid:1/db"
    outcome = af_db("prod", "doctor", "--json", cwd=project.root, url=remote)
    assert setting(outcome, "sslmode") == ("require", "af-db prod")
    outcome = af_db("local", "doctor", "--json", cwd=project.root, url=remote)
    assert setting(outcome, "sslmode") == ("prefer", "libpq")
    outcome = af_db("prod", "doctor", "--json", cwd=project.root, url=f"{remote}?sslmode=verify-ca")
    assert setting(outcome, "sslmode") == ("verify-ca", "the URL")
    monkeypatch.setenv("PGSSLMODE", "allow")
    outcome = af_db("prod", "doctor", "--json", cwd=project.root, url=remote)
    assert setting(outcome, "sslmode") == ("allow", "PGSSLMODE")
    assert setting(outcome, "libpq") == ("PGSSLMODE set", "the environment")
    assert SECRET not in outcome.out


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        pytest.param("https://abcdefghijklmnop.supabase.co", True, id="the same"),
        pytest.param("https://qrstuvwxyzabcdef.supabase.co/", False, id="another"),
    ],
)
def test_the_two_addresses_of_supabase_name_one_project(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, url: str, is_one: bool
) -> None:
    def no_network(*_arguments: object, **_hints: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("SUPABASE_URL", url)
    database = f"postgresql://postgres.abcdefghijklmnop:{SECRET}@aws-0-x.pooler.supabase.com:1/postgres"

    outcome = af_db("doctor", "--json", cwd=project.root, url=database)

    found = examined(outcome, "Supabase")
    assert found["verdict"] == ("ok" if is_one else "finding")
    assert found["code"] == ("" if is_one else "other-project")
    assert SECRET not in outcome.out


def test_without_a_project_the_connection_is_examined(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    for command in (("doctor",), ("local", "doctor"), ("prod", "doctor")):
        outcome = af_db(*command, "--json", cwd=tmp_path, url=postgresql_url)
        assert outcome.code == 0, outcome.out
        assert examined(outcome, "project")["verdict"] == "note"
        assert examined(outcome, "session")["verdict"] == "ok"
        assert not [item for item in outcome.document["examined"] if item["group"] == "project"]

    outcome = af_db("doctor", "--json", cwd=tmp_path)
    assert outcome.code == 2
    assert examined(outcome, "database")["code"] == "no-database-url"
    assert examined(outcome, "git")


def test_a_configuration_that_is_wrong_is_exit_2_and_ends_nothing(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    (project.root / "pyproject.toml").write_text("[tool.af-db]\nno-such-key = 1\n")
    outcome = af_db("doctor", "--json", cwd=project.root, url=postgresql_url)
    assert outcome.code == 2
    assert examined(outcome, "[tool.af-db]")["code"] == "bad-configuration"
    assert examined(outcome, "session")["verdict"] == "ok"
    (project.root / "pyproject.toml").unlink()

    (project.root / ".env").write_text('DATABASE_URL="never closed\n')
    outcome = af_db("doctor", "--json", cwd=project.root)
    assert (outcome.code, examined(outcome, "database")["code"]) == (2, "malformed-env-file")
    (project.root / ".env").unlink()

    outcome = af_db("doctor", "--json", cwd=project.root, url=f"mysql://u:{SECRET}@h/db")
    assert (outcome.code, examined(outcome, "database")["code"]) == (2, "malformed-database-url")
    assert SECRET not in outcome.out

    outcome = af_db("doctor", "-c", "none.ini", "--json", cwd=project.root, url=postgresql_url)
    assert (outcome.code, examined(outcome, "files")["code"]) == (2, "no-project")


def test_what_env_py_does(
    af_db: CommandLine, project: AlembicProject, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = af_db("doctor", "--json", cwd=project.root, url=database_url)
    assert "takes the connection that it is given" in examined(outcome, "env.py")["what"]

    project.env_py.write_text("a = 1\nb = a / 0\n")
    outcome = af_db("doctor", "--json", cwd=project.root, url=database_url)
    assert (outcome.code, examined(outcome, "env.py")["code"]) == (2, "broken-env-py")
    assert "env.py, line 2: ZeroDivisionError" in examined(outcome, "env.py")["what"]


def test_an_env_py_with_an_engine_of_its_own(project: AlembicProject, postgresql_url: str) -> None:
    project.env_py.write_text(next(iter(BY_ITSELF.values())))

    outcome = run_process("doctor", "--json", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0, outcome.out
    assert "lent af-db's connection" in examined(outcome, "env.py")["what"]


def test_files_that_make_no_history_are_named(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add_table("003x", "no_such_revision")

    outcome = af_db("doctor", "--json", cwd=project.root, url=database_url)

    assert outcome.code == 2
    assert examined(outcome, "files")["verdict"] == "failed"
    assert examined(outcome, "env.py")["verdict"] == "not tried"


def test_a_sqlite_file_that_is_none_and_one_that_cannot_be_made(
    af_db: CommandLine, project: AlembicProject
) -> None:
    (project.root / "text.db").write_text("no database at all, and longer than a header of one" * 10)
    outcome = af_db("doctor", "--json", cwd=project.root, url="sqlite:///./text.db")
    assert (outcome.code, examined(outcome, "file")["code"]) == (5, "not-a-database")

    outcome = af_db("doctor", "--json", cwd=project.root, url="sqlite:///./no/such/folder/x.db")
    assert (outcome.code, examined(outcome, "file")["code"]) == (5, "cannot-open-file")


def test_a_missing_pg_dump_is_in_the_way_of_production_only(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agent_factory.migrate.rehearsal.scratch import installations

    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setattr(installations, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(installations, "_USUAL_FOLDERS", ())
    monkeypatch.setenv("PATH", str(project.root))

    production = af_db("prod", "doctor", "--json", cwd=project.root, url=postgresql_url)
    assert production.code == 3
    assert examined(production, "pg_dump")["code"] == "no-pg-dump"
    assert examined(production, "scratch server")["code"] == "no-scratch-server"
    assert examined(production, "git")["verdict"] == "note"
    assert af_db("local", "doctor", cwd=project.root, url=postgresql_url).code == 0


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_on_a_terminal_no_line_is_wider_than_it(project: AlembicProject, columns: int) -> None:
    shown = run_on_terminal("prod", "doctor", cwd=project.root, url=NOWHERE, columns=columns)

    assert shown.code == 5
    assert "TCP" in shown.out
    assert "FAILED" in shown.out
    assert SECRET not in shown.out
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", shown.out).splitlines()
    wide = [line for line in lines if len(line) > columns]
    assert [line for line in wide if not line.startswith("    next: ")] == [], "only a command, to be copied"
    assert "try it: psql 'host=127.0.0.1 port=1 user=u dbname=db'" in shown.out


def test_a_read_only_default_of_the_role_is_found(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, server_url: DatabaseURL
) -> None:
    name = postgresql_url.rpartition("/")[2]
    with administering(server_url) as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")

    outcome = af_db("doctor", "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, examined(outcome, "primary")["code"]) == (3, "read-only")


def test_a_setting_that_cannot_be_so_is_no_bug(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", SECRET)

    outcome = af_db("doctor", "--json", cwd=project.root)
    assert (outcome.code, examined(outcome, "database")["code"]) == (2, "bad-setting")
    plan = af_db("local", "plan", "--json", cwd=project.root)
    assert (plan.code, plan.error["code"]) == (2, "bad-setting")
    assert "AF_DB_REHEARSAL" in plan.error["message"]
    assert SECRET not in outcome.out + plan.out


@pytest.mark.parametrize(
    ("ahead_s", "verdict", "code"), [(0.0, "ok", 0), (-10.0, "note", 0), (600.0, "finding", 3)]
)
def test_the_clocks_are_compared(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
    ahead_s: float,
    verdict: str,
    code: int,
) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + ahead_s)

    outcome = af_db("doctor", "--json", cwd=project.root, url=postgresql_url)

    assert (examined(outcome, "clock")["verdict"], outcome.code) == (verdict, code)
    said = {"ok": "differ by", "note": "10 s ahead of", "finding": "10 min behind"}[verdict]
    assert said in examined(outcome, "clock")["what"]


def test_a_signal_ends_it_while_a_server_says_nothing(project: AlembicProject) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://u:{SECRET}@127.0.0.1:{silent.getsockname()[1]}/db?sslmode=disable"
        process = start_process("doctor", cwd=project.root, url=url)
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdout, process.stderr:
            try:
                silent.accept()[0].close()  # the stage TCP
                client, _address = silent.accept()  # the login
                with client:
                    began = time.monotonic()
                    process.send_signal(signal.SIGTERM)
                    assert process.wait(20) == 128 + signal.SIGTERM
                    assert time.monotonic() - began < 3, "libpq would go on for 5 s"
            finally:
                process.kill()
