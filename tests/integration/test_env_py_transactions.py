"""env.py files that begin a transaction of their own around Alembic's: each revision is one all the same."""

import pytest

from tests.commands import CommandLine
from tests.env_py_files import A_TRANSACTION_AROUND
from tests.env_py_files import HEAD as ENGINE
from tests.integration.tables import tables_made
from tests.projects import AlembicProject

HEAD = """
from alembic import context

connection = context.config.attributes["connection"]
"""

BLOCK = """
with connection.begin():
    context.configure(connection=connection, target_metadata=None)
    context.run_migrations()
"""

BLOCK_AROUND_ALEMBICS = """
with connection.begin():
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""

ALEMBICS_OWN = """
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""

AUTOBEGUN = """
import sqlalchemy as sa
connection.execute(sa.text("SELECT 1"))
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""

BEGUN_BY_THE_DRIVER = """
connection.connection.cursor().execute("SELECT 1")
context.configure(connection=connection, target_metadata=None)
with context.begin_transaction():
    context.run_migrations()
"""

CLOSED = """
with connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""

FORMS = {
    "closed": CLOSED,
    "commit": A_TRANSACTION_AROUND,
    "with": BLOCK,
    "both": BLOCK_AROUND_ALEMBICS,
    "statement before": AUTOBEGUN,
    "cursor of the driver": BEGUN_BY_THE_DRIVER,
}


@pytest.fixture(params=FORMS)
def own_transaction(request: pytest.FixtureRequest, project: AlembicProject) -> AlembicProject:
    project.env_py.write_text(HEAD + FORMS[request.param])
    return project


def test_every_revision_is_committed_and_env_py_ends_in_peace(
    af_db: CommandLine, own_transaction: AlembicProject, database_url: str
) -> None:
    ended = af_db("local", "upgrade", "--json", cwd=own_transaction.root, url=database_url)

    assert ended.code == 0, ended.out
    assert tables_made(database_url) == {"t001", "t002", "t003"}
    assert af_db("current", "--check-heads", cwd=own_transaction.root, url=database_url).code == 0
    assert af_db("local", "downgrade", "base", "--yes", cwd=own_transaction.root, url=database_url).code == 0
    assert tables_made(database_url) == set()


