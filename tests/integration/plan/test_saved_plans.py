"""``plan --out`` and ``upgrade --plan``: what was reviewed is what runs, or nothing does."""

import contextlib
import hashlib
import hmac
import json
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import pytest

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome
from tests.conftest import Templates
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """A project at 001 with 002 to come, and its saved plan."""

    af_db: CommandLine
    project: AlembicProject
    url: str
    file: Path

    def run(self, *arguments: str, url: str | None = None) -> Outcome:
        return self.af_db("prod", *arguments, cwd=self.project.root, url=url or self.url)

    def run_plan(self, url: str | None = None) -> Outcome:
        return self.run("upgrade", "--yes", "--json", "--plan", str(self.file), url=url)

    def execute(self, sql: str) -> None:
        with psycopg2.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.execute(sql)

    def current(self) -> str:
        return self.run("current").out.split()[0]


@pytest.fixture
def reviewed(
    af_db: CommandLine, tmp_path: Path, server_url: DatabaseURL, templates: Templates
) -> Iterator[Reviewed]:
    project = make_project(tmp_path / "reviewed", tables=1)
    project.add(
        "002",
        "001",
        'op.create_table("t002", sa.Column("id", sa.Integer, primary_key=True))',
        'op.drop_table("t002")',
    )
    file = tmp_path / "plan.json"

    def migrate(url: str) -> None:
        it = Reviewed(af_db=af_db, project=project, url=url, file=file)
        assert it.run("upgrade", "001", "--yes", "--no-rehearsal").code == 0

    with new_database(server_url, template=templates("reviewed", migrate)) as url:
        it = Reviewed(af_db=af_db, project=project, url=url, file=file)
        assert it.run("plan", "--out", str(it.file)).code == 0
        yield it


@pytest.mark.usefixtures("own_scratch_server")
def test_a_reviewed_plan_runs_and_once_is_enough(reviewed: Reviewed) -> None:
    first, second = reviewed.run_plan(), reviewed.run_plan()

    assert [outcome.code for outcome in (first, second)] == [0, 0]
    assert [item["revision"] for item in first.document["applied"]] == ["002"]
    assert second.document["applied"] == []


@contextlib.contextmanager
def copied_database(url: str) -> Iterator[tuple[str, str]]:
    """A copy of a database on the same server, gone after the block: its URL, and the original's name."""
    address, _, name = url.rpartition("/")
    connection = psycopg2.connect(f"{address}/postgres")
    connection.autocommit = True
    with contextlib.closing(connection), connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}_other TEMPLATE {name} STRATEGY file_copy")
        try:
            yield f"{url}_other", name
        finally:
            cursor.execute(f"DROP DATABASE {name}_other WITH (FORCE)")


@pytest.mark.parametrize("way", [["+1"], ["--downgrade=-1"]], ids=["upgrade", "downgrade"])
@pytest.mark.slow
def test_a_plan_with_a_relative_target_is_carried_out_once(reviewed: Reviewed, way: list[str]) -> None:
    direction = "upgrade" if way == ["+1"] else "downgrade"
    if direction == "downgrade":
        assert reviewed.run_plan().code == 0
    assert reviewed.run("plan", *way, "--out", str(reviewed.file)).code == 0

    first, second = (
        reviewed.run(direction, "--yes", "--json", "--plan", str(reviewed.file)) for _ in range(2)
    )

    assert [outcome.code for outcome in (first, second)] == [0, 0]
    assert [item["revision"] for item in first.document["applied"]] == ["002"]
    assert second.document["applied"] == []


@pytest.mark.slow
def test_where_a_relative_target_would_mean_another_one_the_plan_is_stale(reviewed: Reviewed) -> None:
    reviewed.project.add("003", "002")
    assert reviewed.run("plan", "+2", "--out", str(reviewed.file)).code == 0
    assert reviewed.run("upgrade", "002", "--yes", "--no-rehearsal").code == 0

    outcome = reviewed.run_plan()

    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert "database is at: 001 in the plan, 002 now" in outcome.error["message"]


