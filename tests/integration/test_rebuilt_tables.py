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
    return af_db("local", "upgrade", "--json", "--progress", "plain", cwd=files.root, url=f"sqlite:///{file}")


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
            ("CREATE TABLE t (a INTEGER PRIMARY KEY ON CONFLICT REPLACE)",),
            'batch.add_column(sa.Column("b", sa.Integer))',
            "PRIMARY KEY (a) ON CONFLICT REPLACE",
            id="ON CONFLICT of the key",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, e TEXT, UNIQUE (e COLLATE NOCASE))",),
            'batch.alter_column("a", nullable=False, existing_type=sa.Integer())',
            "UNIQUE (e COLLATE NOCASE)",
            id="a collation of a constraint",
        ),
        pytest.param(
            ("CREATE TABLE t (a INTEGER, e TEXT)", "CREATE VIEW v AS SELECT e FROM t"),
            'batch.drop_column("e")',
            'view "v" (CREATE VIEW v AS SELECT e FROM t)',
            id="a view of a dropped column",
        ),
        pytest.param(
            (
                "CREATE TABLE t (a INTEGER, e TEXT)",
                "CREATE TABLE o (x TEXT)",
                "CREATE TRIGGER tr AFTER INSERT ON o BEGIN INSERT INTO t (e) VALUES (new.x); END",
            ),
            'batch.drop_column("e")',
            'trigger "tr" (',
            id="another table's trigger with a dropped column",
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
    kept = [
        sql
        for (sql,) in rows(
            file, "SELECT sql FROM sqlite_master WHERE tbl_name <> 'alembic_version' AND sql != ''"
        )
    ]
    assert sorted(map(str, kept)) == sorted(made)


AS_IT_WAS = {
    "types that SQLAlchemy does not know": (
        "CREATE TABLE t (a INTEGER, b ANY, c INT PRIMARY KEY, d) ",
        ("b ANY", "c INT,", "d ,"),
    ),
    "any type of a strict table": ("CREATE TABLE t (a INTEGER, b ANY) STRICT", ("b ANY", "STRICT")),
    "a collation of what is no text": (
        "CREATE TABLE t (a INTEGER, n NUMERIC COLLATE NOCASE)",
        ("COLLATE NOCASE",),
    ),
    "generated columns": (
        "CREATE TABLE t (a INTEGER, b INTEGER GENERATED ALWAYS AS (coalesce(a, 0)) STORED,"
        " c TEXT AS ('x:' || a) VIRTUAL)",
        ("AS (coalesce(a, 0)) STORED", "AS ('x:' || a) VIRTUAL"),
    ),
    "a default of two texts": (
        "CREATE TABLE t (a INTEGER, b TEXT DEFAULT ('x' || ':'))",
        ("DEFAULT ('x' || ':')",),
    ),
    "letters": (
        "CREATE TABLE T (Id INTEGER PRIMARY KEY AUTOINCREMENT, a INTEGER,"
        " E TEXT COLLATE nocase, CHECK (e <> ''))",
        ("AUTOINCREMENT", "COLLATE nocase", "CHECK (e <> '')"),
    ),
}


@pytest.mark.parametrize("what", AS_IT_WAS)
def test_what_sqlalchemy_reads_otherwise_is_as_it_was(
    af_db: CommandLine, files: AlembicProject, file: Path, what: str
) -> None:
    made, kept = AS_IT_WAS[what]

    outcome = upgrade(af_db, files, file, (made, "INSERT INTO t (a) VALUES (4)"), NOT_NULL)

    assert outcome.code == 0, outcome.out
    ((said,),) = rows(file, "SELECT sql FROM sqlite_master WHERE lower(name) = 't'")
    assert "a INTEGER NOT NULL" in said
    for part in kept:
        assert part in said
    assert rows(file, "SELECT a FROM t") == [(4,)]


def test_views_and_triggers_of_other_tables_stay(
    af_db: CommandLine, files: AlembicProject, file: Path
) -> None:
    """SQLite renames no table to what a view speaks of, unless it is to check nothing."""
    beside = (
        "CREATE VIEW v AS SELECT a FROM t",
        "CREATE VIEW broken AS SELECT a FROM nowhere",
        "CREATE TRIGGER on_view INSTEAD OF INSERT ON v BEGIN INSERT INTO t (a) VALUES (new.a); END",
        "CREATE TABLE o (x INTEGER)",
        "CREATE TRIGGER on_other AFTER INSERT ON o BEGIN INSERT INTO v VALUES (new.x); END",
    )

    assert upgrade(af_db, files, file, ("CREATE TABLE t (a INTEGER)", *beside), NOT_NULL).code == 0

    made = {sql for (sql,) in rows(file, "SELECT sql FROM sqlite_master")}
    assert set(beside) <= made
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO o VALUES (7)")
    assert rows(file, "SELECT a FROM v") == [(7,)]


RENAMED = """
with op.batch_alter_table("t") as batch:
    batch.alter_column("e", new_column_name="email", existing_type=sa.Text())
    batch.alter_column("a", nullable=False, existing_type=sa.Integer())
    batch.create_index("ix_new", ["email"])
"""
OF_RENAMED = (
    "CREATE TABLE t (a INTEGER, e TEXT COLLATE NOCASE UNIQUE CHECK (e <> 'e'),"
    " CONSTRAINT ck CHECK (length(e) > 1))",
    "CREATE INDEX ix ON t (lower(e)) WHERE e > 'e'",
    "CREATE VIEW v AS SELECT e FROM t",
    "CREATE TABLE o (x TEXT REFERENCES t (e))",
    "CREATE TRIGGER tr AFTER UPDATE OF e ON t BEGIN DELETE FROM o WHERE x = old.e; END",
)


def test_a_renamed_column_is_renamed_in_all_that_names_it(
    af_db: CommandLine, files: AlembicProject, file: Path
) -> None:
    assert upgrade(af_db, files, file, OF_RENAMED, RENAMED).code == 0

    made = {
        name: sql.replace('"', "")
        for name, sql in rows(file, "SELECT name, sql FROM sqlite_master WHERE sql != ''")
    }
    for part in (
        "a INTEGER NOT NULL",
        "CHECK (email <> 'e')",
        "ck CHECK (length(email) > 1)",
        "UNIQUE (email)",
    ):
        assert part in made["t"]
    assert made["ix"] == "CREATE INDEX ix ON t (lower(email)) WHERE email > 'e'"
    assert made["ix_new"] == "CREATE INDEX ix_new ON t (email)"
    assert made["v"] == "CREATE VIEW v AS SELECT email FROM t"
    assert made["o"] == "CREATE TABLE o (x TEXT REFERENCES t (email))"
    assert "UPDATE OF email ON t" in made["tr"]
    assert "x = old.email" in made["tr"]


def test_what_a_batch_makes_of_a_renamed_column_may_call_it_as_it_was(
    af_db: CommandLine, files: AlembicProject, file: Path
) -> None:
    """Alembic knows it by no other name until the batch has ended."""
    made = ("CREATE TABLE t (a INTEGER, e TEXT)",)
    then = RENAMED.replace('["email"]', '["e"]') + '    batch.create_unique_constraint("uq", ["e"])\n'

    assert upgrade(af_db, files, file, made, then).code == 0

    said = " ".join(str(sql) for (sql,) in rows(file, "SELECT sql FROM sqlite_master"))
    assert "CONSTRAINT uq UNIQUE (email)" in said
    assert "INDEX ix_new ON t (email)" in said


@pytest.mark.parametrize(
    ("names", "rebuilt"),
    [({"a": "b"}, False), ({"a": "b c"}, False), ({"a": "o", "o": "a"}, False), ({"a": "o", "o": "q"}, True)],
)
def test_columns_may_change_places(
    af_db: CommandLine, files: AlembicProject, file: Path, names: dict[str, str], rebuilt: bool
) -> None:
    """Nothing is rebuilt for a name alone, unless the revision says so."""
    steps = "\n".join(
        f"    batch.alter_column({name!r}, new_column_name={new!r})" for name, new in names.items()
    )
    always = ', recreate="always"' if rebuilt else ""
    made = ("CREATE TABLE t (a INTEGER CHECK (a > 0), o INT)", "INSERT INTO t VALUES (1, -2)")

    outcome = upgrade(af_db, files, file, made, f'with op.batch_alter_table("t"{always}) as batch:\n{steps}')

    assert outcome.code == 0, outcome.out
    columns = [name for (name,) in rows(file, "SELECT name FROM pragma_table_info('t')")]
    assert columns == [names.get("a", "a"), names.get("o", "o")]
    assert rows(file, "SELECT * FROM t") == [(1, -2)]
    assert "CHECK" in fails(file, f'INSERT INTO t ("{names["a"]}") VALUES (-1)')
    assert ("_alembic_tmp_t" in outcome.err) == rebuilt


def test_a_check_stays_when_the_type_of_its_column_changes(
    af_db: CommandLine, files: AlembicProject, file: Path
) -> None:
    made = ("CREATE TABLE t (a INTEGER, e VARCHAR(3) CHECK (length(e) > 1) CHECK (e IN ('xx', 'yy')))",)
    longer = 'batch.alter_column("e", type_=sa.String(9), existing_type=sa.String(3))'

    assert (
        upgrade(af_db, files, file, made, f'with op.batch_alter_table("t") as batch:\n    {longer}').code == 0
    )

    ((said,),) = rows(file, "SELECT sql FROM sqlite_master WHERE name = 't'")
    for part in ("e VARCHAR(9)", "CHECK (length(e) > 1)", "CHECK (e IN ('xx', 'yy'))"):
        assert part in said


def test_a_table_of_an_attached_file_keeps_what_it_has(
    af_db: CommandLine, files: AlembicProject, file: Path
) -> None:
    attached = file.with_name("other.db")
    with closing(sqlite3.connect(attached)) as connection, connection:
        for statement in (TABLE, *OTHERS):
            connection.execute(statement)
        connection.execute("INSERT INTO t (a, e) VALUES (6, 'x')")
    then = f"op.execute(\"ATTACH '{attached}' AS other\")\n" + NOT_NULL.replace('"t"', '"t", schema="other"')

    assert upgrade(af_db, files, file, ("CREATE TABLE x (a)",), then).code == 0

    said = " ".join(str(sql) for (sql,) in rows(attached, "SELECT sql FROM sqlite_master"))
    for part in ("AUTOINCREMENT", "NOCASE", "CHECK (a > 0)", "STRICT", "a INTEGER NOT NULL", *OTHERS):
        assert part in said


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
            ("CREATE TABLE t (a INTEGER UNIQUE, b INTEGER REFERENCES t (a) ON DELETE CASCADE)",),
            'batch.drop_constraint("uq_t_a", type_="unique")\n'
            '    batch.drop_constraint("fk_t_b_t", type_="foreignkey")',
            ("UNIQUE", "REFERENCES"),
            id="constraints without a name by a naming convention",
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
    names = {
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    }
    options = f'recreate="always", naming_convention={names}'
    then = f'with op.batch_alter_table("t", {options}) as batch:\n    {change}'

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
    """A rebuild is in no view's way; what SQLite itself does to a table is."""
    made = ("CREATE TABLE t (id INTEGER PRIMARY KEY, a INTEGER)", "CREATE VIEW seen AS SELECT a FROM t")

    outcome = upgrade(af_db, files, file, made, 'op.execute("ALTER TABLE t DROP COLUMN a")')

    assert (outcome.code, outcome.error["code"]) == (7, "has-dependents")
    assert "error in view seen" in outcome.error["message"]
    assert "drop it in the revision first" in outcome.error["next_steps"][1]


GENERATED = (
    "id INTEGER PRIMARY KEY, a INTEGER, b INTEGER GENERATED ALWAYS AS ({expression}) STORED{more}, d TEXT"
)


@pytest.mark.parametrize(
    ("expression", "more", "kept"),
    [
        ("a * 2", ", c TEXT", "a * 2"),
        ("coalesce(a, 2)", ", c TEXT", "coalesce(a, 2)"),
        ("a * 2", " NOT NULL, c TEXT CHECK (c <> ')')", "a * 2"),
        ("a * 2", " CHECK (b > 0), c TEXT DEFAULT (lower('X'))", "a * 2"),
        ("a * 2", ", -- of b)\n c TEXT", "a * 2"),
        ("a * 2", ", c INTEGER AS (a + 1) VIRTUAL", "a * 2"),
    ],
)
def test_a_stored_column_with_others_behind_it_is_kept(
    af_db: CommandLine, files: AlembicProject, file: Path, expression: str, more: str, kept: str
) -> None:
    made = f"CREATE TABLE t ({GENERATED.format(expression=expression, more=more)})"

    outcome = upgrade(af_db, files, file, (made,), NOT_NULL)

    assert outcome.code == 0, outcome.out
    ((sql,),) = rows(file, "SELECT sql FROM sqlite_master WHERE name = 't'")
    assert f"GENERATED ALWAYS AS ({kept}) STORED" in sql
    assert [row[1] for row in rows(file, "PRAGMA table_xinfo(t)")] == ["id", "a", "b", "c", "d"]


@pytest.mark.parametrize("behind", ["/* of ours */ STRICT", "STRICT"])
def test_a_table_that_sqlalchemy_cannot_read_is_named(
    af_db: CommandLine, files: AlembicProject, file: Path, behind: str
) -> None:
    """With SQLAlchemy 2.0 that is each one with a generated column that is STRICT or WITHOUT ROWID."""
    made = f"CREATE TABLE t ({GENERATED.format(expression='a * 2', more='')}) {behind}"

    outcome = upgrade(af_db, files, file, (made,), NOT_NULL)

    if outcome.code == 0:
        assert behind == "STRICT"
        ((sql,),) = rows(file, "SELECT sql FROM sqlite_master WHERE name = 't'")
        assert "GENERATED ALWAYS AS (a * 2) STORED" in sql
        assert sql.rstrip().endswith("STRICT")
        return
    assert (outcome.code, outcome.error["code"]) == (7, "table-not-read"), outcome.out
    assert "cannot read the table t, which batch mode rebuilds" in outcome.error["message"]
    assert "copy_from=sa.Table(...)" in outcome.error["next_steps"][0]
    assert rows(file, "SELECT version_num FROM alembic_version") == [("001",)]
