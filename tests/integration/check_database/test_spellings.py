"""A dump that is restored is the same database, in other words; and no change is hidden by that."""

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_factory.migrate.catalog import Catalog, read_catalog, spelled_differently
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.scratch.installations import find_pg_dump
from agent_factory.url import parse_url
from tests.commands import CommandLine
from tests.integration.check_database.conftest import Checked
from tests.integration.check_database.spelled import EVERY_KIND, SPELLED
from tests.postgres import FOR_SCRATCH, Server, new_database, server_folders, throwaway_server
from tests.projects import AlembicProject, make_project

IN_EVERY_TEST_RUN = (16, 18)
"""The versions of the wheel; others are of this machine."""

OLDEST = 15

ADD_COLUMN = 'op.execute("ALTER TABLE app.t ADD COLUMN n int")'
RENAME_COLUMN = 'op.execute("ALTER TABLE app.t RENAME COLUMN status TO state")'
DEPENDS_ON_ROWS = """
if op.get_bind().exec_driver_sql("SELECT count(*) FROM app.t").scalar():
    op.execute("ALTER TABLE app.t DROP CONSTRAINT ck, ADD CONSTRAINT ck CHECK (status IN ('new', 'gone'))")
op.execute("ALTER TABLE app.t ADD COLUMN n int")
"""


def servers() -> list[object]:
    return [
        pytest.param(
            (major, major),
            id=f"postgresql-{major}",
            marks=[] if major in IN_EVERY_TEST_RUN else [pytest.mark.slow],
        )
        for major in sorted(server_folders())
        if major >= OLDEST
    ]


@pytest.fixture(scope="module", params=servers())
def servers_of_major(request: pytest.FixtureRequest) -> Iterator[tuple[Server, Server, int]]:
    """Production's server and one for rehearsals, of each version."""
    major, of_scratch = request.param
    with (
        throwaway_server(major) as server,
        throwaway_server(of_scratch, settings=FOR_SCRATCH) as scratch,
    ):
        yield server, scratch, major


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Production as the migrations made it, and another that was restored from a dump of it."""

    made: Checked
    restored: Checked


@pytest.fixture
def history(tmp_path: Path) -> AlembicProject:
    project = make_project(tmp_path / "spelled")
    project.add("001", None, f"op.execute({EVERY_KIND!r})")
    return project


@pytest.fixture
def production(
    af_db: CommandLine,
    history: AlembicProject,
    servers_of_major: tuple[Server, Server, int],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Restored]:
    server, scratch, major = servers_of_major
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch.url("postgres"))
    where = parse_url(server.url("postgres"))
    with new_database(where) as made, new_database(where) as restored:
        first = Checked(af_db=af_db, project=history, url=made, group="prod")
        outcome = first.run("upgrade", "--yes", "--no-rehearsal")
        assert outcome.code == 0, outcome.err
        restore(server, major, made, restored)
        second = Checked(af_db=af_db, project=history, url=restored, group="prod")
        yield Restored(made=first, restored=second)


def restore(server: Server, major: int, made: str, restored: str) -> None:
    """Dump and restore it, with the clients of the server's version, or of a newer one where it has none."""
    pg_dump = find_pg_dump(major, near=server.bin_dir)
    assert pg_dump is not None
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    dump = subprocess.run([pg_dump, made], env=environment, capture_output=True, check=True)
    psql: list[str | Path] = [pg_dump.with_name("psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", restored]
    subprocess.run(psql, env=environment, input=dump.stdout, capture_output=True, check=True)


def catalog(url: str) -> Catalog:
    with connect(Target(url=parse_url(url), environment=Environment.LOCAL), read_only=True) as connection:
        return read_catalog(connection)


def findings(checked: Checked) -> set[str]:
    """All but that a migration has left a constraint NOT VALID."""
    found = checked.check()["findings"]
    return {f"{item['message']} [{item['code']}]" for item in found if item["code"] != "constraint-not-valid"}


@pytest.mark.slow
def test_nearly_all_of_it_is_in_other_words(production: Restored) -> None:
    made, restored = (catalog(database.url) for database in (production.made, production.restored))

    same = {one.reported for one in SPELLED.values()} - {
        key for key, _ in spelled_differently(made, restored)
    }

    assert same == {("table", "app.day"), ("publication", "known")}


def test_a_restored_database_has_no_finding(production: Restored) -> None:
    assert findings(production.made) == set()
    assert findings(production.restored) == set()


def test_whatever_is_changed_by_hand_is_found_and_nothing_else_is(production: Restored) -> None:
    for one in SPELLED.values():
        production.restored.execute(one.change)

    assert findings(production.restored) == {
        f"{kind} {name} is not as the migrations make it [drift]"
        for kind, name in (one.reported for one in SPELLED.values())
    }


@pytest.mark.parametrize("change", [ADD_COLUMN, RENAME_COLUMN], ids=["column added", "column renamed"])
def test_a_plan_of_both_runs_without_a_word(production: Restored, change: str) -> None:
    production.made.project.add("002", "001", change)

    for database in (production.made, production.restored):
        plan = database.run("plan", "--json").document
        upgrade = database.run("upgrade", "--yes")

        assert (plan["warnings"], plan["review"]["drift"]) == ([], [])
        assert upgrade.code == 0, upgrade.err
        assert findings(database) == set()


@pytest.mark.slow
def test_what_a_revision_did_to_the_original_alone_is_a_surprise(production: Restored) -> None:
    """The constraint is in other words in the copy from the start."""
    production.made.project.add("002", "001", DEPENDS_ON_ROWS)
    production.made.execute("INSERT INTO app.t (id) VALUES (1)")

    outcome = production.made.run("upgrade", "--yes", "--json", "--allow", "depends-on-data")

    assert (outcome.code, outcome.error["code"]) == (8, "not-as-rehearsed")
    assert "constraint app.t.ck:" in outcome.error["message"]
    assert outcome.error["message"].count("constraint ") == 1


NEW_VIEW = "op.execute(\"CREATE VIEW app.new AS SELECT id FROM app.t WHERE status IN ('a', 'b')\")"


@pytest.mark.parametrize("servers_of_major", [(16, 18)], indirect=True, ids=["copied to 18"])
@pytest.mark.slow
def test_a_server_of_another_version_has_no_other_words_either(production: Restored) -> None:
    production.made.project.add("002", "001", NEW_VIEW)

    for database in (production.made, production.restored):
        assert findings(database) == {"the database is at 001, 1 revision behind [behind]"}
        assert database.run("plan", "--json").document["review"]["drift"] == []
        upgrade = database.run("upgrade", "--yes")
        assert upgrade.code == 0, upgrade.err

    production.restored.execute(SPELLED["view"].change)
    assert findings(production.restored) == {"view app.v is not as the migrations make it [drift]"}