def test_an_autocommit_block_works_behind_a_statement_of_env_py(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(HEAD + AUTOBEGUN)
    build = "op.create_index('ix', 't003', ['id'], postgresql_concurrently=True)"
    project.add("004", "003", f"with op.get_context().autocommit_block():\n    {build}")

    assert af_db("local", "upgrade", cwd=project.root, url=postgresql_url).code == 0


def test_a_revision_that_fails_is_rolled_back_alone(
    af_db: CommandLine, own_transaction: AlembicProject, database_url: str
) -> None:
    own_transaction.add(
        "003", "002", 'op.create_table("half")\nraise ValueError("no")', name="003_step_003.py"
    )

    ended = af_db("local", "upgrade", "--json", cwd=own_transaction.root, url=database_url)

    assert ended.code == 7, ended.out
    assert ended.error["state"] == "rolled back; at 002"
    assert tables_made(database_url) == {"t001", "t002"}
    assert af_db("current", cwd=own_transaction.root, url=database_url).out.startswith("002")


def test_it_is_rehearsed_and_checked(
    af_db: CommandLine,
    own_transaction: AlembicProject,
    postgresql_url: str,
    scratch_server: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)
    where = {"cwd": own_transaction.root, "url": postgresql_url}

    upgraded = af_db("prod", "upgrade", "--yes", "--json", **where)  # type: ignore[arg-type]

    assert upgraded.code == 0, upgraded.out
    assert tables_made(postgresql_url) == {"t001", "t002", "t003"}
    assert af_db("prod", "check", **where).code == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("form", [A_TRANSACTION_AROUND, BLOCK], ids=["commit", "with"])
def test_what_env_py_raises_after_the_last_revision_is_not_rolled_back(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, form: str
) -> None:
    project.env_py.write_text(
        f"{HEAD}{form}\nimport sqlalchemy as sa\n"
        "is_read_only = connection.get_execution_options().get('postgresql_readonly')\n"
        "if not is_read_only and sa.inspect(connection).has_table('t003'):\n"
        "    raise ValueError('too late')\n"
    )

    ended = af_db("local", "upgrade", "--json", cwd=project.root, url=postgresql_url)

    assert tables_made(postgresql_url) >= {"t001"}, ended.out
    assert ended.code == 8, ended.out
    assert "rolled back" not in ended.error["state"]
    assert ended.error["state"] == "at 003; every revision is committed"
    assert "env.py, line" in ended.error["message"]
    assert {item["outcome"] for item in ended.error["revisions"]} == {"applied"}


CALLBACK = """
import sqlalchemy as sa

def applied(ctx, step, heads, run_args, **_facts):
    ctx.connection.execute(sa.text("INSERT INTO t001 DEFAULT VALUES"))
    ctx.connection.{ends}()
    {then}

context.configure(connection=connection, target_metadata=None, on_version_apply=applied)
with context.begin_transaction():
    context.run_migrations()
"""


def test_a_callback_that_commits_commits_what_is_recorded(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.env_py.write_text(HEAD + CALLBACK.format(ends="commit", then=""))

    ended = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert ended.code == 0, ended.out
    assert tables_made(database_url) == {"t001", "t002", "t003"}
    assert af_db("current", "--check-heads", cwd=project.root, url=database_url).code == 0


@pytest.mark.parametrize(
    ("ends", "then", "at"), [("flush", "", "base"), ("commit", "raise ValueError('enough')", "001")]
)
def test_a_callback_that_fails_is_reported_with_where_the_database_is(
    af_db: CommandLine, project: AlembicProject, database_url: str, ends: str, then: str, at: str
) -> None:
    project.env_py.write_text(HEAD + CALLBACK.format(ends=ends, then=then))

    ended = af_db("local", "upgrade", "--json", cwd=project.root, url=database_url)

    assert ended.code in (7, 8), ended.out
    assert f"at {at}" in ended.error["state"], ended.out
    made = {"t001"} if at == "001" else set()
    assert tables_made(database_url) == made
    outcome = next(item["outcome"] for item in ended.error["revisions"] if item["revision"] == "001")
    assert outcome == ("applied" if at == "001" else "not applied")


def test_a_run_in_autocommit_moves_the_version_with_each_revision(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    project.env_py.write_text(
        HEAD.rstrip()
        + '.execution_options(isolation_level="AUTOCOMMIT")\n'
        + "context.configure(connection=connection, target_metadata=None)\n"
        + "with context.begin_transaction():\n    context.run_migrations()\n"
    )

    for arguments, revision in (
        (("upgrade", "002"), "002"),
        (("upgrade",), "003"),
        (("downgrade", "001"), "001"),
    ):
        outcome = af_db("local", *arguments, "--yes", cwd=project.root, url=postgresql_url)

        assert outcome.code == 0, outcome.err
        current = af_db("current", cwd=project.root, url=postgresql_url)
        assert current.out.split()[0] == revision


ENDED_BY_ITSELF = """
transaction = connection.begin()
context.configure(connection=connection, target_metadata=None)
context.run_migrations()
transaction.{how}()
"""


@pytest.mark.parametrize("head", [HEAD, f"{ENGINE}connection = engine.connect()\n"], ids=["given", "lent"])
def test_an_env_py_that_tries_revisions_and_rolls_back_runs_none(
    af_db: CommandLine, project: AlembicProject, database_url: str, head: str
) -> None:
    project.env_py.write_text(head + ENDED_BY_ITSELF.format(how="rollback"))

    for arguments in (("current",), ("local", "plan"), ("local", "upgrade")):
        outcome = af_db(*arguments, "--json", cwd=project.root, url=database_url)

        assert (outcome.code, outcome.error["code"]) == (2, "env-py-contract")
        assert "rolls back after run_migrations()" in outcome.error["message"]
    assert tables_made(database_url) == set()

    project.env_py.write_text(head + ENDED_BY_ITSELF.format(how="commit"))

    assert af_db("local", "upgrade", cwd=project.root, url=database_url).code == 0


@pytest.mark.parametrize("head", [HEAD, f"{ENGINE}connection = engine.connect()\n"], ids=["given", "lent"])
def test_a_rollback_of_what_env_py_does_afterwards_is_nothing_to_the_revisions(
    af_db: CommandLine, project: AlembicProject, database_url: str, head: str
) -> None:
    after = "\nconnection.execute(sa.text('SELECT 1'))\nconnection.rollback()\nconnection.close()\n"
    project.env_py.write_text(f"import sqlalchemy as sa\n{head}{ALEMBICS_OWN}{after}")

    assert af_db("local", "upgrade", cwd=project.root, url=database_url).code == 0
    assert tables_made(database_url) == {"t001", "t002", "t003"}
