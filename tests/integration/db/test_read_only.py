"""Connections that cannot write: each door of the driver is tried, and another connection judges."""

import contextlib
import io
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import psycopg2.extras
import pytest
import sqlalchemy as sa
from psycopg2 import extensions
from psycopg2.extensions import AsIs

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.driver import Cursor, WatchedConnection, psycopg2_connection
from agent_factory.migrate.db.read_only import NotReadOnlyError
from agent_factory.migrate.db.sizes import table_sizes
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.url import parse_url

CREATE = "CREATE TABLE made (n int)"
INSERT = "INSERT INTO kept VALUES (1)"


@pytest.fixture
def judge(postgresql_url: str) -> Iterator[Callable[[], tuple[Any, ...]]]:
    """What another connection finds in the database: its tables, the rows of one, its large objects."""
    with contextlib.closing(psycopg2.connect(postgresql_url)) as other, other.cursor() as cursor:
        other.autocommit = True
        cursor.execute("CREATE TABLE kept (n int); CREATE SEQUENCE counted")
        cursor.execute("CREATE FUNCTION adds() RETURNS void LANGUAGE sql AS 'INSERT INTO kept VALUES (2)'")

        def found() -> tuple[Any, ...]:
            cursor.execute(
                "SELECT (SELECT count(*) FROM pg_class WHERE relname = 'made'), (SELECT count(*) FROM kept),"
                " (SELECT is_called FROM counted), (SELECT count(*) FROM pg_largeobject_metadata),"
                " (SELECT count(*) FROM pg_prepared_xacts)"
            )
            return tuple(cursor.fetchone() or ())

        yield found


def reading(url: str) -> Any:
    return connect(Target(url=parse_url(url), environment=Environment.LOCAL), read_only=True)


def each(*statements: str) -> Callable[[sa.Connection], None]:
    """Send the statements through a cursor of the driver, and commit."""

    def send(connection: sa.Connection) -> None:
        driver = psycopg2_connection(connection)
        for statement in statements:
            driver.cursor().execute(statement)
        driver.commit()

    return send


def in_turn(*uses: Callable[[Any], object]) -> Callable[[Any], None]:
    def use(driver: Any) -> None:
        for one in uses:
            one(driver)

    return use


def switch(change: Callable[[WatchedConnection], object]) -> Callable[[sa.Connection], None]:
    def write(connection: sa.Connection) -> None:
        change(psycopg2_connection(connection))
        each(CREATE)(connection)

    return write


def options(**given: Any) -> Callable[[sa.Connection], None]:
    def write(connection: sa.Connection) -> None:
        connection = connection.execution_options(**given)
        connection.exec_driver_sql(CREATE)
        connection.commit()

    return write


def through(use: Callable[[Any], object]) -> Callable[[sa.Connection], None]:
    def write(connection: sa.Connection) -> None:
        driver = psycopg2_connection(connection)
        use(driver)
        driver.commit()

    return write


