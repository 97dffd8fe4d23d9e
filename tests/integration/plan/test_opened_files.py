"""A file of the project that a revision reads, such as one with SQL, is in its run what it was before."""

import json
import subprocess
from pathlib import Path

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject, make_project

ANOTHER_PROCESS = """
import time
from pathlib import Path
signal = Path({signal!r})
if signal.with_suffix(".rehearsed").exists():
    signal.touch()
    while signal.exists():
        time.sleep(0.01)
signal.with_suffix(".rehearsed").touch()
"""
REFUSED = """
import os
from pathlib import Path
if not Path({mark!r}).exists():
    Path("FILE").read_text()
Path({mark!r}).touch()
os.system("echo >> FILE")
"""
READS = """
from pathlib import Path
op.execute(Path({path!r}).read_text())
"""


def value(url: str, sql: str) -> object:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
        ((found,),) = cursor.fetchall()
    connection.close()
    return found


def reading(folder: Path, before: str = "pass", programs: str = "sh") -> tuple[AlembicProject, Path]:
    """A project whose 002 executes a file; ``before`` is what 001 does, and ``FILE`` in it is its path.

    At the rehearsal too, its revisions may start the program ``programs``.
    """
    project = make_project(folder)
    (project.root / "pyproject.toml").write_text(f"[tool.af-db]\nprograms = [{programs!r}]\n")
    path = folder / "sql" / "fill.sql"
    path.parent.mkdir()
    path.write_text("CREATE TABLE filled (n integer)")
    project.add("001", None, before.replace("FILE", str(path)))
    project.add("002", "001", READS.format(path=str(path)))
    return project, path


@pytest.mark.parametrize("change", ["echo >> FILE", "test -e MARK && : > FILE; touch MARK"])
def test_a_file_that_is_not_what_the_rehearsal_read_is_not_opened(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str, change: str
) -> None:
    change = change.replace("MARK", str(tmp_path / "mark"))
    project, path = reading(tmp_path / "changes", f"import os; os.system({change!r})")

    outcome = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (7, "file-changed")
    assert str(path) in outcome.error["message"]
    assert "at 001" in outcome.error["state"]
    assert value(postgresql_url, "SELECT to_regclass('filled')") is None


READS_IF_THERE = """
from pathlib import Path
path = Path({path!r})
try:
    text = path.read_text()
except FileNotFoundError:
    text = "CREATE TABLE filled (n integer)"
    {otherwise}
op.execute(text)
"""


