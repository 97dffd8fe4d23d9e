"""What is said to be committed or rolled back, against what a second connection finds."""

import textwrap

import pytest

from tests.commands import CommandLine, Outcome
from tests.integration.tables import tables_made
from tests.projects import AlembicProject, make_project

MAKE = "op.execute('CREATE TABLE made (n int)')"
RAW = "raw = op.get_bind().connection\ncursor = raw.cursor()"
PROBE = (
    f"{MAKE}\n{RAW}\ntry:\n    cursor.execute('SELECT * FROM maybe')\nexcept Exception:\n    raw.rollback()"
)
PROBED = f"{RAW}\ntry:\n    cursor.execute('SELECT * FROM maybe')\nexcept Exception:\n    pass"
BLOCK = "with op.get_context().autocommit_block():"
TERMINATE = "SELECT pg_terminate_backend(pg_backend_pid())"
FAIL = "raise ValueError('no')"


def in_block(*lines: str) -> str:
    return f"{BLOCK}\n{textwrap.indent(chr(10).join(lines), '    ')}"


@pytest.fixture
def bare(tmp_path_factory: pytest.TempPathFactory) -> AlembicProject:
    """A project at whose 001 nothing happens; 002 is the test's."""
    folder = tmp_path_factory.mktemp("project")
    project = make_project(folder / f"of_{folder.name}")
    project.add("001", None)
    return project


