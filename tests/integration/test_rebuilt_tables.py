"""What a SQLite table has when batch mode has rebuilt it: all that the revision has not dropped."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine, Outcome
from tests.projects import AlembicProject, make_project

COLUMNS = "id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER, e TEXT COLLATE NOCASE, CHECK (a > 0)"
TABLE = f"CREATE TABLE t ({COLUMNS}, CONSTRAINT ck_below CHECK (a < 100), UNIQUE (e)) STRICT"
OTHERS = (
    "CREATE UNIQUE INDEX ix_lower ON t (lower(e))",
    "CREATE INDEX ix_partial ON t (a) WHERE a > 5",
    "CREATE INDEX ix_descending ON t (a DESC, e COLLATE NOCASE)",
    "CREATE TABLE log (a)",
    "CREATE TRIGGER tr AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.a); END",
)
NOT_NULL = """
with op.batch_alter_table("t") as batch:
    batch.alter_column("a", nullable=False, existing_type=sa.Integer())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "t.db"


@pytest.fixture
def files(tmp_path: Path) -> AlembicProject:
    return make_project(tmp_path / "project")


def upgrade(
    af_db: CommandLine, files: AlembicProject, file: Path, made: tuple[str, ...], then: str
) -> Outcome:
    """Run a revision that makes the table, and one with the lines ``then``."""
    files.add("001", None, "\n".join(f"op.execute({statement!r})" for statement in made))
    files.add("002", "001", then)
    return af_db("local", "upgrade", "--json", cwd=files.root, url=f"sqlite:///{file}")


def rows(file: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(query).fetchall()


def fails(file: Path, statement: str) -> str:
    with closing(sqlite3.connect(file)) as connection, pytest.raises(sqlite3.IntegrityError) as error:
        connection.execute(statement)
    return str(error.value)


def test_what_sqlalchemy_does_not_read_is_kept(af_db: CommandLine, files: AlembicProject, file: Path) -> None:
    before = ("INSERT INTO t (a, e) VALUES (5, 'X'), (6, 'Y')", "DELETE FROM t WHERE a = 6")

    outcome = upgrade(af_db, files, file, (TABLE, *OTHERS, *before), NOT_NULL)

    assert outcome.code == 0, outcome.out
    assert "Skipped unsupported" not in outcome.err
    assert "Unnamed CHECK" not in outcome.err
    assert outcome.err.count("batch mode rebuilt the table t; kept: ") == 1
    query = "SELECT name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    made = dict(rows(file, query))
    assert made.keys() == {"ix_lower", "ix_partial", "ix_descending", "tr"}
    assert "DESC" in made["ix_descending"]
    assert "CHECK" in fails(file, "INSERT INTO t (a) VALUES (0)")
    assert "ck_below" in fails(file, "INSERT INTO t (a) VALUES (100)")
    assert "UNIQUE" in fails(file, "INSERT INTO t (a, e) VALUES (1, 'x')"), "the collation"
    assert "cannot store TEXT" in fails(file, "INSERT INTO t (a) VALUES ('a text')"), "STRICT"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("INSERT INTO t (a, e) VALUES (7, 'Z')")
        assert connection.execute("SELECT id FROM t WHERE a = 7").fetchone() == (3,), "2 was given before"
        connection.execute("UPDATE t SET a = 8 WHERE a = 7")
        assert connection.execute("SELECT a FROM log").fetchall() == [(8,)]


def test_a_table_without_rowids_stays_one(af_db: CommandLine, files: AlembicProject, file: Path) -> None:
    table = "CREATE TABLE t (id TEXT PRIMARY KEY, a INTEGER) WITHOUT ROWID"

    assert upgrade(af_db, files, file, (table,), NOT_NULL).code == 0

    ((kept,),) = rows(file, "SELECT sql FROM sqlite_master WHERE name = 't'")
    assert "WITHOUT ROWID" in str(kept)


@pytest.mark.parametrize(
    ("made", "change", "lost"),
    [
        pytest.param(
            ("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER, o INTEGER REFERENCES t ON DELETE CASCADE)",),
            'batch.alter_column("a", nullable=False, existing_type=sa.Integer())',
            "FOREIGN KEY (o) REFERENCES t ON DELETE CASCADE",
            id="what is done on delete",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, b INTEGER UNIQUE ON CONFLICT IGNORE)",),
            'batch.alter_column("a", nullable=False, existing_type=sa.Integer())',
            "UNIQUE (b) ON CONFLICT IGNORE",
            id="ON CONFLICT",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, n NUMERIC COLLATE NOCASE)",),
            'batch.alter_column("a", nullable=False, existing_type=sa.Integer())',
            "COLLATE NOCASE of n",
            id="a collation of what is no text",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, e TEXT)", "CREATE INDEX ix ON t (lower(e))"),
            'batch.alter_column("e", new_column_name="email")',
            "index ix (CREATE INDEX ix ON t(lower(e)))",
            id="an index of a renamed column",
        ),
        pytest.param(
            (
                "CREATE TABLE t (a INTEGER, e TEXT)",
                "CREATE TRIGGER tr AFTER INSERT ON t BEGIN UPDATE t SET a = 1 WHERE e = new.e; END",
            ),
            'batch.drop_column("e")',
            "trigger tr (",
            id="a trigger with a dropped column",
        ),
    ],
)
def test_what_cannot_be_kept_for_certain_fails_by_its_name(
    af_db: CommandLine, files: AlembicProject, file: Path, made: tuple[str, ...], change: str, lost: str
) -> None:
    then = f'with op.batch_alter_table("t", recreate="always") as batch:\n    {change}'

    outcome = upgrade(af_db, files, file, made, then)

    assert outcome.code == 7, outcome.out
    assert outcome.error["code"] == "lost-in-rebuild"
    assert lost in outcome.error["message"]
    assert outcome.error["state"] == "rolled back; at 001"
    assert any("copy_from" in step for step in outcome.error["next_steps"])
    kept = [sql for (sql,) in rows(file, "SELECT sql FROM sqlite_master WHERE tbl_name = 't' AND sql != ''")]
    assert sorted(map(str, kept)) == sorted(made)


