"""An env.py that makes an engine of its own is rehearsed on the copy, whatever address its engine has."""

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.env_py_files import BY_ITSELF, IN_APP, LOCKS, LOGGING, PLACEHOLDER, TEMPLATES
from tests.integration.tables import tables_made
from tests.projects import AlembicProject

KINDS = {
    "async": (TEMPLATES / "async" / "env.py").read_text(),
    "a setting": BY_ITSELF["an engine of its own"].replace('os.environ["DATABASE_URL"]', "{url!r}"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_rehearsed_on_the_copy_and_runs_on_the_original(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, kind: str
) -> None:
    project.env_py.write_text(KINDS[kind].replace("{url!r}", repr(postgresql_url)))
    project.config.write_text(f"{project.config.read_text()}sqlalchemy.url = {PLACEHOLDER}\n{LOGGING}")
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE seen (tag text);"
            "CREATE FUNCTION note() RETURNS event_trigger LANGUAGE plpgsql AS"
            " $$BEGIN INSERT INTO seen VALUES (tg_tag); END$$;"
            "CREATE EVENT TRIGGER sees ON ddl_command_end EXECUTE FUNCTION note()"
        )

    planned = af_db("prod", "plan", "--json", cwd=project.root, url=postgresql_url)

    assert planned.code == 0, planned.err
    assert any("an engine of its own" in note for note in planned.document["review"]["notes"])
    assert [len(each["statements"]) for each in planned.document["review"]["revisions"]] == [1, 1, 1]
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("TABLE seen")
        assert cursor.fetchall() == []
    ran = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=postgresql_url)
    assert [each["revision"] for each in ran.document["applied"]] == ["001", "002", "003"]
    assert {each["other_statements"] for each in ran.document["applied"]} == {None}
    assert tables_made(postgresql_url) == {"seen", "t001", "t002", "t003"}
    checked = af_db("prod", "check", "--json", cwd=project.root, url=postgresql_url)
    drift = [each["object"] for each in checked.document["findings"] if each["code"] == "drift"]
    assert len(drift) == 3, drift  # what this test made by hand


@pytest.mark.parametrize("kind", sorted(IN_APP))
def test_what_it_sets_holds_in_the_rehearsal_too(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, kind: str
) -> None:
    project.env_py.write_text(IN_APP[kind])
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA app")

    ran = af_db("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert ran.code == 0, ran.err
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 't00_'")
        assert cursor.fetchall() == [("app",)]


def test_a_lock_that_it_takes_before_the_first_revision_is_no_part_of_that(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(LOCKS)

    ran = af_db("prod", "upgrade", "--yes", cwd=project.root, url=postgresql_url)

    assert ran.code == 0, ran.err
    assert tables_made(postgresql_url) == {"t001", "t002", "t003"}
    assert af_db("prod", "downgrade", "base", "--yes", cwd=project.root, url=postgresql_url).code == 0
