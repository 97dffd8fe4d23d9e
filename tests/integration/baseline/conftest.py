"""A project whose first revision changes a table that no revision makes."""

from pathlib import Path

import pytest

from tests.projects import AlembicProject, make_project

SCHEMA = """
-- Written by hand; what a dump has around it does no harm.
\\restrict 7kpbVAf
BEGIN;
CREATE TABLE experiments (id integer NOT NULL PRIMARY KEY, name varchar(50) NOT NULL);
CREATE INDEX ix_experiments_name ON experiments (name) /* of ; the name */;
INSERT INTO experiments VALUES (1, 'half of it; 50%');
COMMIT;
\\unrestrict 7kpbVAf
"""
ADDS_COLUMN = 'op.add_column("experiments", sa.Column("age", sa.Integer))'
DROPS_COLUMN = """
with op.batch_alter_table("experiments") as batch:
    batch.drop_column("age")
"""
MODELS = """
metadata = sa.MetaData()
sa.Table(
    "experiments", metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(50), nullable=False, index=True),
    sa.Column("age", sa.Integer),
)
"""


def with_baseline(project: AlembicProject, name: str) -> None:
    (project.root / "pyproject.toml").write_text(f'[tool.af-db]\nbaseline = "{name}"\n')


@pytest.fixture(autouse=True)
def _rehearsing(monkeypatch: pytest.MonkeyPatch, _bare_environment: None, scratch_server: str) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)


@pytest.fixture
def old(tmp_path: Path) -> AlembicProject:
    """The project, with its baseline in schema.sql."""
    project = make_project(tmp_path / "old")
    project.write_models(MODELS)
    project.add("001", None, ADDS_COLUMN, DROPS_COLUMN)
    (project.root / "schema.sql").write_text(SCHEMA)
    with_baseline(project, "schema.sql")
    return project