def upgrade(af_db: CommandLine, project: AlembicProject, url: str, source: str) -> Outcome:
    assert af_db("local", "upgrade", "001", "--json", cwd=project.root, url=url).code == 0
    project.add("002", "001", source)
    return af_db("local", "upgrade", "--json", cwd=project.root, url=url)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(PROBE, id="a rollback by hand as the last line"),
        pytest.param(
            f"{MAKE}\n{RAW}\ncursor.execute('ROLLBACK; BEGIN')", id="ROLLBACK and BEGIN as the last"
        ),
        pytest.param(f"{MAKE}\n{RAW}\ncursor.execute('ROLLBACK')", id="ROLLBACK as the last"),
        pytest.param(
            f"{MAKE}\n{RAW}\nraw.rollback()\ncursor.execute('CREATE TABLE other (n int)')", id="goes on"
        ),
        pytest.param(f"{RAW}\ncursor.execute('COMMIT; BEGIN')\n{FAIL}", id="a commit of nothing"),
        pytest.param(f"op.get_bind().commit()\n{FAIL}", id="a commit of nothing by SQLAlchemy"),
        pytest.param(
            f"op.execute('SELECT 1')\n{in_block('op.execute(chr(39))')}", id="a block that does nothing"
        ),
        pytest.param(
            f"op.execute('CREATE TEMPORARY TABLE \"a;commit\" (n int)')\n{FAIL}", id="a name that says commit"
        ),
        pytest.param(in_block("op.execute('UPDATE taken SET n = 2 WHERE false')", FAIL), id="no row updated"),
        pytest.param(in_block("op.execute('SELECT n FROM taken')", FAIL), id="a read"),
        pytest.param(in_block("op.execute('CALL fails()')"), id="a procedure that fails before its commit"),
        pytest.param(
            in_block("op.execute('BEGIN')", "op.execute('CREATE TABLE made (n int)')", FAIL), id="own BEGIN"
        ),
        pytest.param(f"{MAKE}\n{RAW}\nraw.set_isolation_level(0)", id="the driver's isolation level"),
        pytest.param(f"{MAKE}\n{RAW}\nraw.set_client_encoding('LATIN1')", id="the driver's encoding"),
        pytest.param(f"{MAKE}\n{PROBED}\ncursor.execute('ROLLBACK; BEGIN')", id="ROLLBACK after an error"),
        pytest.param(
            in_block(RAW, "cursor.execute('BEGIN')", "cursor.execute('CREATE TABLE made (n int)')", FAIL),
            id="a cursor's own BEGIN",
        ),
        pytest.param(
            in_block(
                "op.execute('BEGIN')",
                "op.execute('SAVEPOINT here')",
                "op.execute('CREATE TABLE made (n int)')",
                RAW,
                "try:\n    cursor.execute('SELECT 1/0')\n"
                "except Exception:\n    cursor.execute('ROLLBACK TO here')",
                FAIL,
            ),
            id="back to a savepoint of its own",
        ),
        pytest.param(
            "op.execute('INSERT INTO later VALUES (77)')\nop.get_bind().commit()",
            id="a commit that fails for what was deferred",
        ),
        pytest.param(
            in_block(
                "op.execute('BEGIN')", "op.execute('CREATE TABLE made (n int)')", "op.execute('SELECT 1/0')"
            ),
            id="a failure after its own BEGIN",
        ),
        pytest.param(
            in_block("op.execute('BEGIN; CREATE TABLE made (n int)')", "op.execute('SELECT 1/0')"),
            id="own BEGIN that is left open",
        ),
        pytest.param(
            f"try:\n    op.execute('SELECT * FROM maybe')\nexcept Exception:\n    op.get_bind().rollback()\n"
            f"{RAW}\ncursor.execute('CREATE TABLE made (n int)')\n{FAIL}",
            id="a cursor behind SQLAlchemy's rollback",
        ),
    ],
)
def test_nothing_is_committed(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str, source: str
) -> None:
    bare.add(
        "001",
        None,
        "op.execute('CREATE TABLE taken (n int PRIMARY KEY)')\n"
        "op.execute('CREATE TABLE later (n int REFERENCES taken DEFERRABLE INITIALLY DEFERRED)')\n"
        "op.execute('CREATE PROCEDURE fails() LANGUAGE plpgsql AS "
        "$$BEGIN CREATE TABLE made (n int); PERFORM 1/0; COMMIT; END$$')",
    )

    ended = upgrade(af_db, bare, postgresql_url, source)

    assert (ended.code, ended.error["state"]) == (7, "rolled back; at 001"), ended.out
    assert ended.error["revisions"] == [{"revision": "002", "outcome": "not applied"}]
    assert tables_made(postgresql_url) == {"taken", "later"}
    assert af_db("local", "upgrade", cwd=bare.root, url=postgresql_url).code == 7  # it is tried again unasked


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(f"{MAKE}\n{RAW}\ncursor.execute('COMMIT; BEGIN')\n{FAIL}", id="COMMIT and BEGIN"),
        pytest.param(f"{MAKE}\n{RAW}\ncursor.execute('COMMIT; BEGIN; SELECT 1/0')", id="and then a failure"),
        pytest.param(f"{MAKE}\n{RAW}\nraw.commit()", id="commit of the driver"),
        pytest.param(
            f"{RAW}\ncursor.execute('CREATE TABLE made (n int)')\nop.get_bind().commit()\n{FAIL}",
            id="a cursor",
        ),
        pytest.param(
            f"{RAW}\ncursor.executemany('CREATE TABLE made (n int) -- %s', [(1,)])\nraw.commit()", id="many"
        ),
        pytest.param(f"op.execute('SELECT makes()')\n{in_block(FAIL)}", id="a function that writes"),
        pytest.param(
            in_block("op.execute('SELECT 1 AS n INTO made')", "op.execute('SELECT 1/0')"), id="SELECT INTO"
        ),
        pytest.param(in_block("op.execute('EXPLAIN ANALYZE SELECT makes()')", FAIL), id="EXPLAIN ANALYZE"),
        pytest.param(
            in_block("op.execute('CALL commits_and_fails()')"), id="a procedure that fails after a commit"
        ),
        pytest.param(
            in_block("op.get_bind().connection.cursor().execute('CREATE TABLE made (n int)')", FAIL),
            id="a cursor in a block",
        ),
        pytest.param(
            in_block(
                "op.execute('BEGIN')", "op.execute('CREATE TABLE made (n int)')", "op.execute('END')", FAIL
            ),
            id="its own BEGIN and END",
        ),
    ],
)
def test_a_part_is_committed(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str, source: str
) -> None:
    bare.add(
        "001",
        None,
        "op.execute('CREATE FUNCTION makes() RETURNS void LANGUAGE plpgsql AS "
        "$$BEGIN CREATE TABLE made (n int); END$$')\n"
        "op.execute('CREATE PROCEDURE commits_and_fails() LANGUAGE plpgsql AS "
        "$$BEGIN CREATE TABLE made (n int); COMMIT; PERFORM 1/0; END$$')",
    )

    ended = upgrade(af_db, bare, postgresql_url, source)

    assert tables_made(postgresql_url) == {"made"}
    assert ended.code == 8, ended.out
    if "commits_and_fails" in source:  # the server does not say what a procedure has committed
        assert ended.error["state"] == "at 001; whether a part of 002 is committed is not known"
        assert ended.error["revisions"] == [{"revision": "002", "outcome": "unknown"}]
    else:
        assert ended.error["state"] == "at 001; a part of 002 is committed"
        assert ended.error["revisions"] == [{"revision": "002", "outcome": "partly committed"}]
    assert af_db("local", "upgrade", cwd=bare.root, url=postgresql_url).code == 4  # not again unasked


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(r"""op.execute("COMMENT ON TABLE made IS E'don\\'t; end of story'")""", id="an escape"),
        pytest.param("op.execute('ALTER TABLE made ADD \"a;rollback\" int')", id="a quoted name"),
        pytest.param("op.execute('/* a /* b */ ; commit */ SELECT 1')", id="comments in comments"),
        pytest.param("op.execute('RESET ALL')", id="RESET ALL"),
        pytest.param("op.execute('DO $$ BEGIN RESET ALL; END $$')", id="RESET ALL in a block"),
        pytest.param("op.execute('SAVEPOINT a')\nop.execute('ROLLBACK TO a')", id="a savepoint"),
        pytest.param(
            "op.execute('CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END')", id="an SQL body"
        ),
        pytest.param(f"{RAW}\ncursor.execute('SELECT 1; SELECT 2')", id="two statements"),
    ],
)
def test_what_only_looks_like_an_end_runs(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str, source: str
) -> None:
    ended = upgrade(af_db, bare, postgresql_url, f"{MAKE}\n{source}")

    assert ended.code == 0, ended.out
    assert tables_made(postgresql_url) == {"made"}


