"""database-url-command: a program that prints the URL of the database, which is a secret from then on."""

import json
import sys
import time
from pathlib import Path

import pytest

from agent_factory.migrate.model.errors import UsageError
from agent_factory.migrate.project.url_command import run_url_command
from agent_factory.redaction import redact
from tests.commands import CommandLine, Outcome
from tests.projects import AlembicProject

PRINTS = """
import pathlib, sys
with pathlib.Path("runs").open("a") as runs:
    runs.write("x")
{more}
print({url!r})
"""


def told_by(project: AlembicProject, url: str, more: str = "", *, group: str = "prod") -> None:
    """Have a program print this URL, and count how often it ran."""
    (project.root / "tell.py").write_text(PRINTS.format(url=url, more=more))
    words = json.dumps([sys.executable, "tell.py"])
    (project.root / "pyproject.toml").write_text(
        f"[tool.af-db]\ndatabase-url-command = {{ {group} = {words} }}\n"
    )


def runs(project: AlembicProject) -> int:
    path = project.root / "runs"
    return len(path.read_text()) if path.exists() else 0


def failing(af_db: CommandLine, project: AlembicProject) -> tuple[str, Outcome]:
    outcome = af_db("prod", "current", "--json", cwd=project.root)
    assert (outcome.code, outcome.error["code"]) == (2, "database-url-command")
    assert outcome.error["state"] == "not touched"
    assert any("tell.py" in step for step in outcome.error["next_steps"])
    return outcome.error["message"], outcome


def test_a_command_of_production_runs_once_and_is_believed(
    af_db: CommandLine,
    project: AlembicProject,
    postgresql_url: str,
    monkeypatch: pytest.MonkeyPatch,
    scratch_server: str,
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)
    password = postgresql_url.partition("@")[0].rpartition(":")[2]
    told_by(project, postgresql_url, f"print('of {password}', file=sys.stderr)")
    project.env_py.write_text("import os\nos.environ['DATABASE_URL']\n" + project.env_py.read_text())
    project.add("004", "003", f"print({password!r})")

    outcome = af_db("prod", "upgrade", "--yes", cwd=project.root)

    assert outcome.code == 0, outcome.err
    assert runs(project) == 1
    assert "database-url-command: of ***" in outcome.err
    assert password not in outcome.out + outcome.err
    current = af_db("prod", "current", cwd=project.root)
    assert current.out == "004 (head)\n"
    assert runs(project) == 2


def test_it_is_a_string_as_well(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> None:
    told_by(project, postgresql_url)
    (project.root / "pyproject.toml").write_text(
        f"""[tool.af-db]\ndatabase-url-command = "'{sys.executable}' tell.py"\n"""
    )

    assert af_db("prod", "current", cwd=project.root).code == 0
    assert runs(project) == 1


def test_the_environment_wins_and_the_command_does_not_run(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    told_by(project, "postgresql://nobody@localhost:1/none")

    assert af_db("prod", "current", cwd=project.root, url=postgresql_url).code == 0
    assert runs(project) == 0


def test_what_is_said_for_production_is_nothing_for_a_developer(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    told_by(project, postgresql_url)

    outcome = af_db("local", "upgrade", cwd=project.root)

    assert outcome.code == 0, outcome.err
    assert runs(project) == 0
    assert (project.root / "agent_factory.db").exists()


def test_a_developer_may_have_one_too(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    told_by(project, postgresql_url, group="local")

    assert af_db("local", "upgrade", cwd=project.root).code == 0
    assert af_db("local", "current", cwd=project.root).out == "003 (head)\n"
    assert af_db("current", "--check-heads", cwd=project.root).code == 0
    assert runs(project) == 3
    assert not (project.root / "agent_factory.db").exists()
    assert af_db("prod", "current", "--json", cwd=project.root).error["code"] == "no-database-url"
    (project.root / ".env").write_text("DATABASE_URL=sqlite:///./other.db\n")
    assert af_db("local", "upgrade", cwd=project.root).code == 0
    assert runs(project) == 3
    assert (project.root / "other.db").exists()


def test_commands_that_need_no_database_do_not_run_it(af_db: CommandLine, project: AlembicProject) -> None:
    told_by(project, "sqlite:///./never.db", group="local")

    for words in (("--help",), ("--version",), ("check",), ("prod", "upgrade", "--help")):
        af_db(*words, cwd=project.root)

    assert runs(project) == 0


def test_a_failure_is_named_without_its_secret(af_db: CommandLine, project: AlembicProject) -> None:
    url = "postgresql://me:sesame-open@db.example.com/app"
    told_by(project, url, f"print({url!r}); print('no {url}', file=sys.stderr); sys.exit(3)")

    message, outcome = failing(af_db, project)

    assert "ended with exit code 3: no ***" in message
    assert "sesame" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("number", "printed"),
    [
        (1, "postgresql://me:{password}@127.0.0.1:1/app"),
        (2, "postgresql://127.0.0.1:1/app?user=me&password={password}"),
        (3, "DATABASE_URL=postgresql://me:{password}@127.0.0.1:1/app"),
        (4, "postgresql://me:{password}@127.0.0.1:one/app\nand more"),
    ],
)
@pytest.mark.parametrize("code", [0, 3])
def test_a_password_that_stands_alone_on_stderr_is_not_shown(
    af_db: CommandLine, project: AlembicProject, number: int, printed: str, code: int
) -> None:
    password = f"sesame-{number}{code}%40open"  # no test before this one has made it known
    (project.root / "tell.py").write_text(
        f"import sys\nprint({printed.format(password=password)!r})\n"
        f"print('raw', {password!r}, 'read', {password.replace('%40', '@')!r}, file=sys.stderr)\n"
        f"sys.exit({code})\n"
    )
    words = json.dumps([sys.executable, "tell.py"])
    (project.root / "pyproject.toml").write_text(f"[tool.af-db]\ndatabase-url-command = {words}\n")

    outcome = af_db("prod", "current", cwd=project.root)

    assert "database-url-command: raw *** read ***" in outcome.err
    assert "sesame" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("", "has printed nothing"),
        ("sesame-open-sesame", "has printed no URL of a database: it does not begin with postgresql://"),
        ("postgresql://a:sesame-open@h/d\nand more", "has printed 2 lines, and not one URL"),
    ],
)
def test_what_is_no_url_is_not_shown(
    af_db: CommandLine, project: AlembicProject, printed: str, said: str
) -> None:
    told_by(project, printed)

    message, outcome = failing(af_db, project)

    assert said in message
    assert "sesame" not in outcome.out + outcome.err


def test_a_program_that_is_not_there_is_named(af_db: CommandLine, project: AlembicProject) -> None:
    (project.root / "pyproject.toml").write_text('[tool.af-db]\ndatabase-url-command = ["no-tell.py"]\n')

    message, _outcome = failing(af_db, project)

    assert "no-tell.py, cannot be started: No such file or directory" in message


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    forks = "import os, time\nif os.fork() == 0:\n    time.sleep(2); open('late', 'w')\ntime.sleep(60)"

    with pytest.raises(UsageError, match="did not end in 300 ms"):
        run_url_command([sys.executable, "-c", forks], tmp_path, timeout_s=0.3)

    time.sleep(2.2)
    assert not (tmp_path / "late").exists()


def test_a_word_that_it_prints_is_still_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run_url_command([sys.executable, "-c", "print('error')"], tmp_path)

    assert redact("error: it is said") == "error: it is said"