@pytest.mark.slow
def test_another_database_that_is_where_the_plan_leads_has_not_carried_it_out(reviewed: Reviewed) -> None:
    assert reviewed.run_plan().code == 0

    with copied_database(reviewed.url) as (other, name):
        outcome = reviewed.run_plan(url=other)

    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert f"database: {name} in the plan, {name}_other now" in outcome.error["message"]


def test_the_file_names_all_that_decides(reviewed: Reviewed) -> None:
    document = json.loads(reviewed.file.read_text())

    assert document["format"] == 2
    assert document["before"] == ["001"]
    assert document["after"] == ["002"]
    (revision,) = document["revisions"]
    assert revision["file"] == "002_step_002.py"
    assert revision["statements"][0]["sql"].startswith("CREATE TABLE t002")
    assert document["identity"]["system_identifier"].isdigit()
    for name in (
        "af_db_version",
        "alembic_version",
        "env_py_sha256",
        "catalog_sha256",
        "expires_at",
        "salt",
        "sha256",
    ):
        assert document[name]


def edit_file(reviewed: Reviewed) -> None:
    path = reviewed.project.versions / "002_step_002.py"
    path.write_text(path.read_text() + "\n# edited\n")


def edit_sql(reviewed: Reviewed) -> None:
    path = reviewed.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("sa.Integer", "sa.BigInteger"))


def edit_env_py(reviewed: Reviewed) -> None:
    reviewed.project.env_py.write_text(reviewed.project.env_py.read_text() + "\n# edited\n")


def move_on(reviewed: Reviewed) -> None:
    reviewed.project.add("003", "002")
    assert reviewed.run("upgrade", "--yes", "--no-rehearsal").code == 0


def add_revision(reviewed: Reviewed) -> None:
    reviewed.project.add("003", "002")


def change_schema(reviewed: Reviewed) -> None:
    reviewed.execute("ALTER TABLE t001 ADD COLUMN by_hand text")


def tamper(reviewed: Reviewed) -> None:
    reviewed.file.write_text(
        reviewed.file.read_text().replace('"before": [\n    "001"', '"before": [\n    "000"')
    )


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        pytest.param(edit_file, "stale-plan", "002_step_002.py (SHA-256)", id="a revision was edited"),
        pytest.param(edit_sql, "stale-plan", "the SQL of 002: statement 1", id="other SQL"),
        pytest.param(edit_env_py, "stale-plan", "env.py (SHA-256)", id="env.py was edited"),
        pytest.param(move_on, "stale-plan", "database is at: 001 in the plan, 003 now", id="moved on"),
        pytest.param(
            add_revision, "stale-plan", "leads to: 002 in the plan, 003 now", id="one more revision"
        ),
        pytest.param(change_schema, "stale-plan", "catalog of the database", id="the schema was changed"),
        pytest.param(tamper, "plan-tampered", "was changed after af-db wrote it", id="tampered with"),
    ],
)
def test_a_plan_that_differs_is_refused_by_name(
    reviewed: Reviewed, change: Callable[[Reviewed], None], code: str, named: str
) -> None:
    change(reviewed)
    before = reviewed.current()

    outcome = reviewed.run_plan()

    assert outcome.code == 4
    assert outcome.error["code"] == code
    assert named in outcome.error["message"]
    assert reviewed.current() == before


def imports_a_module(reviewed: Reviewed, name: str) -> Path:
    """Have 002 import this module of the project while it runs, and make a new plan."""
    module = reviewed.project.root / f"{name}.py"
    module.write_text("TEXT = 'one'\n")
    path = reviewed.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("op.create_table", f"import {name}; op.create_table"))
    assert reviewed.run("plan", "--out", str(reviewed.file)).code == 0
    return module


