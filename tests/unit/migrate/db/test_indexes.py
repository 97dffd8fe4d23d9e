import pytest

from agent_factory.migrate.db.indexes import builds_unnamed, built_by


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        pytest.param("CREATE INDEX CONCURRENTLY ix ON t (a)", "ix", id="plain"),
        pytest.param("create unique index concurrently if not exists ix on t (a)", "ix", id="lower case"),
        pytest.param(
            'CREATE INDEX CONCURRENTLY "Ix" ON ONLY "S"."T" (a)', '"S"."Ix"', id="quoted, in a schema"
        ),
        pytest.param("-- why\n  CREATE INDEX CONCURRENTLY ix ON t (a)", "ix", id="comment before"),
        pytest.param(
            "/* a\nb */ /**/ -- c\nCREATE INDEX CONCURRENTLY ix ON t (a)", "ix", id="comments before"
        ),
        pytest.param(
            "CREATE/* x */UNIQUE -- y\nINDEX CONCURRENTLY /* z */ ix /* w */ ON s . t (a)",
            "s.ix",
            id="comments",
        ),
        pytest.param("CREATE INDEX CONCURRENTLY ON t (a)", None, id="the server names it"),
        pytest.param("CREATE INDEX ix ON t (a)", None, id="not concurrently"),
        pytest.param("-- CREATE INDEX CONCURRENTLY ix ON t (a)", None, id="in a comment"),
        pytest.param("DROP INDEX CONCURRENTLY ix", None, id="dropped"),
    ],
)
def test_the_index_that_a_statement_builds(statement: str, name: str | None) -> None:
    assert built_by(statement) == name


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("CREATE INDEX CONCURRENTLY ON t (a)", True),
        ("/* why */ CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS ON t (a)", True),
        ("REINDEX INDEX CONCURRENTLY ix", True),
        ("-- why\nREINDEX (VERBOSE, CONCURRENTLY) TABLE t", True),
        ("REINDEX INDEX ix", False),
        ("CREATE INDEX CONCURRENTLY ix ON t (a)", False),
        ("DROP INDEX CONCURRENTLY ix", False),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY v", False),
    ],
)
def test_builds_whose_names_the_server_picks(statement: str, expected: bool) -> None:
    assert builds_unnamed(statement) is expected
