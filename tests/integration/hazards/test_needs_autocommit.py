"""needs-autocommit: statements that a transaction refuses, and what stays when others fail beside them."""

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.review.hazards import Severity, find_refused
from tests.integration.hazards.stage import Autocommit, Stage, of_code, rewrite_in, run_traced


def test_a_concurrent_build_among_other_statements(stage: Stage) -> None:
    found = stage.hazards(
        ["COMMENT ON TABLE users IS 'people'", Autocommit(sql="CREATE INDEX CONCURRENTLY a ON users (age)")]
    )
    (hazard,) = of_code(found, "needs-autocommit")
    assert (hazard.severity, hazard.statement) == (Severity.NOTICE, 2)
    assert "statement 2 runs outside of a transaction and the revision has 1 more" in hazard.message
    assert "CREATE INDEX CONCURRENTLY a ON users (age)" in hazard.message


def test_a_concurrent_build_by_itself(stage: Stage) -> None:
    assert not stage.hazards([Autocommit(sql="CREATE INDEX CONCURRENTLY a ON users (age)")])


def test_a_statement_that_a_transaction_refuses(stage: Stage, own_stage: Stage) -> None:
    sql = "CREATE INDEX CONCURRENTLY a ON users (age)"
    with pytest.raises(sa.exc.DBAPIError) as caught:
        run_traced(stage.scratch_url, [sql])
    cause = caught.value.orig
    assert isinstance(cause, psycopg2.Error)
    hazard = find_refused("7", sql, cause.pgcode)
    assert hazard is not None
    assert (hazard.code, hazard.severity) == ("needs-autocommit", Severity.HIGH)
    assert sql in hazard.message
    run_traced(own_stage.production_url, *rewrite_in(hazard.remedy))
    assert find_refused("7", sql, "42P01") is None


def test_an_enum_value_that_is_used_too_early(bare_stage: Stage) -> None:
    bare_stage.build("CREATE TYPE mood AS ENUM ('sad'); CREATE TABLE person (mood mood)")
    use = "INSERT INTO person VALUES ('ok')"
    with pytest.raises(sa.exc.DBAPIError) as caught:
        run_traced(bare_stage.scratch_url, ["ALTER TYPE mood ADD VALUE 'ok'", use])
    cause = caught.value.orig
    assert isinstance(cause, psycopg2.Error)
    hazard = find_refused("7", use, cause.pgcode)
    assert hazard is not None
    assert "ADD VALUE into a revision of its own" in hazard.remedy