def test_a_file_that_was_missing_at_the_rehearsal_is_not_opened_when_it_is_there(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    mark = tmp_path / "mark"
    change = f"test -e {mark} && echo > FILE; touch {mark}"
    project, path = reading(tmp_path / "missing", f"import os; os.system({change!r})")
    path.unlink()
    project.add("002", "001", READS_IF_THERE.format(path=str(path), otherwise="pass"))

    outcome = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (7, "file-changed")
    assert "SHA-256 nothing then" in outcome.error["message"]


@pytest.mark.parametrize(
    "write",
    ["path.write_text(text)", "path.with_name('x').write_text(text); path.with_name('x').replace(path)"],
)
def test_a_missing_file_that_the_revision_makes_is_its_own_matter(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str, write: str
) -> None:
    project, path = reading(tmp_path / "made")
    path.unlink()
    project.add("002", "001", READS_IF_THERE.format(path=str(path), otherwise=write))

    outcome = af_db("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err


def test_a_file_that_another_process_changes_during_the_run_is_not_opened(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    signal = tmp_path / "signal"
    project, path = reading(tmp_path / "another", ANOTHER_PROCESS.format(signal=str(signal)))
    waits = f"until test -e {signal}; do sleep 0.01; done; echo >> {path}; rm {signal}"
    with subprocess.Popen(["sh", "-c", waits]) as process:  # noqa: S607
        try:
            outcome = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=postgresql_url)
        finally:
            process.terminate()

    assert (outcome.code, outcome.error["code"]) == (7, "file-changed")
    assert str(path) in outcome.error["message"]
    assert value(postgresql_url, "SELECT to_regclass('filled')") is None


def test_a_file_that_was_read_until_a_program_was_refused_is_compared_in_the_run(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    """Its rehearsal ends at the program, which the run starts."""
    project, path = reading(
        tmp_path / "refused", REFUSED.format(mark=str(tmp_path / "rehearsed")), programs="git"
    )
    text = path.read_text()
    run = ("prod", "upgrade", "--yes", "--allow", "own-connection", "--json")

    outcome = af_db(*run, cwd=project.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (7, "file-changed")
    assert path.read_text() == f"{text}\n"
    assert value(postgresql_url, "SELECT to_regclass('filled')") is None


def test_what_af_db_reads_because_a_revision_starts_a_program_is_not_what_the_revision_reads(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    project, _path = reading(tmp_path / "named", "import os; os.system(':')")
    configuration = project.root / "pyproject.toml"
    plan = tmp_path / "plan.json"
    assert af_db("prod", "plan", "--out", str(plan), cwd=project.root, url=postgresql_url).code == 0
    configuration.write_text(f"{configuration.read_text()}\n[project]\nversion = '2'\n")

    outcome = af_db("prod", "upgrade", "--yes", "--plan", str(plan), cwd=project.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    files = [item["file"] for item in json.loads(plan.read_text())["files"]]
    assert "sql/fill.sql" in files
    assert "pyproject.toml" not in files


def test_a_file_that_stays_as_it_is_is_read(af_db: CommandLine, tmp_path: Path, postgresql_url: str) -> None:
    project, _path = reading(tmp_path / "stays")

    outcome = af_db("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err
    assert value(postgresql_url, "SELECT to_regclass('filled')") == "filled"


@pytest.mark.parametrize("where", ["in the project", "outside of it"])
def test_what_a_revision_writes_is_its_own_matter(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str, where: str
) -> None:
    project = make_project(tmp_path / "writes")
    path = project.root / "made.sql" if where == "in the project" else tmp_path / "made.sql"
    project.add(
        "001",
        None,
        f"import os, time\nfrom pathlib import Path\npath = Path({str(path)!r})\n"
        "path.write_text(f'CREATE TABLE filled (n integer) -- {time.time_ns()}')\n"
        "op.execute(path.read_text())",
    )
    run = ("prod", "upgrade", "--yes", "--allow", "depends-on-data")  # its text has the time

    outcome = af_db(*run, cwd=project.root, url=postgresql_url)

    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("rehearsed", ["true", "false"])
def test_a_saved_plan_names_what_was_read_and_is_bound_to_it(
    af_db: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    postgresql_url: str,
    rehearsed: str,
) -> None:
    project, path = reading(tmp_path / "saved")
    plan = tmp_path / "plan.json"
    made = af_db("prod", "plan", "--out", str(plan), cwd=project.root, url=postgresql_url)
    assert made.code == 0, made.err
    assert "sql/fill.sql" in [item["file"] for item in json.loads(plan.read_text())["files"]]
    text = path.read_text()
    path.write_text("CREATE TABLE other (n integer)")
    monkeypatch.setenv("AF_DB_REHEARSAL", rehearsed)
    run = ("prod", "upgrade", "--yes", "--json", "--plan", str(plan))

    refused = af_db(*run, cwd=project.root, url=postgresql_url)
    path.write_text(text)
    taken = af_db(*run, cwd=project.root, url=postgresql_url)

    assert (refused.code, refused.error["code"]) == (4, "stale-plan")
    assert "sql/fill.sql (SHA-256)" in refused.error["message"]
    assert taken.code == 0, taken.err


def test_a_file_that_changes_after_a_saved_plan_was_compared_is_not_opened(
    af_db: CommandLine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgresql_url: str
) -> None:
    project, path = reading(tmp_path / "late", "import os; os.system('test -e GO && echo >> FILE')")
    first = project.versions / "001_step_001.py"
    first.write_text(first.read_text().replace("GO", str(tmp_path / "go")))
    plan = tmp_path / "plan.json"
    assert af_db("prod", "plan", "--out", str(plan), cwd=project.root, url=postgresql_url).code == 0
    (tmp_path / "go").touch()
    monkeypatch.setenv("AF_DB_REHEARSAL", "false")

    outcome = af_db(
        *("prod", "upgrade", "--yes", "--json", "--plan", str(plan)), cwd=project.root, url=postgresql_url
    )

    assert (outcome.code, outcome.error["code"]) == (7, "file-changed")
    assert str(path) in outcome.error["message"]
