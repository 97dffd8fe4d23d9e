"""What a revision sends by a cursor of the driver's is in its plan: SQLAlchemy does not know of it."""

import psycopg2
import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

CURSOR = "import io\ncursor = op.get_bind().connection.cursor()\n"


@pytest.fixture
def url(af_db: CommandLine, project: AlembicProject, postgresql_url: str) -> str:
    """Production at 003, with a row in t001."""
    assert af_db("prod", "upgrade", "--yes", "--no-rehearsal", cwd=project.root, url=postgresql_url).code == 0
    with psycopg2.connect(postgresql_url) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO t001 VALUES (1)")
    return postgresql_url


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ("cursor.execute('DELETE FROM t001')", "DELETE FROM t001"),
        ("cursor.executemany('DELETE FROM t001 WHERE id > %s', ((n,) for n in (0, 1)))", "id > 0"),
        (
            "import psycopg2.extras\n"
            "psycopg2.extras.execute_values(cursor, 'DELETE FROM t001 WHERE id IN (%s)', [(1,)], '%s')",
            "IN (1)",
        ),
    ],
)
def test_what_it_deletes_wants_a_consent(
    af_db: CommandLine, project: AlembicProject, url: str, call: str, shown: str
) -> None:
    project.add("004", "003", f"{CURSOR}{call}")

    plan = af_db("prod", "plan", "--json", cwd=project.root, url=url).document
    refused = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=url)

    (revision,) = plan["review"]["revisions"]
    assert [shown in statement["sql"] for statement in revision["statements"]] == [True]
    assert (refused.code, refused.error["code"]) == (4, "needs-consent")
    assert "--allow deletes-data" in refused.error["message"]


def test_what_it_builds_outside_of_a_transaction_is_watched(
    af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    build = 'op.get_bind().connection.cursor().execute("CREATE INDEX CONCURRENTLY ix ON t001 (id)")'
    project.add("004", "003", f"with op.get_context().autocommit_block():\n    {build}")

    plan = af_db("prod", "plan", "--json", cwd=project.root, url=url).document

    ((statement,),) = ([*revision["statements"]] for revision in plan["review"]["revisions"])
    assert statement["transactional"] is False
    assert af_db("prod", "upgrade", "--yes", cwd=project.root, url=url).code == 0


@pytest.mark.parametrize(
    "copy", ["cursor.copy_expert('COPY t001 FROM STDIN', rows)", "cursor.copy_from(rows, 't001')"]
)
def test_copy_is_shown_and_is_in_no_file_without_its_rows(
    af_db: CommandLine, project: AlembicProject, url: str, copy: str
) -> None:
    project.add("004", "003", f"{CURSOR}rows = io.StringIO('2\\n')\n{copy}")

    text = af_db("prod", "plan", cwd=project.root, url=url)
    refused = af_db("prod", "plan", "--format", "sql", cwd=project.root, url=url)

    assert "COPY" in text.out
    assert refused.code == 4
    assert "the rows that COPY sends or fetches are not in its text: 004, statement 1" in refused.err
