import ast
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.chain import Step, chain, write_alembic, write_dbmate, write_django, write_sql, write_yoyo


def test_one_step_in_five_creates_the_table_that_the_others_change() -> None:
    steps = chain(7)

    assert ["CREATE TABLE" in step.sql for step in steps] == [n % 5 == 0 for n in range(7)]
    assert steps[6].sql == "ALTER TABLE t1 ADD COLUMN extra_6 text;"
    assert steps[6].op == 'op.add_column("t1", sa.Column("extra_6", sa.Text))'


@pytest.mark.parametrize(
    ("write", "pattern", "files"),
    [
        pytest.param(write_alembic, "alembic/versions/*.py", 7, id="alembic"),
        pytest.param(write_dbmate, "db/migrations/*.sql", 7, id="dbmate"),
        pytest.param(write_django, "chain/migrations/0*.py", 7, id="django"),
        pytest.param(write_yoyo, "migrations/*.sql", 7, id="yoyo"),
        pytest.param(write_sql, "all.sql", 1, id="psql"),
    ],
)
def test_each_tool_gets_every_step(
    write: Callable[[Path, Sequence[Step]], object], pattern: str, files: int, tmp_path: Path
) -> None:
    write(tmp_path / "project", chain(7))

    written = sorted((tmp_path / "project").glob(pattern))
    text = "".join(path.read_text() for path in written)
    assert len(written) == files
    assert all(f"extra_{number}" in text for number in (1, 2, 3, 4, 6))
    for path in (tmp_path / "project").rglob("*.py"):
        ast.parse(path.read_text())