def test_a_plan_names_the_projects_modules_that_were_imported(reviewed: Reviewed) -> None:
    module = imports_a_module(reviewed, "named_in_a_plan")
    sha256 = hashlib.sha256(module.read_bytes()).hexdigest()

    document = json.loads(reviewed.file.read_text())
    named, salt = document["files"], document["salt"]

    salted = hmac.new(salt.encode(), sha256.encode(), hashlib.sha256).hexdigest()
    assert {"file": "named_in_a_plan.py", "sha256": salted} in named
    assert not [item for item in named if "002" in item["file"] or "env.py" in item["file"]]
    assert reviewed.run_plan().code == 0


@pytest.mark.parametrize("rehearsed", ["true", "false"])
@pytest.mark.parametrize("change", ["edited", "gone"])
def test_a_plan_whose_modules_have_changed_is_refused(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, change: str, rehearsed: str
) -> None:
    name = f"is_{change}_{rehearsed}"
    module = imports_a_module(reviewed, name)
    if change == "edited":
        module.write_text("TEXT = 'two'\n")
    else:
        module.unlink()
    monkeypatch.setenv("AF_DB_REHEARSAL", rehearsed)

    outcome = reviewed.run_plan()

    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan"), outcome.err
    assert f"{name}.py (SHA-256): " in outcome.error["message"]
    assert reviewed.current() == "001"


@pytest.mark.slow
def test_a_module_that_a_rehearsed_plan_does_not_name_is_refused(reviewed: Reviewed) -> None:
    """It may have taken the place of a library's."""
    path = reviewed.project.versions / "002_step_002.py"
    text = path.read_text().replace(
        "op.create_table",
        "import importlib.util as u; u.find_spec('is_new') and __import__('is_new')\n    op.create_table",
    )
    path.write_text(text)
    assert reviewed.run("plan", "--out", str(reviewed.file)).code == 0
    (reviewed.project.root / "is_new.py").write_text("")

    outcome = reviewed.run_plan()

    assert (outcome.code, outcome.error["code"]) == (4, "stale-plan")
    assert "is_new.py (SHA-256): none in the plan, " in outcome.error["message"]


def test_a_plan_of_another_database_is_refused(reviewed: Reviewed) -> None:
    with copied_database(reviewed.url) as (other, name):
        outcome = reviewed.run_plan(url=other)

    assert outcome.code == 4
    assert outcome.error["code"] == "stale-plan"
    assert f"database: {name} in the plan, {name}_other now" in outcome.error["message"]


