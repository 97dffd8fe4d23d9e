"""A revision whose id the version table cannot have is refused before anything runs."""

import pytest

from tests.commands import CommandLine
from tests.integration.tables import tables
from tests.projects import AlembicProject

LONG = "a_revision_whose_id_says_all_that_it_does"
WIDEN = 'op.execute("ALTER TABLE alembic_version ALTER COLUMN version_num TYPE varchar(64)")'


def test_an_id_that_is_too_long_is_refused(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.add(LONG, "003", "op.execute('CREATE TABLE made (a int)')")

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert (refused.code, refused.error["code"]) == (2, "bad-revision-id")
    assert f"{LONG} cannot be recorded: the version table takes ids of at most 32" in refused.error["message"]
    assert refused.error["state"] == "not touched"
    assert tables(postgresql_url) == set()
    assert af_db("local", "upgrade", "003", cwd=project.root, url=postgresql_url).code == 0
    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 2


@pytest.mark.parametrize("at_once", [True, False], ids=["in the same plan", "before"])
def test_the_server_is_asked_how_long_it_may_be(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, at_once: bool
) -> None:
    project.add("004", "003", WIDEN)
    project.add(LONG, "004")
    if not at_once:
        assert af_db("local", "upgrade", "004", cwd=project.root, url=postgresql_url).code == 0

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0

    assert af_db("current", cwd=project.root, url=postgresql_url).out == f"{LONG} (head)\n"


def test_the_version_table_to_widen_is_named_as_it_is(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    text = project.env_py.read_text()
    project.env_py.write_text(
        text.replace("context.configure(", "context.configure(version_table='Shop', ", 1)
    )
    project.add(LONG, "003")

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert 'ALTER TABLE public."Shop" ALTER COLUMN version_num' in refused.error["next_steps"][1]


def test_sqlite_has_no_such_limit(af_db: CommandLine, project: AlembicProject, sqlite_url: str) -> None:
    project.add(LONG, "003")

    assert af_db("local", "upgrade", cwd=project.root, url=sqlite_url).code == 0


def test_an_id_with_a_quotation_mark_is_refused(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add("it's", "003", "op.execute('CREATE TABLE made (a int)')", name="004_it_s.py")

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert (refused.code, refused.error["code"]) == (2, "bad-revision-id")
    assert "it's cannot be recorded" in refused.error["message"]
    assert tables(database_url) == set()
