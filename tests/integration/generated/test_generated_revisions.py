"""What a run says of a revision that nobody thought of is what a second connection finds.

``AF_DB_TEST_GENERATED=5000`` tries so many, others each time.
"""

import os
import tempfile
from pathlib import Path

import psycopg2
from hypothesis import HealthCheck, given, settings

from agent_factory.url import DatabaseURL
from tests.commands import CommandLine, Outcome
from tests.integration.generated.programs import PREAMBLE, SETUP, programs
from tests.postgres import new_database
from tests.projects import AlembicProject, make_project

EXAMPLES = int(os.environ.get("AF_DB_TEST_GENERATED", "100"))
ARE_THE_SAME = "AF_DB_TEST_GENERATED" not in os.environ
"""Each run of the suite tries the same ones; others are for who asks for them."""
WRITES_UNSEEN = ("ROLLBACK TO", "TEMPORARY", "pg_temp")
"""What gives a transaction an id, and leaves nothing that another session could see."""


@settings(
    max_examples=EXAMPLES,
    derandomize=ARE_THE_SAME,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(source=programs())
def test_what_is_said_is_what_is_there(af_db: CommandLine, server_url: DatabaseURL, source: str) -> None:
    with tempfile.TemporaryDirectory() as folder, new_database(server_url) as url:
        project = make_project(Path(folder) / f"project_{Path(folder).name}", tables=0)
        project.add("001", None, "\n".join(f"op.execute({sql!r})" for sql in SETUP))
        assert af_db("local", "upgrade", "--json", cwd=project.root, url=url).code == 0
        path = project.add("002", "001", source)
        path.write_text(path.read_text().replace("\ndef upgrade", f"\n{PREAMBLE}\ndef upgrade", 1))
        ended = af_db("local", "upgrade", "--json", cwd=project.root, url=url)
        judge(ended, url, project, source)


def judge(ended: Outcome, url: str, project: AlembicProject, source: str) -> None:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT version_num FROM alembic_version")
        version = [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT n FROM effects")
        found = {int(row[0]) for row in cursor.fetchall()}
        cursor.execute(
            "SELECT substr(relname, 8) FROM pg_class WHERE relname LIKE 'effect\\_%'"
            " AND relnamespace = 'public'::regnamespace"
        )
        found |= {int(row[0]) for row in cursor.fetchall()}
        cursor.execute("SELECT relname FROM pg_class WHERE relname LIKE 'ix\\_%'")
        has_index = bool(cursor.fetchall())
        cursor.execute("SELECT state, statements FROM af_db.journal WHERE revision = '002' ORDER BY id")
        journal = cursor.fetchall()
    connection.close()
    done = project.versions / "done.txt"
    did = {int(line.split()[1]) for line in done.read_text().splitlines()} if done.exists() else set()
    states = [state for state, _statements in journal]
    if ended.code == 0:
        assert version == ["002"]
        assert found == did
        assert states[-1] == "applied"
        return
    outcomes = {item["revision"]: item["outcome"] for item in ended.error["revisions"]}
    state = ended.error["state"]
    assert version == ["001"]
    if ended.code == 7:
        assert not found
        assert not has_index
        assert state == "rolled back; at 001"
        assert outcomes == {"002": "not applied"}
        assert "started" not in states
        return
    assert ended.code == 8, ended
    assert states.count("started") == 1
    if "is not known" in state:
        assert outcomes == {"002": "unknown"}
    else:
        assert state == "at 001; a part of 002 is committed"
        assert outcomes == {"002": "partly committed"}
        assert found or has_index or any(words in source for words in WRITES_UNSEEN)