def test_an_expired_plan_is_refused(reviewed: Reviewed) -> None:
    assert reviewed.run("plan", "--out", str(reviewed.file), "--valid-for", "0s").code == 0

    outcome = reviewed.run_plan()

    assert (outcome.code, outcome.error["code"]) == (4, "plan-expired")
    assert reviewed.current() == "001"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("not json", "it is not JSON", id="no JSON"),
        pytest.param("{}", "it has no format", id="another document"),
        pytest.param('{"format": 99}', "has the format 99", id="a newer format"),
    ],
)
def test_a_file_that_is_no_plan_is_refused(reviewed: Reviewed, content: str, said: str) -> None:
    reviewed.file.write_text(content)

    outcome = reviewed.run_plan()

    assert outcome.code in (2, 4)
    assert said in outcome.error["message"]
    assert reviewed.current() == "001"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"revisions": [{"id": "002"}]}, "revisions.0.file: Field required", id="a key is gone"),
        pytest.param({"before": "001"}, "before: Input should be a valid", id="another type"),
        pytest.param({"expires_at": "2030-01-01T00:00:00"}, "expires_at: ", id="a time without a zone"),
    ],
)
def test_a_forged_plan_is_refused(reviewed: Reviewed, change: dict[str, object], said: str) -> None:
    document = json.loads(reviewed.file.read_text()) | change
    del document["sha256"]
    sha256 = hashlib.sha256(json.dumps(document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    reviewed.file.write_text(json.dumps({**document, "sha256": sha256}))

    outcome = reviewed.run_plan()

    assert (outcome.code, outcome.error["code"]) == (2, "no-plan")
    assert said in outcome.error["message"]
    assert "af-db prod plan --out" in outcome.error["next_steps"][0]
    assert reviewed.current() == "001"


def test_a_plan_cannot_be_saved_over_a_folder(reviewed: Reviewed, tmp_path: Path) -> None:
    outcome = reviewed.run("plan", "--json", "--out", str(tmp_path))

    assert (outcome.code, outcome.error["code"]) == (2, "cannot-write-plan")
    assert str(tmp_path) in outcome.error["message"]


def test_a_plan_runs_in_its_own_direction_only(reviewed: Reviewed) -> None:
    outcome = reviewed.run("downgrade", "--yes", "--json", "--plan", str(reviewed.file))

    assert (outcome.code, outcome.error["code"]) == (2, "plan-direction")


@pytest.mark.slow
def test_the_way_back_can_be_planned_and_run(reviewed: Reviewed) -> None:
    assert reviewed.run("upgrade", "--yes", "--no-rehearsal").code == 0
    assert reviewed.run("plan", "--downgrade", "001", "--out", str(reviewed.file)).code == 0

    outcome = reviewed.run("downgrade", "--yes", "--json", "--plan", str(reviewed.file))

    assert outcome.code == 0
    assert reviewed.current() == "001"


@pytest.mark.slow
def test_what_the_review_found_counts_where_nothing_can_be_rehearsed(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that deletes data needs its consent on a machine without a scratch server too."""
    reviewed.execute("INSERT INTO t001 VALUES (1)")
    path = reviewed.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("op.create_table", 'op.drop_table("t001"); op.create_table'))
    assert reviewed.run("plan", "--out", str(reviewed.file)).code == 0
    monkeypatch.setenv("AF_DB_REHEARSAL", "false")

    refused = reviewed.run_plan()
    allowed = reviewed.run("upgrade", "--yes", "--plan", str(reviewed.file), "--allow", "deletes-data")

    assert (refused.code, refused.error["code"]) == (4, "needs-consent")
    assert "--allow" in refused.error["message"]
    assert "deletes-data" in refused.error["message"]
    assert allowed.code == 0, allowed.err


@pytest.mark.parametrize("rehearsed", ["true", "false"])
@pytest.mark.slow
def test_the_refusal_has_the_whole_command_to_run(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch, rehearsed: str
) -> None:
    reviewed.execute("INSERT INTO t001 VALUES (1)")
    path = reviewed.project.versions / "002_step_002.py"
    path.write_text(path.read_text().replace("op.create_table", 'op.drop_table("t001"); op.create_table'))
    assert reviewed.run("plan", "--out", str(reviewed.file)).code == 0
    monkeypatch.setenv("AF_DB_REHEARSAL", rehearsed)
    typed = ["--json", "--yes", "--allow", "irreversible", "--lock-wait", "5s", "--plan", str(reviewed.file)]

    refused = reviewed.run("upgrade", *typed)
    command = refused.error["next_steps"][-1].partition(": ")[2]

    assert (refused.code, refused.error["code"]) == (4, "needs-consent")
    assert command.startswith("af-db prod upgrade --yes --lock-wait 5s --plan ")
    assert command.count("--allow") == 1
    assert reviewed.run(*shlex.split(command)[2:]).code == 0
    assert reviewed.current() == "002"


def test_the_project_decides_over_the_environment(
    reviewed: Reviewed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (reviewed.project.root / "pyproject.toml").write_text("[tool.af-db]\nrequire-rehearsal = true\n")
    monkeypatch.setenv("AF_DB_REHEARSAL", "false")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", "postgresql://nobody:x@127.0.0.1:1/postgres")

    outcome = reviewed.run("upgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"]) == (4, "rehearsal-required")


def test_a_plan_and_another_revision_are_one_too_many(reviewed: Reviewed) -> None:
    outcome = reviewed.run("upgrade", "001", "--yes", "--json", "--plan", str(reviewed.file))

    assert (outcome.code, outcome.error["code"]) == (2, "usage")


def test_a_downgrade_needs_a_revision_or_a_plan(reviewed: Reviewed) -> None:
    outcome = reviewed.run("downgrade", "--yes", "--json")

    assert (outcome.code, outcome.error["code"]) == (2, "usage")