@pytest.mark.parametrize(
    ("made", "change", "gone"),
    [
        pytest.param(
            ("CREATE TABLE t (a INTEGER, e TEXT CHECK (e <> ''))", "CREATE INDEX ix ON t (lower(e))"),
            'batch.drop_column("e")',
            ("CHECK", "ix"),
            id="what a dropped column had",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, CONSTRAINT ck CHECK (a > 0))",),
            'batch.drop_constraint("ck", type_="check")',
            ("CHECK",),
            id="a constraint by name",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, b INTEGER)", "CREATE INDEX ix ON t (b) WHERE b > 1"),
            'batch.drop_index("ix")',
            ("ix",),
            id="an index by name",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, f BOOLEAN CHECK (f IN (0, 1)))",),
            'batch.alter_column("f", type_=sa.Integer(), existing_type=sa.Boolean())',
            ("CHECK",),
            id="the check of a type that is no more",
        ),
    ],
)
def test_what_a_revision_drops_is_gone(
    af_db: CommandLine,
    files: AlembicProject,
    file: Path,
    made: tuple[str, ...],
    change: str,
    gone: tuple[str, ...],
) -> None:
    then = f'with op.batch_alter_table("t", recreate="always") as batch:\n    {change}'

    outcome = upgrade(af_db, files, file, made, then)

    assert outcome.code == 0, outcome.out
    left = " ".join(str(sql) for (sql,) in rows(file, "SELECT sql FROM sqlite_master WHERE sql != ''"))
    assert not [name for name in gone if name in left]


def test_a_whole_table_that_a_revision_says_is_what_it_says(
    af_db: CommandLine, files: AlembicProject, file: Path
) -> None:
    made = ("CREATE TABLE t (a INTEGER, CHECK (a > 0))", "CREATE INDEX ix ON t (a + 1)")
    then = """
    whole = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer))
    with op.batch_alter_table("t", copy_from=whole, recreate="always") as batch:
        batch.alter_column("a", nullable=False, existing_type=sa.Integer())
    """

    assert upgrade(af_db, files, file, made, then).code == 0

    left = [str(sql) for (sql,) in rows(file, "SELECT sql FROM sqlite_master WHERE tbl_name = 't'")]
    assert "CHECK" not in " ".join(left)
    assert "CREATE INDEX ix ON t (a + 1)" in left, "that there are others it cannot say"


def test_the_plan_shows_what_is_made_again(
    af_db: CommandLine, files: AlembicProject, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    files.add("001", None, "\n".join(f"op.execute({statement!r})" for statement in (TABLE, *OTHERS)))
    files.add("002", "001", NOT_NULL)

    outcome = af_db("local", "plan", cwd=files.root, url=f"sqlite:///{file}")

    assert outcome.code == 0, outcome.err
    assert outcome.out.count("CREATE UNIQUE INDEX ix_lower ON t (lower(e))") == 2
    assert "Skipped unsupported" not in outcome.err


def test_a_view_that_is_in_the_way_is_named(af_db: CommandLine, files: AlembicProject, file: Path) -> None:
    made = ("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)", "CREATE VIEW seen AS SELECT a FROM t")

    outcome = upgrade(af_db, files, file, made, NOT_NULL)

    assert (outcome.code, outcome.error["code"]) == (7, "has-dependents")
    assert "error in view seen" in outcome.error["message"]
    assert "drop it in the revision first" in outcome.error["next_steps"][0]