def test_nothing_is_sent_after_an_end_that_nobody_has_heard(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str
) -> None:
    """A cursor made past the connection has ended the transaction: the next statement would be alone."""
    unheard = f"import psycopg2.extensions\n{RAW}\npsycopg2.extensions.cursor(raw.driver_connection)"

    ended = upgrade(af_db, bare, postgresql_url, f"{unheard}.execute('COMMIT')\n{MAKE}")

    assert tables_made(postgresql_url) == set()
    assert (ended.code, ended.error["revisions"]) == (8, [{"revision": "002", "outcome": "unknown"}])
    assert "ends its transaction itself" in ended.error["message"]


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(("COMMIT", "CREATE TABLE made (n int)"), id="COMMIT first"),
        pytest.param(("CREATE TABLE made (n int)", "COMMIT"), id="COMMIT last"),
        pytest.param(("CREATE TABLE made (n int)", "COMMIT; BEGIN"), id="another transaction"),
        pytest.param(("CREATE TABLE made (n int)", "COMMIT; BEGIN; SELECT 1/0"), id="one that has failed"),
    ],
)
def test_what_nobody_has_heard_is_not_called_rolled_back(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str, sent: tuple[str, ...]
) -> None:
    unheard = f"import psycopg2.extensions\n{RAW}\nown = psycopg2.extensions.cursor(raw.driver_connection)"
    executes = "\n".join(f"own.execute({sql!r})" for sql in sent)

    ended = upgrade(af_db, bare, postgresql_url, f"{unheard}\n{executes}\n{FAIL}")

    assert tables_made(postgresql_url) == {"made"}
    assert (ended.code, ended.error["revisions"]) == (8, [{"revision": "002", "outcome": "unknown"}])


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(f"{RAW}\ncursor.execute('COMMIT; {TERMINATE}')", id="a cursor"),
        pytest.param(f"op.execute('COMMIT; {TERMINATE}')", id="an operation"),
    ],
)
def test_what_went_with_the_connection_is_not_called_rolled_back(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str, sent: str
) -> None:
    ended = upgrade(af_db, bare, postgresql_url, f"{MAKE}\n{sent}")

    assert tables_made(postgresql_url) == {"made"}
    assert (ended.code, ended.error["revisions"]) == (8, [{"revision": "002", "outcome": "unknown"}])


def test_the_first_statement_may_choose_the_isolation_level(
    af_db: CommandLine, bare: AlembicProject, postgresql_url: str
) -> None:
    """But for that of a run's first revision: Alembic has read its version table in that transaction."""
    bare.add("002", "001", f"op.execute('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE')\n{MAKE}")
    assert af_db("local", "upgrade", cwd=bare.root, url=postgresql_url).code == 0


@pytest.mark.parametrize(
    ("source", "is_committed"),
    [
        pytest.param(f"{MAKE}\n{RAW}\nraw.commit()\n{FAIL}", True, id="commit of the driver"),
        pytest.param(f"{MAKE}\n{RAW}\nraw.commit()", True, id="and nothing after it"),
        pytest.param(
            f"{MAKE}\n{RAW}\nraw.driver_connection.executescript('SELECT 1')\n{FAIL}", True, id="script"
        ),
        pytest.param(
            f"{MAKE}\n{RAW}\ncursor.execute('COMMIT')\ncursor.execute('BEGIN')\n{FAIL}", True, id="COMMIT"
        ),
        pytest.param(f"{MAKE}\n{RAW}\nraw.rollback()\n{FAIL}", False, id="rollback of the driver"),
        pytest.param(f"{MAKE}\n{RAW}\nraw.rollback()", False, id="and nothing after that"),
        pytest.param(
            f"{MAKE}\n{RAW}\ncursor.execute('ROLLBACK')\ncursor.execute('BEGIN')", False, id="ROLLBACK"
        ),
        pytest.param(f"{RAW}\nraw.commit()\n{FAIL}", False, id="a commit of nothing"),
        pytest.param(f"{MAKE}\n{FAIL}", False, id="a failure"),
        pytest.param(f"{RAW}\nraw.rollback()\n{MAKE}\n{FAIL}", False, id="a statement after a rollback"),
    ],
)
def test_on_sqlite(
    af_db: CommandLine, bare: AlembicProject, sqlite_url: str, source: str, is_committed: bool
) -> None:
    ended = upgrade(af_db, bare, sqlite_url, source)

    assert tables_made(sqlite_url) == ({"made"} if is_committed else set())
    state = "at 001; a part of 002 is committed" if is_committed else "rolled back; at 001"
    assert (ended.code, ended.error["state"]) == (8 if is_committed else 7, state), ended.out
