"""What Alembic's own command line hands to env.py: ``-x``, ``-n`` and the options of the command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from agent_factory.migrate.project.alembic_internals import parsed_command
from tests.commands import CommandLine
from tests.integration.tables import tables
from tests.projects import AlembicProject

TENANTS = """
from alembic import context

tenant = context.get_x_argument(as_dictionary=True).get("tenant", "none")
connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table=f"version_{tenant}", target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""
"""As in Alembic's cookbook: each tenant has a history of its own."""

NOTES_OPTIONS = """
import json
import os

import sqlalchemy as sa
from alembic import context

options = dict(vars(context.config.cmd_opts), cmd=context.config.cmd_opts.cmd[0].__name__)
with open(os.environ["NOTES"], "a") as file:
    file.write(json.dumps(options) + "\\n")
connection = context.config.attributes.get("connection")
connection = connection or sa.create_engine(os.environ["DATABASE_URL"]).connect()
context.configure(connection=connection, target_metadata=sa.MetaData(), render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
"""
"""Writes down each time all that it finds in ``config.cmd_opts``; plain Alembic runs it too."""


@pytest.fixture
def tenants(project: AlembicProject) -> AlembicProject:
    project.env_py.write_text(TENANTS)
    for number in ("001", "002", "003"):
        project.add(number, {"001": None, "002": "001", "003": "002"}[number])
    return project


def noted(notes: Path) -> list[dict[str, Any]]:
    """What env.py has written down; af-db is always quiet, and names its file by a whole path."""
    lines = [json.loads(line) for line in notes.read_text().splitlines()] if notes.exists() else []
    notes.unlink(missing_ok=True)
    return [{key: line[key] for key in sorted(line.keys() - {"quiet", "config"})} for line in lines]


def remove_new(project: AlembicProject) -> None:
    for path in project.versions.glob("*_none.py"):
        path.unlink()


def test_x_reaches_env_py_of_every_command(
    af_db: CommandLine, tenants: AlembicProject, database_url: str
) -> None:
    def run(*words: str) -> tuple[int, str]:
        outcome = af_db(*words, cwd=tenants.root, url=database_url)
        return outcome.code, outcome.out

    assert run("local", "upgrade", "002", "-x", "tenant=a", "-x", "more")[0] == 0
    assert run("-x", "tenant=b", "local", "upgrade")[0] == 0

    assert {"version_a", "version_b"} <= tables(database_url)
    assert "version_none" not in tables(database_url)
    assert run("local", "current", "-x", "tenant=a") == (0, "002\n")
    assert run("-x", "tenant=b", "current", "--check-heads") == (0, "003 (head)\n")
    assert run("current") == (0, "(no revision)\n")
    assert re.search("-> +003 .*applied, current, head", run("local", "history", "-x", "tenant=b")[1])
    assert "upgrade to    003" in run("local", "plan", "--no-rehearsal", "-x", "tenant=a")[1]
    assert run("local", "downgrade", "-1", "-x", "tenant=a")[0] == 0
    assert run("local", "current", "-x", "tenant=a") == (0, "001\n")
    assert run("-x", "tenant=a", "local", "current", "-x", "tenant=b") == (0, "003 (head)\n")


def test_env_py_finds_the_options_that_plain_alembic_would_give_it(
    af_db: CommandLine,
    project: AlembicProject,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.env_py.write_text(NOTES_OPTIONS)
    notes = tmp_path / "notes"
    monkeypatch.setenv("NOTES", str(notes))
    ours = f"sqlite:///{tmp_path / 'ours.db'}"

    def plain(*words: str) -> dict[str, Any]:
        subprocess.run(
            [sys.executable, "-m", "alembic", *words],
            cwd=project.root,
            env={**os.environ, "DATABASE_URL": sqlite_url},
            check=False,
            capture_output=True,
        )
        return noted(notes)[-1]

    for by_alembic, by_af_db in (
        (("-x", "a=1", "-x", "b", "upgrade", "head"), ("local", "upgrade", "-x", "a=1", "-x", "b")),
        (("current",), ("local", "current")),
        (("downgrade", "-1"), ("local", "downgrade", "-1")),
        (("upgrade", "+1"), ("local", "upgrade", "+1")),
        *([(("current", "--check-heads"),) * 2] if hasattr(parsed_command("current"), "check_heads") else []),
        (("check",), ("local", "check")),
        (("revision", "--autogenerate", "-m", "none"), ("local", "create", "none")),
    ):
        expected = plain(*by_alembic)
        remove_new(project)
        outcome = af_db(*by_af_db, cwd=project.root, url=ours)
        found = noted(notes)
        assert outcome.code in (0, 3), outcome.err
        assert found
        assert [item for item in found if item != expected] == []
        remove_new(project)


def test_a_plan_without_a_rehearsal_asks_env_py_for_sql(
    af_db: CommandLine,
    project: AlembicProject,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project.env_py.write_text(NOTES_OPTIONS)
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))

    outcome = af_db("local", "plan", "--no-rehearsal", cwd=project.root, url=sqlite_url)

    assert outcome.code == 0
    assert [(item["cmd"], item["sql"]) for item in noted(tmp_path / "notes")] == [
        ("upgrade", False),
        ("upgrade", True),
    ]


