"""``create`` and ``merge``, on both databases."""

from pathlib import Path

import pytest

from tests.commands import CommandLine, run_installed
from tests.integration.tables import tables
from tests.projects import AlembicProject, make_project

THREE_TABLES = """
metadata = sa.MetaData()
for number in (1, 2, 3):
    sa.Table(f"t00{number}", metadata, sa.Column("id", sa.Integer, primary_key=True))
"""
FOURTH_TABLE = """
sa.Table(
    "t004",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("t001.id", name="fk_t004_parent"), nullable=False),
    sa.Column("note", sa.String(20)),
)
metadata.tables["t001"].append_column(sa.Column("name", sa.String(20)))
"""


@pytest.fixture
def modelled(project: AlembicProject) -> AlembicProject:
    """The project with models that are one table and one column ahead of its revisions."""
    project.write_models(THREE_TABLES + FOURTH_TABLE)
    return project


def test_create_writes_the_next_number_and_it_runs_both_ways(
    af_db: CommandLine, modelled: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", cwd=modelled.root, url=database_url)

    outcome = af_db("local", "create", "Add new_table!", cwd=modelled.root, url=database_url)

    assert (outcome.code, outcome.out) == (0, "alembic/versions/004_add_new_table.py\n")
    assert "af-db local upgrade" in outcome.err
    source = (modelled.versions / "004_add_new_table.py").read_text()
    assert 'revision = "004"' in source.replace("'", '"')
    for command, after in (("upgrade", "004 (head)"), ("downgrade", "003"), ("upgrade", "004 (head)")):
        revision = "-1" if command == "downgrade" else "head"
        assert af_db("local", command, revision, cwd=modelled.root, url=database_url).code == 0
        assert af_db("current", cwd=modelled.root, url=database_url).out == f"{after}\n"
    again = af_db("local", "create", "nothing", cwd=modelled.root, url=database_url)
    assert "nothing to create" in again.out


def test_the_first_revision_is_made_from_an_empty_database_and_nothing_is_written_to_it(
    af_db: CommandLine, tmp_path: Path, database_url: str
) -> None:
    new = make_project(tmp_path / "new")
    new.write_models(THREE_TABLES)

    outcome = af_db("local", "create", "first", cwd=new.root, url=database_url)

    assert outcome.code == 0, outcome.err
    assert "create_table('t003'" in next(new.versions.glob("*_first.py")).read_text().replace('"', "'")
    assert tables(database_url) == set()
    assert af_db("local", "upgrade", cwd=new.root, url=database_url).code == 0
    assert tables(database_url) > {"t001", "t002", "t003"}


def test_no_change_in_the_models_makes_no_file(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.write_models(THREE_TABLES)
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    outcome = af_db("local", "create", "nothing", "--json", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.document["revision"], outcome.document["path"]) == (0, None, None)
    assert len(list(project.versions.glob("*.py"))) == 3


def test_env_py_may_ask_what_alembics_command_line_would_say(
    af_db: CommandLine, modelled: AlembicProject, database_url: str
) -> None:
    """As Alembic's documentation has it: arguments behind -x, and whether the command is autogenerate."""
    code = modelled.env_py.read_text()
    hook = (
        "def own(migration_context, revision, directives):\n"
        "    assert context.config.cmd_opts.autogenerate\n\n"
        "assert context.get_x_argument(as_dictionary=True) == {}\n"
    )
    modelled.env_py.write_text(
        code.replace("connection =", f"{hook}connection =", 1).replace(
            "render_as_batch=True", "render_as_batch=True, process_revision_directives=own"
        )
    )
    upgraded = af_db("local", "upgrade", cwd=modelled.root, url=database_url)
    created = af_db("local", "create", "add what is missing", cwd=modelled.root, url=database_url)

    assert (upgraded.code, created.code) == (0, 0), upgraded.err + created.err


def test_create_behind_the_head_is_refused_with_the_command_to_run_first(
    af_db: CommandLine, modelled: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", "002", cwd=modelled.root, url=database_url)

    outcome = af_db("local", "create", "too early", "--json", cwd=modelled.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "behind-head")
    assert outcome.error["next_steps"][0] == "af-db local upgrade"
    assert len(list(modelled.versions.glob("*.py"))) == 3


def test_an_empty_revision_needs_no_database(af_db: CommandLine, project: AlembicProject) -> None:
    outcome = af_db(
        *("local", "create", "move the data", "--empty"), cwd=project.root, url="postgresql://u@127.0.0.1:1/x"
    )

    assert (outcome.code, outcome.out) == (0, "alembic/versions/004_move_the_data.py\n")
    assert "pass" in (project.versions / "004_move_the_data.py").read_text()


def test_ids_that_are_no_numbers_stay_alembics_own(af_db: CommandLine, project: AlembicProject) -> None:
    project.add("ab12cd", "003")

    document = af_db("local", "create", "x", "--empty", "--json", cwd=project.root).document

    assert len(document["revision"]["id"]) == 12


@pytest.mark.parametrize(
    "message", ["", "!!!", 'a"""b', 'ends in a "quote"', "C:\\Users\\new", "two\nlines", "\x1b[2Kgone"]
)
def test_a_message_that_cannot_be_a_name_and_a_docstring_is_refused(
    af_db: CommandLine, project: AlembicProject, message: str
) -> None:
    outcome = af_db("local", "create", message, "--empty", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "bad-message")
    assert len(list(project.versions.glob("*.py"))) == 3


def test_create_on_a_database_that_is_ahead_says_so(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)
    (project.versions / "003_step_003.py").unlink()

    outcome = af_db("local", "create", "x", "--json", cwd=project.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (4, "database-ahead")


def test_what_a_write_hook_prints_stays_out_of_the_result(project: AlembicProject) -> None:
    hook = "\n[post_write_hooks]\nhooks = say\nsay.type = exec\nsay.executable = echo\nsay.options = HOOK\n"
    project.config.write_text(project.config.read_text() + hook)

    outcome = run_installed("local", "create", "x", "--empty", "--json", cwd=project.root)

    assert outcome.document["exit_code"] == 0
    assert "HOOK" in outcome.err


def test_several_heads_are_named_by_every_command_and_merged(
    af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add_table("004", "003")
    project.add_table("005", "003")
    for command in (("upgrade",), ("create", "x"), ("create", "x", "--empty")):
        outcome = af_db("local", *command, "--json", cwd=project.root, url=database_url)
        assert (outcome.code, outcome.error["code"]) == (2, "multiple-heads")
        assert "004, 005" in outcome.error["message"]
        assert "af-db local merge" in outcome.error["next_steps"][0]
    for reading in (("current",), ("local", "current"), ("local", "history")):
        outcome = af_db(*reading, cwd=project.root, url=database_url)
        assert outcome.code == 0
        assert "heads are 004, 005; join them: af-db local merge" in outcome.err

    merged = af_db("local", "merge", cwd=project.root, url=database_url)

    assert (merged.code, merged.out) == (0, "alembic/versions/006_merge_004_and_005.py\n")
    assert af_db("local", "upgrade", cwd=project.root, url=database_url).code == 0
    assert af_db("current", cwd=project.root, url=database_url).out == "006 (head)\n"


def test_merge_takes_a_message_and_does_nothing_with_one_head(
    af_db: CommandLine, project: AlembicProject
) -> None:
    nothing = af_db("local", "merge", cwd=project.root)
    assert (nothing.code, nothing.out) == (0, "nothing to merge: the history has one head, 003\n")

    project.add("004", "003")
    project.add("005", "003")
    merged = af_db("local", "merge", "-m", "Bring both together", "--json", cwd=project.root)

    assert merged.document["revision"]["parents"] == ["004", "005"]
    assert merged.document["path"].endswith("006_bring_both_together.py")


@pytest.mark.parametrize("way", [["a message"], ["-m", "a message"], ["--message", "a message"]])
def test_the_message_is_an_argument_or_an_option(
    af_db: CommandLine, project: AlembicProject, way: list[str]
) -> None:
    created = af_db("local", "create", *way, "--empty", cwd=project.root)
    project.add("005", "003")
    merged = af_db("local", "merge", *way, cwd=project.root)

    assert (created.code, merged.code) == (0, 0)
    assert (project.versions / "004_a_message.py").is_file()
    assert (project.versions / "006_a_message.py").is_file()


@pytest.mark.parametrize("words", [["--empty"], ["a", "-m", "b", "--empty"]])
def test_there_has_to_be_one_message(af_db: CommandLine, project: AlembicProject, words: list[str]) -> None:
    outcome = af_db("local", "create", *words, "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "usage")
    assert "message" in outcome.error["message"].casefold()


def test_what_cannot_be_compared_is_told_once(af_db: CommandLine, tmp_path: Path, sqlite_url: str) -> None:
    """SQLAlchemy and Alembic each warn of the same index."""
    files = make_project(tmp_path / "expression")
    create = "op.execute('CREATE TABLE t (a TEXT)'), op.execute('CREATE INDEX ix_lower ON t (lower(a))')"
    files.add("001", None, create)
    files.write_models(
        "metadata = sa.MetaData()\n"
        't = sa.Table("t", metadata, sa.Column("a", sa.Text))\n'
        'sa.Index("ix_lower", sa.func.lower(t.c.a))\n'
    )
    af_db("local", "upgrade", cwd=files.root, url=sqlite_url)

    outcome = af_db("local", "create", "nothing", cwd=files.root, url=sqlite_url)

    assert "nothing to create" in outcome.out
    said = outcome.out + outcome.err
    assert said.count("ix_lower") == 1
    assert "not compared: the index ix_lower: SQLAlchemy does not read expressions" in said


COMPARES_BY_WRITING = """
from alembic.autogenerate import comparators


@comparators.dispatch_for("schema")
def compare_views(autogen_context, upgrade_ops, schemas):
    if autogen_context.metadata is metadata:
        autogen_context.connection.exec_driver_sql("CREATE VIEW tried AS SELECT 1")
        autogen_context.connection.rollback()


connection ="""


def test_a_library_that_compares_by_writing_is_refused_by_name(
    af_db: CommandLine, modelled: AlembicProject, database_url: str
) -> None:
    """As alembic_utils does it: it makes each entity, looks at it, and takes it back."""
    af_db("local", "upgrade", cwd=modelled.root, url=database_url)
    code = modelled.env_py.read_text()
    modelled.env_py.write_text(code.replace("connection =", COMPARES_BY_WRITING, 1))

    outcome = af_db("local", "create", "views", "--json", cwd=modelled.root, url=database_url)

    assert (outcome.code, outcome.error["code"]) == (2, "cannot-create"), outcome.out
    assert "CREATE VIEW tried" in outcome.error["message"]
    assert "alembic revision --autogenerate" in outcome.error["next_steps"][0]
    assert len(list(modelled.versions.glob("*.py"))) == 3


@pytest.mark.parametrize("message", ["x", "wip", "fix", "update 2", "changes", "the new migration"])
def test_a_message_that_says_nothing_is_questioned_and_not_refused(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, message: str
) -> None:
    outcome = af_db("local", "create", "--empty", message, cwd=project.root, url=sqlite_url)

    assert outcome.code == 0
    assert f"{message!r} will not tell anybody what the revision does" in outcome.err


@pytest.mark.parametrize(
    "message", ["add projects", "fix null e-mails", "tags", "initial migration", "añadir"]
)
def test_a_message_that_says_something_is_not(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str, message: str
) -> None:
    outcome = af_db("local", "create", "--empty", message, "--json", cwd=project.root, url=sqlite_url)

    assert outcome.document["remarks"] == []
