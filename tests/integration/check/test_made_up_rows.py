"""What is read of the rows of a table can be compared with what is read of them later."""

from agent_factory.migrate.catalog import Scope, read_catalog
from agent_factory.migrate.checks.rows import Rows, read_rows
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.url import parse_url


def test_bytes_are_read_as_what_they_hold(postgresql_url: str) -> None:
    target = Target(url=parse_url(postgresql_url), environment=Environment.LOCAL)
    with connect(target) as connection, connection.begin():
        connection.exec_driver_sql("CREATE TABLE pictures (id integer, picture bytea)")
        connection.exec_driver_sql(r"INSERT INTO pictures VALUES (1, '\x00ff'), (2, NULL)")
        (rows,) = read_rows(connection, read_catalog(connection, Scope())).values()
    assert rows == Rows(columns=("id", "picture"), rows=(("1", repr(r"\x00ff")), ("2", "None")))