def test_what_was_typed_stands_in_the_plan_and_in_each_command_that_is_advised(
    af_db: CommandLine, tenants: AlembicProject, database_url: str
) -> None:
    typed = ("-x", "tenant=a b")
    plan = af_db("local", "plan", "--no-rehearsal", *typed, cwd=tenants.root, url=database_url)
    run = af_db("local", "upgrade", *typed, cwd=tenants.root, url=database_url)
    refused = af_db("local", "downgrade", *typed, "--json", cwd=tenants.root, url=database_url)

    assert "with          -x 'tenant=a b'\n" in plan.out
    assert "with        -x 'tenant=a b'\n" in run.err
    assert refused.error["next_steps"] == [
        "one revision back: af-db -x 'tenant=a b' local downgrade -1",
        "af-db -x 'tenant=a b' local history",
        "af-db -x 'tenant=a b' local downgrade --help",
    ]


def test_a_secret_among_the_arguments_is_shown_by_nothing(
    af_db: CommandLine, tenants: AlembicProject, sqlite_url: str, tmp_path: Path
) -> None:
    typed = ("-x", "tenant=a", "-x", "api-token=hunter2hunter2", "-x", "at=postgresql://u:opensesame@h/d")
    tenants.env_py.write_text(TENANTS + "print(context.get_x_argument())\n")
    out = tmp_path / "plan.json"

    texts: list[str] = []
    for more in ((), ("--json",), ("--format", "markdown"), ("--out", str(out))):
        outcome = af_db("local", "plan", "--no-rehearsal", *typed, *more, cwd=tenants.root, url=sqlite_url)
        assert outcome.code == 0
        texts += [outcome.out, outcome.err]

    shown = "".join((*texts, out.read_text()))
    assert "api-token=***" in shown
    assert "hunter2" not in shown
    assert "opensesame" not in shown


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("-x", "tenant=b"), "-x tenant: a in the plan, b now"),
        ((), "-x tenant: a in the plan, not typed now"),
        (("-x", "tenant=a", "-x", "fast"), "-x fast: not typed in the plan, without a value now"),
    ],
)
def test_a_saved_plan_runs_with_the_arguments_that_it_was_made_with(
    af_db: CommandLine,
    tenants: AlembicProject,
    postgresql_url: str,
    tmp_path: Path,
    typed: tuple[str, ...],
    said: str,
) -> None:
    file = str(tmp_path / "plan.json")
    words = ("prod", "upgrade", "--yes", "--no-rehearsal", "--plan", file)
    made = af_db(
        *("prod", "plan", "--no-rehearsal", "--out", file, "-x", "tenant=a"),
        cwd=tenants.root,
        url=postgresql_url,
    )
    other = af_db(*words, *typed, "--json", cwd=tenants.root, url=postgresql_url)
    same = af_db(*words, "-x", "tenant=a", cwd=tenants.root, url=postgresql_url)

    assert made.code == 0, made.err
    assert (other.code, other.error["code"]) == (4, "stale-plan")
    assert said in other.error["message"]
    assert same.code == 0, same.err
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM version_a")
        assert cursor.fetchall() == [("003",)]


def test_another_secret_is_another_plan(
    af_db: CommandLine, tenants: AlembicProject, postgresql_url: str, tmp_path: Path
) -> None:
    file = str(tmp_path / "plan.json")
    made = ("prod", "plan", "--no-rehearsal", "--out", file, "-x", "password=one-of-them")
    run = ("prod", "upgrade", "--yes", "--no-rehearsal", "--json", "--plan", file)
    assert af_db(*made, cwd=tenants.root, url=postgresql_url).code == 0

    outcome = af_db(*run, "-x", "password=another-one", cwd=tenants.root, url=postgresql_url)

    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert "-x password: another value in the plan" in outcome.error["message"]