DOORS: dict[str, Callable[[sa.Connection], None]] = {
    "AUTOCOMMIT": options(isolation_level="AUTOCOMMIT"),
    "postgresql_readonly": options(postgresql_readonly=False),
    "both": options(postgresql_readonly=False, isolation_level="SERIALIZABLE"),
    "autocommit": switch(lambda driver: setattr(driver, "autocommit", True)),
    "readonly": switch(lambda driver: setattr(driver, "readonly", False)),
    "set_isolation_level": switch(lambda driver: driver.set_isolation_level(0)),
    "set_session": switch(lambda driver: driver.set_session(readonly=False)),
    "set_session autocommit": switch(lambda driver: driver.set_session(readonly=False, autocommit=True)),
    "reset": switch(lambda driver: driver.reset()),
    "SET TRANSACTION": each("SET TRANSACTION READ WRITE", CREATE),
    "SET TRANSACTION, in one": each(f"SET TRANSACTION READ WRITE; {CREATE}"),
    "SET TRANSACTION, two modes": each("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE", CREATE),
    "SET LOCAL": each("SET LOCAL transaction_read_only = off", CREATE),
    "set_config": each("SELECT set_config('transaction_read_only', 'off', false)", CREATE),
    "SET TRANSACTION after a mode": each("SET TRANSACTION READ ONLY", "SET TRANSACTION READ WRITE", CREATE),
    "SET SESSION CHARACTERISTICS": each("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", CREATE),
    "default_transaction_read_only": each("SET default_transaction_read_only = off", CREATE),
    "after a savepoint": each("SAVEPOINT s; RELEASE s", "SET TRANSACTION READ WRITE", CREATE),
    "in a DO": each(f"DO $$BEGIN SET TRANSACTION READ WRITE; {CREATE}; END$$"),
    "COMMIT in a DO": each(f"DO $$BEGIN COMMIT; {CREATE}; END$$"),
    "a function": each("SELECT adds()"),
    "WITH": each("WITH added AS (INSERT INTO kept VALUES (1) RETURNING n) SELECT * FROM added"),
    "nextval": each("SELECT nextval('counted')"),
    "PREPARE": each(f"PREPARE p AS {INSERT}", "EXECUTE p"),
    "a value": through(lambda driver: driver.cursor().execute("%s", [AsIs(f"COMMIT; {CREATE}")])),
    "executemany": through(lambda driver: driver.cursor().executemany(f"COMMIT; {INSERT}", [[], []])),
    "executemany, values": through(
        lambda driver: driver.cursor().executemany("SELECT %s", [[1], [AsIs(f"1; COMMIT; {CREATE}")]])
    ),
    "executemany, rows": through(
        lambda driver: driver.cursor().executemany("INSERT INTO kept VALUES (%s)", [[1], [2]])
    ),
    "copy_from": through(lambda driver: driver.cursor().copy_from(io.StringIO("1\n"), "kept")),
    "copy_expert": through(
        lambda driver: driver.cursor().copy_expert("COPY kept FROM STDIN", io.StringIO("1\n"))
    ),
    "copy_expert, COMMIT": through(
        lambda driver: driver.cursor().copy_expert("COMMIT; COPY kept FROM STDIN", io.StringIO("1\n"))
    ),
    "callproc": through(lambda driver: driver.cursor().callproc("adds")),
    "callproc, COMMIT": through(
        lambda driver: driver.cursor().callproc("now(); COMMIT; INSERT INTO kept SELECT length")
    ),
    "DictCursor": through(
        lambda driver: driver.cursor(cursor_factory=psycopg2.extras.DictCursor).execute(f"COMMIT; {CREATE}")
    ),
    "a class by place": through(
        lambda driver: driver.cursor(None, psycopg2.extras.DictCursor).execute(f"COMMIT; {CREATE}")
    ),
    "the class of all": through(
        in_turn(
            lambda driver: setattr(driver, "cursor_factory", psycopg2.extras.RealDictCursor),
            lambda driver: driver.cursor().execute(f"COMMIT; {CREATE}"),
        )
    ),
    "a named cursor": through(lambda driver: driver.cursor("c").execute(f"SELECT 1; COMMIT; {CREATE}")),
    "a cursor past the connection": through(lambda driver: Cursor(driver).execute(CREATE)),
    "execute_values": through(
        lambda driver: psycopg2.extras.execute_values(
            driver.cursor(), "INSERT INTO kept VALUES %s", [[1], [2]]
        )
    ),
    "lobject": through(lambda driver: driver.lobject(0, "w")),
    "tpc": through(lambda driver: driver.tpc_begin(driver.xid(1, "a", "b"))),
    "without standard strings": each(
        "SET standard_conforming_strings = off", f"SELECT '\\'' ; COMMIT; {CREATE}; SELECT '"
    ),
} | {
    spelling: each(f"{spelling}; {CREATE}")
    for spelling in (
        *("COMMIT", "commit work", "END", "ABORT", "ROLLBACK", "ROLLBACK AND CHAIN", "BEGIN READ WRITE"),
        *("START TRANSACTION READ WRITE", "SELECT 1; COMMIT", "/* a /* b */ ; */ COMMIT", "-- a\nCOMMIT"),
        *("SELECT 'a' ; COMMIT", "SELECT $$;$$; COMMIT", "SAVEPOINT s; ROLLBACK TO s; COMMIT"),
        *("PREPARE TRANSACTION 'x'", "PREPARE/**/TRANSACTION 'x'", "\f\vCOMMIT", "COMMIT; BEGIN READ WRITE"),
    )
}


