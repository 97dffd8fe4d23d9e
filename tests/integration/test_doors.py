"""What a door answers is still of the class, and with the options, that project code has asked for."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.extras
import pytest

from agent_factory.migrate.db.read_only import NotReadOnlyError, ReadOnlyConnection
from agent_factory.migrate.project.addresses import Address
from agent_factory.migrate.project.doors import Answer, Guard, watched_by
from agent_factory.url import DatabaseURL

PlainConnection = psycopg2.extensions.connection


@contextlib.contextmanager
def answering(*, url: DatabaseURL | None = None, read_only: bool = True) -> Iterator[None]:
    """Have whoever connects in the block answered with this."""
    answer = Answer(url=url, read_only=read_only)
    guard = Guard(
        connection=lambda _to: answer,
        socket=lambda _host, _port: None,
        program=lambda _name: None,
        refuse=lambda _to, _why: None,
    )
    with watched_by(guard):
        yield


class OldConnection(PlainConnection):
    """It calls its base by name, as much code does, and writes at once."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        PlainConnection.__init__(self, *arguments, **options)
        PlainConnection.set_session(self, autocommit=True)
        with contextlib.suppress(psycopg2.Error):
            self.cursor().execute("CREATE TABLE made (n int)")
        self.commit()


class AroundConnection(PlainConnection):
    def cursor(self, *arguments: Any, **options: Any) -> Any:
        return PlainConnection.cursor(self, *arguments, **options)


def first_row(connection: Any) -> Any:
    cursor = connection.cursor()
    cursor.execute("SELECT 7 AS n")
    return cursor.fetchone()


@pytest.mark.parametrize(
    ("factory", "row"),
    [
        (psycopg2.extras.DictConnection, lambda row: row["n"] == row[0] == 7),
        (psycopg2.extras.RealDictConnection, lambda row: row == {"n": 7}),
        (psycopg2.extras.NamedTupleConnection, lambda row: row.n == 7),
        (OldConnection, lambda row: row == (7,)),
        (PlainConnection, lambda row: row == (7,)),
        (lambda dsn, **options: PlainConnection(dsn, **options), lambda row: row == (7,)),
        (None, lambda row: row == (7,)),
    ],
)
def test_a_connection_that_only_reads_is_of_the_class_that_was_asked_for(
    postgresql_url: str, factory: Any, row: Any
) -> None:
    with answering(), contextlib.closing(psycopg2.connect(postgresql_url, factory)) as connection:
        assert isinstance(connection, ReadOnlyConnection)
        assert not isinstance(factory, type) or isinstance(connection, factory)
        assert row(first_row(connection))
        connection.autocommit = True
        assert row(first_row(connection))
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            connection.cursor().execute("CREATE TABLE made (n int)")
        with pytest.raises(NotReadOnlyError):
            connection.cursor().execute("COMMIT; CREATE TABLE made (n int)")
    with contextlib.closing(psycopg2.connect(postgresql_url)) as judge, judge.cursor() as cursor:
        cursor.execute("SELECT to_regclass('made')")
        assert cursor.fetchone() == (None,)


def test_a_class_that_is_made_itself_keeps_its_methods(postgresql_url: str) -> None:
    with answering():

        class Mine(psycopg2.extensions.connection):
            def seven(self) -> Any:
                return first_row(self)

        with contextlib.closing(Mine(postgresql_url)) as connection:
            assert connection.seven() == (7,)
            assert isinstance(connection, ReadOnlyConnection)
            assert isinstance(connection, Mine)


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("by_class", [True, False])
def test_what_a_projects_class_opens_by_itself_is_asked_about(
    postgresql_url: str, read_only: bool, by_class: bool
) -> None:
    asked = []

    def connection(address: Address) -> Answer:
        asked.append(address.database)
        return Answer(read_only=read_only)

    guard = Guard(
        connection=connection,
        socket=lambda _host, _port: None,
        program=lambda _name: None,
        refuse=lambda _to, _why: None,
    )
    with watched_by(guard):

        class Two(psycopg2.extensions.connection):
            def __init__(self, dsn: str, *arguments: Any, **options: Any) -> None:
                super().__init__(dsn, *arguments, **options)
                psycopg2.connect(dsn, dbname="postgres").close()

        if by_class:
            Two(postgresql_url).close()
        else:
            psycopg2.connect(postgresql_url, connection_factory=Two).close()

    assert asked == [psycopg2.extensions.parse_dsn(postgresql_url)["dbname"], "postgres"]


def test_a_class_whose_cursors_lead_around_it_gets_none(postgresql_url: str) -> None:
    with (
        answering(),
        contextlib.closing(psycopg2.connect(postgresql_url, AroundConnection)) as connection,
        pytest.raises(NotReadOnlyError, match="AroundConnection does not call cursor of its base by super"),
    ):
        connection.cursor()


class NamedFile(sqlite3.Connection):
    def who(self) -> str:
        return "mine"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE kept (day date)")
        connection.execute("INSERT INTO kept VALUES ('2026-11-30')")
        connection.commit()
    return path


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("is_copy", [True, False])
@pytest.mark.parametrize("is_uri", [True, False])
def test_options_by_place_reach_a_sqlite_file(
    file: Path, read_only: bool, is_copy: bool, is_uri: bool
) -> None:
    url = DatabaseURL(backend="sqlite", database=str(file)) if is_copy else None
    asked = file.with_name("elsewhere.db") if is_copy else file
    name = f"file:{asked}?mode=rw" if is_uri else asked
    given: Any = (0.5, sqlite3.PARSE_DECLTYPES, "IMMEDIATE", False, NamedFile, 9, is_uri)
    with (
        answering(url=url, read_only=read_only),
        contextlib.closing(sqlite3.connect(name, *given)) as connection,
    ):
        (day,) = connection.execute("SELECT day FROM kept").fetchone()
        assert day.isoformat() == "2026-11-30"
        assert connection.isolation_level == "IMMEDIATE"
        assert connection.who() == "mine"
        with pytest.raises(sqlite3.OperationalError) if read_only else contextlib.nullcontext():
            connection.execute("INSERT INTO kept VALUES ('2026-12-01')")
    assert not file.with_name("elsewhere.db").exists()