def test_another_section_of_the_configuration_is_named_as_alembic_has_it(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    other = project.root / "sales" / "versions"
    other.mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (other.parent / name).write_text((project.root / "alembic" / name).read_text())
    (other / "s1.py").write_text(project.add("s1", None).read_text())
    (project.versions / "s1_step_s1.py").unlink()
    text = project.config.read_text()
    project.config.write_text(
        f"{text}\n[sales]\n{text.partition(chr(10))[2]}".replace(
            "[sales]\nscript_location = %(here)s/alembic", "[sales]\nscript_location = %(here)s/sales"
        )
    )

    upgraded = af_db("local", "upgrade", "-n", "sales", "--json", cwd=project.root, url=database_url)
    before = af_db("--name", "sales", "current", cwd=project.root, url=database_url)
    wrong = af_db("local", "current", "-n", "nobody", "--json", cwd=project.root, url=database_url)

    assert [item["revision"] for item in upgraded.document["applied"]] == ["s1"]
    assert before.out == "s1 (head)\n"
    assert (wrong.code, wrong.error["code"]) == (2, "no-section")
    assert "[alembic], [sales]" in wrong.error["message"]


@pytest.mark.parametrize(
    ("typed", "advised"),
    [
        (("stamp", "head"), ["af-db local adopt", "af-db local upgrade"]),
        (("prod", "stamp", "head"), ["af-db prod adopt", "af-db prod upgrade"]),
        (("heads",), ["af-db local history"]),
        (("prod", "branches"), ["af-db prod history"]),
        (("show", "001"), ["af-db local show", "af-db prod show"]),
        (("prod", "create", "x"), ["af-db local create"]),
        (("status",), ["af-db local status", "af-db prod status"]),
        (("up",), ["af-db local upgrade", "af-db prod upgrade"]),
        (("prod", "migrate"), ["af-db prod upgrade"]),
        (("local", "down"), ["af-db local downgrade -1"]),
        (("rollback",), ["af-db local downgrade -1", "af-db prod downgrade -1"]),
        (("history",), ["af-db local history", "af-db prod history"]),
        (("prod", "upgrade", "--dry-run"), ["af-db prod plan"]),
        (("prod", "redo"), ["af-db local redo"]),
        (("prod", "upgrade", "head", "--sql"), ["af-db prod plan --format sql"]),
        (("local", "downgrade", "-1", "--sql"), ["af-db local plan --format sql"]),
        (("revision", "-m", "x"), ["af-db local create MESSAGE"]),
        (("local", "create", "x", "--autogenerate"), ["af-db local create MESSAGE"]),
        (("upgrade", "head"), ["af-db local upgrade", "af-db prod upgrade"]),
        (("merge", "heads"), ["af-db local merge"]),
        (("nonsense",), ["af-db --help"]),
    ],
)
def test_a_word_of_alembics_is_answered_with_the_command_that_does_it(
    af_db: CommandLine, tmp_path: Path, typed: tuple[str, ...], advised: list[str]
) -> None:
    said = af_db(*typed, cwd=tmp_path)
    as_json = af_db(*typed, "--json", cwd=tmp_path)

    assert (said.code, as_json.code, as_json.error["code"]) == (2, 2, "usage")
    assert "Did you mean" not in said.err, "what is spelled like it"
    for command in advised:
        assert command in said.err.partition("next")[2]
        assert command in " ".join(as_json.error["next_steps"])


def test_an_env_py_that_needs_an_argument_gets_it_from_every_command(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    needed = 'assert context.get_x_argument(as_dictionary=True)["tenant"] == "a"'
    project.env_py.write_text(
        project.env_py.read_text().replace("connection =", f"{needed}\nconnection =", 1)
    )
    project.write_models(
        "metadata = sa.MetaData()\n"
        'for name in ("t001", "t002", "t003"):\n'
        '    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True))\n'
    )
    commands = [
        ("local", "upgrade"),
        ("local", "check"),
        ("check",),
        ("current",),
        ("local", "current"),
        ("local", "history"),
        ("local", "plan", "--downgrade", "001"),
        ("local", "create", "none"),
        ("local", "merge"),
        ("local", "downgrade", "base"),
    ]

    outcomes = [af_db(*words, "-x", "tenant=a", cwd=project.root, url=database_url) for words in commands]
    without = af_db("local", "current", cwd=project.root, url=database_url)

    assert [(words, each.code) for words, each in zip(commands, outcomes, strict=True)] == [
        (words, 0) for words in commands
    ], [each.err for each in outcomes if each.code]
    assert "broken-env-py" not in "".join(each.out for each in outcomes)
    assert without.code == 2
