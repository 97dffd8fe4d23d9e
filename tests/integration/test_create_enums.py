"""Enum types in what ``create`` writes: PostgreSQL keeps them apart from the tables that use them."""

import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from tests.commands import CommandLine, run_process
from tests.projects import AlembicProject, make_project

STATUS = 'sa.Enum("a", "b", name="status")'
T = 'sa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True){columns})\n'
U = T.replace('"t"', '"u"')


def t(*types: str) -> str:
    """The models' table ``t`` with a column of each of these types."""
    return T.format(columns="".join(f', sa.Column("c{n}", {type_})' for n, type_ in enumerate(types)))


def u(*types: str) -> str:
    return t(*types).replace('"t"', '"u"')


CASES = {
    "of a new table": ("", t(STATUS), {"status"}),
    "of a new column": (t(), t(STATUS), {"status"}),
    "of two new columns": (t(), t(STATUS, STATUS), {"status"}),
    "of two new tables": ("", t(STATUS) + u(STATUS), {"status"}),
    "of a new table and a new column": (t(), t(STATUS) + u(STATUS), {"status"}),
    "that another table has too": (t(STATUS), t(STATUS) + u(STATUS), {"status"}),
    "that another column has too": (t(STATUS), t(STATUS, STATUS), {"status"}),
    "as an array of a new table": ("", t(f"postgresql.ARRAY({STATUS})"), {"status"}),
    "as an array of a new column": (t(), t(f"sa.ARRAY({STATUS})"), {"status"}),
    "as an array that another table has too": (t(STATUS), t(STATUS) + u(f"sa.ARRAY({STATUS})"), {"status"}),
    "of a table that goes": (t(STATUS), "", set[str]()),
    "of a column that goes": (t("sa.Integer", STATUS), t("sa.Integer"), set[str]()),
    "of one table of two that goes": (t(STATUS) + u(STATUS), u(STATUS), {"status"}),
    "with a default": (t(), t(f'{STATUS}, server_default="a"'), {"status"}),
    "with a default, that goes": (t(f'{STATUS}, server_default="a"'), t(), set[str]()),
    "of a class": (
        t(),
        "import enum\nclass Colour(enum.Enum):\n    red = 1\n    blue = 2\n" + t("sa.Enum(Colour)"),
        {"colour"},
    ),
    "in a schema": (t(), t('sa.Enum("a", name="Of Two", schema="other")'), {"Of Two"}),
    "that is none of PostgreSQL's": (t(), t('sa.Enum("a", name="words", native_enum=False)'), set[str]()),
}


def models(code: str) -> str:
    return f"from sqlalchemy.dialects import postgresql\nmetadata = sa.MetaData()\n{code}"


def enums(url: str) -> set[str]:
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT typname FROM pg_type WHERE typtype = 'e'")
        return {name for (name,) in cursor.fetchall()}


def written(project: AlembicProject) -> str:
    *_, path = sorted(project.versions.glob("*.py"))
    return path.read_text()


@pytest.mark.parametrize("what", CASES)
def test_what_create_writes_of_an_enum_runs_both_ways_and_leaves_nothing(
    tmp_path: Path, postgresql_url: str, scratch_server: str, what: str
) -> None:
    before, after, expected = CASES[what]
    project = make_project(tmp_path / "enums")
    project.add("000", None, 'op.execute("CREATE SCHEMA other")', 'op.execute("DROP SCHEMA other")')

    def run(*words: str) -> None:
        outcome = run_process(
            *words,
            cwd=project.root,
            url=postgresql_url,
            environment={"AF_DB_SCRATCH_URL": scratch_server, "AF_DB_REHEARSAL": "true"},
        )
        assert outcome.code == 0, outcome.out + outcome.err + written(project)

    run("local", "upgrade")
    for message, code in (("before", before), ("after", after)):
        project.write_models(models(code))
        run("local", "create", message)
        run("local", "upgrade")
    assert enums(postgresql_url) == expected

    run("local", "downgrade", "-1")
    run("local", "upgrade")
    assert enums(postgresql_url) == expected
    run("local", "downgrade", "000")
    assert enums(postgresql_url) == set()
    run("local", "upgrade")
    run("check")


def test_what_is_written_on_sqlite_runs_there_and_as_sql(
    af_db: CommandLine, tmp_path: Path, sqlite_url: str
) -> None:
    """It is written there, where there are no such types, and made for PostgreSQL too."""
    project = make_project(tmp_path / "enums")
    project.write_models(models(t(STATUS)))

    for words in ("local create first", "local upgrade", "local downgrade base", "local upgrade"):
        assert af_db(*words.split(), cwd=project.root, url=sqlite_url).code == 0

    assert "sa.Enum(name='status').drop(op.get_bind(), checkfirst=False)" in written(project)
    plain = (sys.executable, "-m", "alembic", "downgrade", "001:base", "--sql")
    project.env_py.write_text(
        "from alembic import context\ncontext.configure(dialect_name='postgresql')\n"
        "with context.begin_transaction():\n    context.run_migrations()\n"
    )
    sql = subprocess.run(plain, cwd=project.root, check=True, capture_output=True, text=True).stdout
    assert "DROP TYPE status" in sql


def test_a_type_that_a_library_makes_is_left_to_it(
    af_db: CommandLine, tmp_path: Path, postgresql_url: str
) -> None:
    project = make_project(tmp_path / "enums")
    project.write_models(models(t(STATUS)))
    code = project.env_py.read_text()
    project.env_py.write_text(
        code.replace(
            "connection =",
            """
from alembic.autogenerate import renderers
from alembic.operations import ops


class Theirs(ops.MigrateOperation):
    def __init__(self, name):
        self.name = name

    def reverse(self):
        return self


@renderers.dispatch_for(Theirs)
def write(_context, operation):
    return f"pass  # theirs: {operation.name}"


def add(_context, _revision, directives):
    for operations in (directives[0].upgrade_ops, directives[0].downgrade_ops):
        operations.ops.append(Theirs("status"))


connection =""",
            1,
        ).replace("render_as_batch=True", "process_revision_directives=add")
    )

    assert af_db("local", "create", "first", cwd=project.root, url=postgresql_url).code == 0

    assert "# theirs: status" in written(project)
    assert ".drop(op.get_bind()" not in written(project)
