import contextlib
import sqlite3

import pytest

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.report.sql import render_sql
from tests.unit.migrate.report import samples


def of_statements(*statements: str) -> str:
    step = samples.revision("0002", "some", ["0001"])
    numbered = enumerate(statements, start=1)
    return render_sql(
        samples.result([samples.reviewed(step, [samples.statement(number, sql) for number, sql in numbered])])
    )


@pytest.mark.parametrize(
    "end",
    [
        pytest.param("", id="nothing"),
        pytest.param(";", id="a semicolon"),
        pytest.param(" ;\n\n", id="a semicolon and empty lines"),
        pytest.param(" -- all of them", id="a comment"),
        pytest.param("; -- all of them", id="a semicolon and a comment"),
        pytest.param(" /* all; of them */", id="a block comment"),
    ],
)
def test_each_statement_ends_where_it_ends(end: str) -> None:
    text = of_statements(f"CREATE TABLE a (b text){end}", "INSERT INTO a VALUES ('one; -- two')")

    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(text)
        assert connection.execute("SELECT b FROM a").fetchall() == [("one; -- two",)]


def test_a_transaction_for_each_revision_and_none_around_what_must_not_be_in_one() -> None:
    text = render_sql(samples.rich())

    statements = [line for line in text.splitlines() if line and not line.startswith(("--", " ", "\t", ")"))]
    heads = [line.split()[0] for line in statements]
    assert heads == [
        *("BEGIN;", "ALTER", "CREATE", "UPDATE", "and", "COMMIT;"),
        *("BEGIN;", "ALTER", "ALTER", "COMMIT;"),
        *("CREATE", "BEGIN;", "COMMIT;"),
        *("BEGIN;", "CREATE", "INSERT", "COMMIT;"),
    ]


def test_a_message_with_lines_stays_a_comment() -> None:
    step = samples.revision("0002", "one\nDROP TABLE a;\r\n\u2028DROP TABLE b;\x0cDROP TABLE c;", ["0001"])
    text = render_sql(samples.result([samples.reviewed(step, [])]))

    assert not [line for line in text.splitlines() if line.startswith("DROP")]
    assert text.count("\n") == len(text.splitlines())


def test_says_which_row_the_version_table_has_then() -> None:
    step = samples.revision("0003", "join", ["0001", "0002"])
    down = samples.result([samples.reviewed(step, [])], direction=Direction.DOWNGRADE, before=["0003"])

    assert "-- alembic_version: 0003 follows 0001, 0002" in render_sql(
        samples.result([samples.reviewed(step, [])])
    )
    assert "-- alembic_version: 0003 is removed, 0001, 0002 is back" in render_sql(down)


def test_says_of_a_statement_that_it_is_not_the_one_that_was_executed() -> None:
    text = of_statements("ALTER ROLE app PASSWORD 'hunter2'", "SELECT 1")

    assert "hunter2" not in text
    assert text.count("-- not as it was executed: secrets (***) and control characters are left out") == 1


def test_nothing_to_do() -> None:
    assert render_sql(samples.nothing()).endswith("-- nothing to do\n")


def test_a_revision_that_cannot_be_shown_is_not_passed_over() -> None:
    text = render_sql(samples.not_rehearsed())

    assert "-- its statements cannot be shown: it asks the database (AttributeError" in text
    assert "-- alembic_version: 0003 follows 0002" in text
