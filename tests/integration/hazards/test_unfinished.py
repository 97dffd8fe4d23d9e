"""Hazards of statements outside a transaction, of INVALID indexes, and of revisions without a way back."""

from dataclasses import replace
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import Hazard, HazardCode, Severity, find_hazards, find_refused
from tests.integration.hazards.stage import Alone, Stage, recipe_in, revision, run_script, run_traced

HIGH, NOTICE = Severity.HIGH, Severity.NOTICE


def of_code(hazards: tuple[Hazard, ...], code: HazardCode) -> list[Hazard]:
    return [hazard for hazard in hazards if hazard.code is code]


def test_a_concurrent_build_among_other_statements(stage: Stage) -> None:
    found = stage.hazards(
        ["COMMENT ON TABLE users IS 'people'", Alone(sql="CREATE INDEX CONCURRENTLY a ON users (age)")]
    )
    (hazard,) = of_code(found, HazardCode.NEEDS_AUTOCOMMIT)
    assert (hazard.severity, hazard.statement) == (NOTICE, 2)
    assert "statement 2 runs outside of a transaction and the revision has 1 more" in hazard.message
    assert "CREATE INDEX CONCURRENTLY a ON users (age)" in hazard.message


def test_a_concurrent_build_by_itself(stage: Stage) -> None:
    assert not stage.hazards([Alone(sql="CREATE INDEX CONCURRENTLY a ON users (age)")])


def test_a_statement_that_a_transaction_refuses(stage: Stage, own_stage: Stage) -> None:
    sql = "CREATE INDEX CONCURRENTLY a ON users (age)"
    with pytest.raises(sa.exc.DBAPIError) as caught:
        run_traced(stage.scratch_url, [sql])
    cause = caught.value.orig
    assert isinstance(cause, psycopg2.Error)
    hazard = find_refused("7", sql, cause.pgcode)
    assert hazard is not None
    assert (hazard.code, hazard.severity) == (HazardCode.NEEDS_AUTOCOMMIT, HIGH)
    assert sql in hazard.message
    run_traced(own_stage.production_url, *recipe_in(hazard.remedy))
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


def test_an_invalid_index_that_a_build_would_leave(stage: Stage) -> None:
    found = stage.hazards([Alone(sql='CREATE UNIQUE INDEX CONCURRENTLY "One Total" ON orders (total)')])
    (hazard,) = of_code(found, HazardCode.INVALID_INDEX_LEFT)
    assert hazard.severity is NOTICE
    assert 'leaves the index "One Total" behind, INVALID' in hazard.message
    assert 'DROP INDEX CONCURRENTLY IF EXISTS "One Total"' in hazard.remedy
    sound = stage.hazards([Alone(sql="CREATE UNIQUE INDEX CONCURRENTLY one ON orders (user_id)")])
    assert not sound


def test_an_invalid_index_that_is_there_already(own_stage: Stage) -> None:
    build = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS one_total ON orders (total)"
    with pytest.raises(psycopg2.errors.UniqueViolation):
        run_script(own_stage.production_url, build)
    (hazard,) = of_code(own_stage.hazards([Alone(sql=build)]), HazardCode.INVALID_INDEX_LEFT)
    assert hazard.severity is HIGH
    assert "an INVALID index of this name is there" in hazard.message
    run_traced(own_stage.production_url, *recipe_in(hazard.remedy))
    run_script(own_stage.production_url, "DELETE FROM orders WHERE id > 50")
    assert not of_code(own_stage.hazards(["DROP TABLE vacant"]), HazardCode.INVALID_INDEX_LEFT)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("def downgrade():\n    pass\n", "downgrade() does nothing"),
        ('def downgrade() -> None:\n    """There is no way."""\n', "downgrade() does nothing"),
        ("def downgrade():\n    raise NotImplementedError('no')\n", "downgrade() raises"),
        ("", "there is no downgrade()"),
        ("def downgrade():\n    op.drop_column('users', 'note')\n", None),
        (
            "def downgrade():\n    if True:\n        raise ValueError\n    op.drop_column('users', 'n')\n",
            None,
        ),
    ],
    ids=["pass", "words", "raises", "missing", "written", "raises sometimes"],
)
def test_a_revision_without_a_way_back(stage: Stage, tmp_path: Path, body: str, says: str | None) -> None:
    path = tmp_path / "002_note.py"
    path.write_text(f"def upgrade():\n    op.add_column('users', note)\n\n\n{body}")
    (rehearsed,) = stage.rehearse(["ALTER TABLE users ADD COLUMN note text"])
    plan = [replace(rehearsed, revision=revision("002", path))]
    sizes, counted = stage.look(plan)
    up = find_hazards(plan, Direction.UPGRADE, sizes, counted)
    assert [(item.code, item.severity) for item in up] == (
        [(HazardCode.IRREVERSIBLE, NOTICE)] if says else []
    )
    if says:
        assert f"{says} in 002_note.py" in up[0].message
    nothing = [replace(rehearsed, revision=revision("002", path), statements=())]
    assert not find_hazards(nothing, Direction.UPGRADE, sizes, counted)
    down = find_hazards(nothing, Direction.DOWNGRADE, sizes, counted)
    assert bool(down) is bool(says)
