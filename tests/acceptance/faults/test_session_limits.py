"""Limits of a role's sessions: they are the application's, and end nothing of af-db's."""

import pytest

from tests.acceptance.faults.databases import Database
from tests.acceptance.faults.recipes import lines, make_table
from tests.acceptance.faults.runs import migrate
from tests.acceptance.faults.servers import PGBOUNCER, pgbouncer
from tests.commands import run_process
from tests.projects import AlembicProject

LIMITS = (
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "transaction_timeout",
)
COMMANDS = ("current", "history", "plan", "check")
SLOW = lines(make_table("t002"), "import time", "time.sleep(0.2)", "op.execute('SELECT pg_sleep(0.1)')")
KEEPS_WAITING = "\nimport time\ntime.sleep(0.05)\n"
"""What an env.py does that takes its time: longer than the limits."""


def limit(database: Database, role: str, to: str, *limits: str) -> None:
    """Limit the sessions of a role; what this server does not know is left out."""
    for name in limits:
        if database.value(f"SELECT current_setting('{name}', true)") is not None:
            database.execute(f"ALTER ROLE {role} SET {name} = '{to}'")


@pytest.fixture
def role(migrator: Database) -> str:
    return str(migrator.value("SELECT current_user"))


@pytest.mark.parametrize("limits", [*((name,) for name in LIMITS), LIMITS], ids=lambda limits: limits[-1])
def test_a_limit_of_a_millisecond_ends_nothing(
    project: AlembicProject, migrator: Database, database: Database, role: str, limits: tuple[str, ...]
) -> None:
    project.add("002", "001", SLOW)
    project.env_py.write_text(project.env_py.read_text() + KEEPS_WAITING)
    limit(database, role, "1ms", *limits)

    for command in COMMANDS:
        said = run_process("prod", command, "--json", cwd=project.root, url=migrator.url)
        assert said.code in (0, 3), (command, said.out, said.err)
        assert "error" not in said.document, said.out
    ended = migrate(project, migrator.url)

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"]), ended.outcome.out
    assert ended.warnings("not-rehearsed") == []
    assert run_process("prod", "check", cwd=project.root, url=migrator.url).code == 0


def test_the_copy_of_a_limited_database_is_still_its_own_schema(
    project: AlembicProject, migrator: Database, database: Database, role: str
) -> None:
    """pg_dump has a session of its own."""
    assert migrate(project, migrator.url).code == 0
    project.add("004", "003", "op.execute('ALTER TABLE by_hand ADD COLUMN b integer')")
    database.execute("CREATE TABLE by_hand (a int)", f"ALTER TABLE by_hand OWNER TO {role}")
    limit(database, role, "1ms", *LIMITS)

    ended = migrate(project, migrator.url)

    assert (ended.code, ended.applied) == (0, ["004"]), ended.outcome.out


def test_a_limit_in_the_url_is_asked_for(
    project: AlembicProject, migrator: Database, database: Database, role: str
) -> None:
    limit(database, role, "1ms", *LIMITS)
    project.env_py.write_text(
        project.env_py.read_text().replace(
            "context.configure(", "connection.exec_driver_sql('SELECT pg_sleep(0.4)')\ncontext.configure(", 1
        )
    )

    assert run_process("prod", "plan", cwd=project.root, url=migrator.url).code == 0
    limited = f"{migrator.url}?options=-c%20statement_timeout%3D100ms"
    said = run_process("prod", "plan", "--json", cwd=project.root, url=limited)
    assert said.code != 0
    assert "statement timeout" in said.error["message"]


@pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed (apt-get install pgbouncer)")
@pytest.mark.parametrize(
    ("mode", "option"), [("transaction", "--allow-pooler"), ("session", "--session-pooler")]
)
def test_behind_a_pooler_they_are_lifted_and_left(
    project: AlembicProject, migrator: Database, database: Database, role: str, mode: str, option: str
) -> None:
    """PgBouncer refuses libpq's options; and who gets the same session next has his limits."""
    project.add("002", "001", SLOW.replace("0.2", "0.5").replace("0.1", "0.5"))
    project.env_py.write_text(project.env_py.read_text() + KEEPS_WAITING.replace("0.05", "0.5"))
    limit(database, role, "300ms", *(name for name in LIMITS if name != "idle_session_timeout"))
    with pgbouncer(migrator.url, pool_size=3, mode=mode) as url:
        for command in COMMANDS:
            said = run_process("prod", command, "--json", cwd=project.root, url=url)
            assert said.code in (0, 3), (command, said.out, said.err)
        ended = migrate(project, url, option)
        left = {row for _ in range(3) for row in Database(url=url).rows("SHOW statement_timeout")}

    assert (ended.code, ended.applied) == (0, ["001", "002", "003"]), ended.outcome.out
    assert left == {("300ms",)}


def test_what_a_lock_is_waited_for_is_still_limited(
    project: AlembicProject, migrator: Database, database: Database, role: str
) -> None:
    """The limits of a run are af-db's own."""
    limit(database, role, "1ms", *LIMITS)
    assert migrate(project, migrator.url, "001").code == 0
    project.add("002", "001", 'op.execute("ALTER TABLE t001 ADD COLUMN a integer")')
    with database.transaction("SELECT * FROM t001"):
        ended = migrate(project, migrator.url, "--retry-for", "500ms")
    assert (ended.code, ended.error["code"]) == (7, "lock-timeout")

    project.add("002", "001", "op.execute('SELECT pg_sleep(20)')")
    ended = migrate(project, migrator.url, "--statement-timeout", "300ms")
    assert (ended.code, ended.error["code"]) == (7, "statement-timeout")
