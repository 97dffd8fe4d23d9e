"""The SQL that Alembic writes without a database: the revisions' own, and nothing of Alembic's."""

import pytest

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.url import parse_url
from tests.projects import AlembicProject

TARGET = Target(url=parse_url("postgresql://nobody@nowhere/none"), environment=Environment.LOCAL)
FILLED = "CREATE TABLE old_alembic_versions AS SELECT 1 AS v"
INDEXED = "CREATE INDEX CONCURRENTLY ix_old ON old_alembic_versions (v)"


@pytest.fixture
def offline_project(project: AlembicProject) -> AlembicProject:
    """The project, written out for PostgreSQL."""
    env_py = project.env_py.read_text()
    project.env_py.write_text(env_py.replace("connection=connection", "dialect_name='postgresql'"))
    return project


def render(project: AlembicProject) -> dict[str, tuple[str, ...] | Exception]:
    opened = alembic_project.open_project(Setup(config_path=project.config))
    plan = alembic_project.plan(opened, TARGET, Direction.UPGRADE, "head", ())
    return alembic_project.render_offline(opened, plan)


@pytest.mark.parametrize("table", ["alembic_version", "versions_of_a"])
def test_the_version_table_is_alembics(offline_project: AlembicProject, table: str) -> None:
    env_py = offline_project.env_py.read_text()
    offline_project.env_py.write_text(env_py.replace("configure(", f"configure(version_table={table!r}, "))

    rendered = render(offline_project)

    assert list(rendered) == ["001", "002", "003"]
    for revision, statements in rendered.items():
        assert isinstance(statements, tuple)
        (statement,) = statements
        assert statement.startswith(f"CREATE TABLE t{revision} (")


def test_a_table_called_like_it_is_the_revisions(offline_project: AlembicProject) -> None:
    offline_project.add("004", "003", f'op.execute("{FILLED}")\nop.execute("SELECT 1 -- Running late")')
    block = f'with op.get_context().autocommit_block():\n    op.execute("{INDEXED}")'
    offline_project.add("005", "004", block)

    rendered = render(offline_project)

    assert rendered["004"] == (FILLED, "SELECT 1 -- Running late")
    assert rendered["005"] == (INDEXED,)


def test_one_that_asks_the_database_is_told_and_the_next_is_written(offline_project: AlembicProject) -> None:
    offline_project.add("004", "003", "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()")
    offline_project.add("005", "004", f'op.execute("{FILLED}")')

    rendered = render(offline_project)

    assert isinstance(rendered["004"], Exception)
    assert rendered["005"] == (FILLED,)
