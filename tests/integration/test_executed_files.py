"""What runs is what was read: the bytes of the project's files, whatever bytecode and clocks say."""

import hashlib
import importlib.util
import os
import py_compile
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from agent_factory.migrate.revisions.normalise import normalised, source_sha256
from tests.commands import Outcome, run_process
from tests.integration.tables import tables_made
from tests.projects import AlembicProject, make_project

A_TIME = (1, 1)
"""What a checkout with normalised times has for every file."""


def leave_bytecode(path: Path, good: str, evil: str) -> None:
    """Give this file bytecode in which ``good`` is ``evil``, and which Python takes for its own."""
    assert len(good) == len(evil)
    source = path.read_text()
    assert good in source
    path.write_text(source.replace(good, evil))
    os.utime(path, A_TIME)
    py_compile.compile(str(path), doraise=True)
    path.write_text(source)
    os.utime(path, A_TIME)
    taken = f"""
import marshal, sys
from importlib.machinery import SourceFileLoader
sys.exit({evil!r}.encode() not in marshal.dumps(SourceFileLoader("it", {str(path)!r}).get_code("it")))
"""
    subprocess.run([sys.executable, "-c", taken], check=True)


def journal(url: str, columns: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM af_db.journal ORDER BY id")
        rows = cursor.fetchall()
    connection.close()
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A project whose 001 makes the table that ``file`` names."""

    project: AlembicProject
    file: Path


def by_revision(project: AlembicProject) -> Path:
    return project.add("001", None, "op.execute('CREATE TABLE good_one (n integer)')")


def by_env_py(project: AlembicProject) -> Path:
    line = 'context.config.attributes["table"] = "good_one"\n'
    project.env_py.write_text(project.env_py.read_text().replace("connection =", f"{line}connection =", 1))
    project.add(
        "001",
        None,
        "from alembic import context\n"
        "op.execute(f\"CREATE TABLE {context.config.attributes['table']} (n integer)\")",
    )
    return project.env_py


def by_module(project: AlembicProject) -> Path:
    path = project.root / "names_of_tables.py"
    path.write_text('NAME = "good_one"\n')
    add_with(project, "from names_of_tables import NAME")
    return path


def by_package(project: AlembicProject) -> Path:
    package = project.root / "app_of_tables"
    package.mkdir()
    (package / "__init__.py").write_text("from .names import NAME\n")
    (package / "names.py").write_text('NAME = "good_one"\n')
    add_with(project, "from app_of_tables import NAME")
    return package / "names.py"


def by_namespace_package(project: AlembicProject) -> Path:
    package = project.root / "space_of_tables"
    package.mkdir()
    (package / "names.py").write_text('NAME = "good_one"\n')
    add_with(project, "from space_of_tables.names import NAME")
    return package / "names.py"


def by_a_file_that_is_loaded_by_its_path(project: AlembicProject) -> Path:
    path = project.root / "helper_of_tables.py"
    path.write_text('NAME = "good_one"\n')
    add_with(
        project,
        "import importlib.util\n"
        f'spec = importlib.util.spec_from_file_location("helper", {str(path)!r})\n'
        "helper = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(helper)\n"
        "NAME = helper.NAME",
    )
    return path


def add_with(project: AlembicProject, top: str) -> None:
    project.add("001", None, f"{top}\nop.execute(f'CREATE TABLE {{NAME}} (n integer)')")


WAYS = (
    *(by_revision, by_env_py, by_module, by_package, by_namespace_package),
    by_a_file_that_is_loaded_by_its_path,
)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def named(request: pytest.FixtureRequest, tmp_path: Path) -> Named:
    project = make_project(tmp_path / "named")
    return Named(project=project, file=request.param(project))


def test_bytecode_that_somebody_left_does_not_run(named: Named, sqlite_url: str) -> None:
    leave_bytecode(named.file, "good_one", "evil_one")

    outcome = run_process("local", "upgrade", cwd=named.project.root, url=sqlite_url)

    assert outcome.code == 0, outcome.err
    assert tables_made(sqlite_url) == {"good_one"}


def test_no_bytecode_of_a_project_is_written(named: Named, sqlite_url: str) -> None:
    for command in ("plan", "upgrade", "history"):
        assert run_process("local", command, cwd=named.project.root, url=sqlite_url).code == 0

    assert list(named.project.root.rglob("__pycache__")) == []


def test_an_edit_that_no_clock_tells_runs_and_is_what_the_journal_has(
    project: AlembicProject, postgresql_url: str
) -> None:
    """Two files of one size and one time, as in a checkout with normalised times."""
    path = project.add("004", "003", "op.execute('CREATE TABLE t (n integer CHECK (n > 10))')")
    os.utime(path, A_TIME)
    assert run_process("prod", "plan", cwd=project.root, url=postgresql_url).code == 0
    py_compile.compile(str(path), doraise=True)
    path.write_text(path.read_text().replace("> 10", "> 20"))
    os.utime(path, A_TIME)

    assert prod(project, postgresql_url, "upgrade", "--yes").code == 0

    connection = psycopg2.connect(postgresql_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 't_n_check'")
        assert cursor.fetchall() == [("CHECK ((n > 20))",)]
    connection.close()
    text = normalised(path.read_text())
    assert journal(postgresql_url, "source, source_sha256")[-1] == (text, source_sha256(text))


def prod(project: AlembicProject, url: str, *arguments: str) -> Outcome:
    return run_process("prod", *arguments, cwd=project.root, url=url)


def test_a_file_that_is_edited_while_it_runs_is_executed_and_kept_as_it_was_read(
    tmp_path: Path, postgresql_url: str
) -> None:
    project = make_project(tmp_path / "edited")
    second = project.versions / "002_step_002.py"
    project.add(
        "001",
        None,
        f"from pathlib import Path\npath = Path({str(second)!r})\n"
        "path.write_text(path.read_text().replace('good_one', 'evil_one'))",
    )
    project.add("002", "001", "op.execute('CREATE TABLE good_one (n integer)')")
    read = normalised(second.read_text())

    assert prod(project, postgresql_url, "upgrade", "--yes").code == 0

    assert "evil_one" in second.read_text()
    assert tables_made(postgresql_url) == {"good_one"}
    assert journal(postgresql_url, "source")[-1] == (read,)
    document = prod(project, postgresql_url, "history", "--json").document
    assert [entry["is_edited"] for entry in document["entries"]] == [True, False]


def test_the_line_that_failed_is_the_one_that_was_executed(tmp_path: Path, sqlite_url: str) -> None:
    project = make_project(tmp_path / "fails")
    path = project.versions / "001_step_001.py"
    project.add(
        "001",
        None,
        f"from pathlib import Path\nPath({str(path)!r}).write_text('\\n' * 50)\nraise ValueError('no')",
    )

    outcome = run_process("local", "upgrade", "--yes", cwd=project.root, url=sqlite_url)

    assert outcome.code == 7
    assert "at 001_step_001.py, line 14: raise ValueError('no')" in outcome.err


LATIN_1 = '''# -*- coding: latin-1 -*-
"""größer"""

from alembic import op

revision = "001"
down_revision = None


def upgrade():
    op.execute("CREATE TABLE größe (n integer)")


def downgrade():
    op.execute("DROP TABLE größe")
'''


def test_a_file_in_the_encoding_that_it_declares_runs(tmp_path: Path, postgresql_url: str) -> None:
    project = make_project(tmp_path / "latin")
    path = project.versions / "001_bigger.py"
    path.write_bytes(LATIN_1.encode("latin-1"))

    outcome = prod(project, postgresql_url, "upgrade", "--yes")

    assert outcome.code == 0, outcome.err
    assert tables_made(postgresql_url) == {"größe"}
    assert journal(postgresql_url, "source, source_sha256") == [(LATIN_1, source_sha256(LATIN_1))]
    (entry,) = prod(project, postgresql_url, "history", "--json").document["entries"]
    assert not entry["is_edited"]
    path.write_bytes(LATIN_1.replace("integer", "bigint").encode("latin-1"))
    difference = prod(project, postgresql_url, "history", "--diff")
    assert '+    op.execute("CREATE TABLE größe (n bigint)")' in difference.out
    assert prod(project, postgresql_url, "check").code == 3


@pytest.fixture
def sourceless(project: AlembicProject) -> AlembicProject:
    """A project that is shipped as bytecode only, as Alembic documents it."""
    project.config.write_text(f"{project.config.read_text()}sourceless = true\n")
    for path in (project.env_py, *project.versions.glob("*.py")):
        py_compile.compile(str(path), cfile=f"{path}c", doraise=True)
        path.unlink()
    return project


def test_bytecode_without_a_source_runs_and_is_said_to_be_that(
    sourceless: AlembicProject, postgresql_url: str
) -> None:
    first = sourceless.versions / "001_step_001.pyc"
    sha256 = hashlib.sha256(first.read_bytes()).hexdigest()

    plan = prod(sourceless, postgresql_url, "plan", "--json")
    upgraded = prod(sourceless, postgresql_url, "upgrade", "--yes")

    assert (plan.code, upgraded.code) == (0, 0), upgraded.err
    said = "001, 002, 003: bytecode without its source; what is hashed and kept is the bytecode"
    assert [item["message"] for item in plan.document["warnings"] if item["code"] == "no-source"] == [said]
    assert said in upgraded.err
    ((kept, hashed),) = journal(postgresql_url, "source, source_sha256")[:1]
    assert hashed == sha256
    assert str(kept).startswith("(bytecode without its source: ")
    document = prod(sourceless, postgresql_url, "history", "--json").document
    assert [entry["is_edited"] for entry in document["entries"]] == [False, False, False]
    assert "internal" not in prod(sourceless, postgresql_url, "check").err


def test_other_bytecode_than_was_applied_is_an_edited_revision(
    sourceless: AlembicProject, postgresql_url: str
) -> None:
    assert prod(sourceless, postgresql_url, "upgrade", "--yes").code == 0
    path = sourceless.versions / "001_step_001.pyc"
    path.write_bytes(path.read_bytes() + b"\0")

    document = prod(sourceless, postgresql_url, "history", "--json").document

    assert [entry["is_edited"] for entry in document["entries"]] == [False, False, True]
    assert prod(sourceless, postgresql_url, "history", "--diff").code == 0


def test_a_saved_plan_of_bytecode_is_bound_to_it(
    sourceless: AlembicProject, postgresql_url: str, tmp_path: Path
) -> None:
    file = tmp_path / "plan.json"
    assert prod(sourceless, postgresql_url, "plan", "--out", str(file)).code == 0
    path = sourceless.env_py.with_suffix(".pyc")
    path.write_bytes(path.read_bytes() + b"\0")

    outcome = prod(sourceless, postgresql_url, "upgrade", "--yes", "--json", "--plan", str(file))

    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert "env.py (SHA-256)" in outcome.error["message"]


def test_an_env_py_of_which_only_a_cache_is_left_does_not_run(
    project: AlembicProject, sqlite_url: str
) -> None:
    py_compile.compile(str(project.env_py), doraise=True)
    project.env_py.unlink()

    outcome = run_process("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (2, "no-source")
    assert outcome.error["message"].startswith(importlib.util.cache_from_source(str(project.env_py)))
    assert tables_made(sqlite_url) == set()


ASKS_FOR_ITSELF = """
import dataclasses, inspect, pickle, sys
from shapes_of_app import Point
import shapes_of_app
assert sys.modules["shapes_of_app"] is shapes_of_app
assert shapes_of_app.__file__ == {path!r} == shapes_of_app.__spec__.origin
assert "class Point" in inspect.getsource(Point)
assert pickle.loads(pickle.dumps(Point(1, 2))) == Point(1, 2)
assert __name__ == "001_step_001_py"
assert __file__ == {revision!r} == __spec__.origin
assert "CREATE TABLE" in inspect.getsource(upgrade)
op.execute("CREATE TABLE all_is_well (n integer)")
"""


def test_modules_are_as_python_makes_them(tmp_path: Path, sqlite_url: str) -> None:
    project = make_project(tmp_path / "asks")
    path = project.root / "shapes_of_app.py"
    path.write_text(
        "from __future__ import annotations\nimport dataclasses\n\n\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\n    y: int\n"
    )
    revision = project.versions / "001_step_001.py"
    project.add("001", None, ASKS_FOR_ITSELF.format(path=str(path), revision=str(revision)))

    outcome = run_process("local", "upgrade", cwd=project.root, url=sqlite_url)

    assert outcome.code == 0, outcome.err
    assert tables_made(sqlite_url) == {"all_is_well"}
