"""invalid-index-left: INVALID indexes that a build would leave, and those that are in its way."""

import psycopg2
import pytest

from agent_factory.migrate.review.hazards import Severity
from tests.integration.hazards.stage import Autocommit, Stage, of_code, rewrite_in, run_script, run_traced


def test_an_invalid_index_that_a_build_would_leave(stage: Stage) -> None:
    found = stage.hazards([Autocommit(sql='CREATE UNIQUE INDEX CONCURRENTLY "One Total" ON orders (total)')])
    (hazard,) = of_code(found, "invalid-index-left")
    assert hazard.severity is Severity.NOTICE
    assert 'leaves the index "One Total" INVALID' in hazard.message
    assert 'DROP INDEX CONCURRENTLY IF EXISTS "One Total"' in hazard.remedy
    sound = stage.hazards([Autocommit(sql="CREATE UNIQUE INDEX CONCURRENTLY one ON orders (user_id)")])
    assert not sound


def test_an_invalid_index_that_is_there_already(own_stage: Stage) -> None:
    build = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_total ON orders (total)"
    with pytest.raises(psycopg2.errors.UniqueViolation):
        run_script(own_stage.production_url, build)
    (hazard,) = of_code(own_stage.hazards([Autocommit(sql=build)]), "invalid-index-left")
    assert hazard.severity is Severity.HIGH
    assert "an earlier build has left an INVALID index of this name" in hazard.message
    run_traced(own_stage.production_url, *rewrite_in(hazard.remedy))
    run_script(own_stage.production_url, "DELETE FROM orders WHERE id > 50")
    assert not of_code(own_stage.hazards(["DROP TABLE vacant"]), "invalid-index-left")