@pytest.mark.parametrize("door", DOORS)
def test_no_door_of_what_reads_leads_to_a_write(
    postgresql_url: str, judge: Callable[[], tuple[Any, ...]], door: str
) -> None:
    before = judge()

    with reading(postgresql_url) as connection:
        with contextlib.suppress(psycopg2.Error, sa.exc.DBAPIError):
            DOORS[door](connection)
        connection.rollback()
        psycopg2_connection(connection).rollback()
        with contextlib.suppress(psycopg2.Error):
            each(CREATE)(connection)  # what it has left behind does not open another

    assert judge() == before


@pytest.mark.parametrize(
    "text",
    [
        *("SELECT 'a; COMMIT'", "SELECT $$; COMMIT; $$", 'SELECT 1 AS "; COMMIT"', "SELECT 1 -- ; COMMIT"),
        *("SELECT /* ; COMMIT */ 1", r"SELECT E'don\'t; COMMIT'", "SELECT CASE WHEN true THEN 1 END"),
        *("SAVEPOINT s; ROLLBACK TO s; SELECT 1", "SAVEPOINT s; ROLLBACK WORK TO SAVEPOINT s; SELECT 1"),
        *("PREPARE p AS SELECT 1; EXECUTE p", "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
        *("SET search_path TO public", "SHOW search_path", "EXPLAIN INSERT INTO kept VALUES (1)"),
    ],
)
@pytest.mark.usefixtures("judge")
def test_what_only_reads_is_sent(postgresql_url: str, text: str) -> None:
    with reading(postgresql_url) as connection:
        connection.exec_driver_sql(text)
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"


def test_the_level_that_is_asked_for_is_given(postgresql_url: str) -> None:
    with reading(postgresql_url) as connection:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "repeatable read"
        connection.rollback()
        connection.execution_options(isolation_level="SERIALIZABLE")
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "serializable"


def test_a_read_that_was_switched_to_autocommit_reads_on(
    postgresql_url: str, judge: Callable[[], tuple[Any, ...]]
) -> None:
    with reading(postgresql_url) as connection:
        connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        with pytest.raises(sa.exc.ProgrammingError):
            connection.exec_driver_sql("SELECT * FROM nowhere")
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
        assert table_sizes(connection)["public.kept"].rows == 0
        with pytest.raises(sa.exc.InternalError, match="read-only transaction"):
            connection.exec_driver_sql(CREATE)
        connection.rollback()
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    assert judge()[0] == 0


def autocommit(driver: Any) -> None:
    driver.autocommit = True


@pytest.mark.parametrize(
    "switch_to_it",
    [
        autocommit,
        lambda driver: driver.set_session(autocommit=True),
        lambda driver: driver.set_isolation_level(extensions.ISOLATION_LEVEL_AUTOCOMMIT),
    ],
)
@pytest.mark.usefixtures("judge")
def test_in_autocommit_a_statement_leaves_no_lock_and_its_rows(
    postgresql_url: str, switch_to_it: Callable[[Any], object]
) -> None:
    with (
        reading(postgresql_url) as connection,
        contextlib.closing(psycopg2.connect(postgresql_url)) as other,
    ):
        driver = psycopg2_connection(connection)
        switch_to_it(driver)
        cursor = driver.cursor()
        cursor.execute("SELECT n FROM kept UNION SELECT generate_series(1, 3) ORDER BY 1")

        assert driver.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
        other.cursor().execute("SET lock_timeout = '1s'; ALTER TABLE kept ADD COLUMN more int")
        other.rollback()
        assert cursor.fetchall() == [(1,), (2,), (3,)]
        cursor.copy_expert("COPY kept TO STDOUT", io.StringIO())
        assert driver.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


def test_in_autocommit_what_the_next_statement_needs_is_kept(postgresql_url: str) -> None:
    with reading(postgresql_url) as connection:
        driver = psycopg2_connection(connection)
        autocommit(driver)
        cursor = driver.cursor()

        def value(statement: str) -> object:
            cursor.execute(statement)
            return (cursor.fetchone() or (None,))[0]

        cursor.execute("SET search_path TO pg_catalog")
        assert value("SHOW search_path") == "pg_catalog"
        value("SELECT set_config('search_path', 'public', false)")
        assert value("SHOW search_path") == "public"
        cursor.execute("SAVEPOINT s")
        value("SELECT 1")
        cursor.execute("ROLLBACK TO s")
        driver.rollback()
        named = driver.cursor("srv")
        named.itersize = 1
        named.execute("SELECT generate_series(1, 3)")
        assert [(row[0], value("SELECT 7")) for row in named] == [(1, 7), (2, 7), (3, 7)]
        driver.rollback()
        value("SELECT 1")
        assert driver.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE


@pytest.mark.parametrize(
    "make",
    [
        lambda driver: driver.cursor(name="srv"),
        lambda driver: driver.cursor("srv", psycopg2.extras.DictCursor),
        lambda driver: driver.cursor("srv", None, True, scrollable=True),
        lambda driver: driver.cursor("srv", cursor_factory=psycopg2.extras.DictCursor, withhold=True),
    ],
)
def test_a_cursor_of_the_server_is_asked_for_as_psycopg2_is(
    postgresql_url: str, make: Callable[[Any], Any]
) -> None:
    with reading(postgresql_url) as connection, make(psycopg2_connection(connection)) as cursor:
        cursor.execute("SELECT generate_series(1, 3)")
        assert cursor.name == "srv"
        assert [row[0] for row in cursor] == [1, 2, 3]


def test_what_is_refused_is_named(postgresql_url: str) -> None:
    with (
        reading(postgresql_url) as connection,
        pytest.raises(NotReadOnlyError, match=r"^PREPARE TRANSACTION was"),
    ):
        psycopg2_connection(connection).cursor().execute("prepare\n transaction 'x'")


def test_a_read_leaves_its_session_as_it_was(postgresql_url: str) -> None:
    """Behind a transaction pooler the application gets this session next."""
    with reading(postgresql_url) as connection:
        connection.exec_driver_sql("SELECT 1")
        connection.rollback()
        driver = psycopg2_connection(connection)
        assert driver.info.transaction_status == extensions.TRANSACTION_STATUS_IDLE
        connection.exec_driver_sql("SELECT 1")
        settings = "SELECT source FROM pg_settings WHERE name = 'default_transaction_read_only'"
        assert connection.exec_driver_sql(settings).scalar() == "default"


SQLITE_DOORS: dict[str, Callable[[Any], object]] = {
    "a statement": lambda driver: driver.execute(INSERT),
    "executemany": lambda driver: driver.executemany("INSERT INTO kept VALUES (?)", [[1], [2]]),
    "executescript": lambda driver: driver.executescript(f"COMMIT; BEGIN; {CREATE}; COMMIT;"),
    "query_only": in_turn(
        lambda driver: driver.execute("PRAGMA query_only = OFF"),
        lambda driver: driver.execute(INSERT),
    ),
    "query_only, called": in_turn(
        lambda driver: driver.execute("PRAGMA main.Query_Only(0)"),
        lambda driver: driver.execute(INSERT),
    ),
    "the authorizer": in_turn(
        lambda driver: driver.set_authorizer(None),
        lambda driver: driver.execute("PRAGMA query_only = OFF"),
        lambda driver: driver.execute(INSERT),
    ),
    "attached": in_turn(
        lambda driver: driver.execute("ATTACH DATABASE (SELECT file FROM pragma_database_list) AS again"),
        lambda driver: driver.execute("INSERT INTO again.kept VALUES (1)"),
    ),
    "journal_mode": lambda driver: driver.execute("PRAGMA journal_mode = WAL"),
    "user_version": lambda driver: driver.execute("PRAGMA user_version = 7"),
    "isolation_level": in_turn(
        lambda driver: setattr(driver, "isolation_level", "IMMEDIATE"),
        lambda driver: driver.execute(INSERT),
    ),
}


@pytest.mark.parametrize("door", SQLITE_DOORS)
def test_no_door_of_what_reads_at_a_file_leads_to_a_write(sqlite_url: str, door: str) -> None:
    def judge() -> tuple[Any, ...]:
        with contextlib.closing(sqlite3.connect(path)) as other:
            return (
                other.execute("SELECT name FROM sqlite_master").fetchall(),
                other.execute("SELECT count(*) FROM kept").fetchone(),
                other.execute("PRAGMA user_version").fetchone(),
                other.execute("PRAGMA journal_mode").fetchone(),
            )

    path = sqlite_url.removeprefix("sqlite:///")
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE kept (n int)")
    before = judge()

    with reading(sqlite_url) as connection:
        with contextlib.suppress(sqlite3.Error):
            SQLITE_DOORS[door](connection.connection.dbapi_connection)
        assert connection.exec_driver_sql("SELECT count(*) FROM kept").scalar() == 0
        connection.commit()

    assert judge() == before
