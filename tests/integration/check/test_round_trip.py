"""Every revision goes up, down and up again with rows in the tables, on PostgreSQL and on SQLite."""

from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

ROOT = Path(__file__).parents[3]
CODES = {
    *("upgrade-fails", "downgrade-fails", "downgrade-differs", "downgrade-loses-rows"),
    *("second-upgrade-differs", "irreversible", "not-for-sqlite"),
    "downgrade-changes-rows",
}
ADD = 'op.add_column("t003", sa.Column("name", sa.String(20)))'
DROP = 'with op.batch_alter_table("t003") as table:\n    table.drop_column("name")'


@pytest.fixture(autouse=True)
def _tried_on_the_tests_server(monkeypatch: pytest.MonkeyPatch, postgresql_url: str) -> None:
    monkeypatch.delenv("AF_DB_REHEARSAL")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", postgresql_url)


def check(af_db: CommandLine, root: Path, url: str | None = None) -> tuple[list[dict[str, Any]], list[str]]:
    """What the check found of the revisions' ways, and what it left out."""
    document = af_db("check", "--json", cwd=root, url=url).document
    found = [item for item in document["findings"] if item["code"] in CODES]
    return found, [line for line in document["skipped"] if line.startswith("up and down")]


def the_one(found: list[dict[str, Any]], code: str, revision: str = "004") -> dict[str, Any]:
    (told,) = found
    assert told["code"] == code
    assert Path(told["file"]).name == f"{revision}_step_{revision}.py"
    return told


def test_revisions_that_undo_what_they_do_give_no_finding(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add("004", "003", ADD, DROP)
    assert check(af_db, project.root) == ([], [])


def test_this_projects_own_revisions_go_up_and_down(af_db: CommandLine) -> None:
    assert check(af_db, ROOT) == ([], [])


def test_a_downgrade_that_leaves_something_is_found(af_db: CommandLine, project: AlembicProject) -> None:
    project.add("004", "003", 'op.create_index("ix_a", "t001", ["id"])\n' + ADD, DROP)
    found, _skipped = check(af_db, project.root)
    told = [item for item in found if item["code"] == "downgrade-differs"]
    assert the_one(told, "downgrade-differs")["message"].startswith("on PostgreSQL and SQLite: 004")
    assert "ix_a" in told[0]["details"][0]
    assert {item["code"] for item in found} == {"downgrade-differs", "upgrade-fails"}


def test_a_downgrade_that_drops_too_much_is_found(af_db: CommandLine, project: AlembicProject) -> None:
    project.add("004", "003", "pass", 'op.drop_table("t003")')
    told = the_one(check(af_db, project.root)[0][:1], "downgrade-differs")
    assert "t003" in told["details"][0]


def test_a_downgrade_that_fails_is_found_with_its_line(af_db: CommandLine, project: AlembicProject) -> None:
    path = project.add("004", "003", ADD, 'op.drop_table("never_made")')
    project.add("005", "004")
    found, _skipped = check(af_db, project.root)
    assert [item["message"].partition(":")[0] for item in found] == ["on PostgreSQL", "on SQLite"]
    told = the_one(found[:1], "downgrade-fails")
    assert "op.drop_table" in path.read_text().splitlines()[told["line"] - 1]


def test_a_downgrade_that_raises_on_purpose_is_a_note(af_db: CommandLine, project: AlembicProject) -> None:
    project.add("004", "003", ADD, 'raise NotImplementedError("the names are gone")')
    project.add("005", "004")
    told = the_one(check(af_db, project.root)[0], "irreversible")
    assert told["level"] == "note"
    assert "the names are gone" in told["message"]


def test_a_new_column_that_existing_rows_cannot_have_is_found(
    af_db: CommandLine, project: AlembicProject
) -> None:
    upgrade = (
        'with op.batch_alter_table("t003") as table:\n'
        '    table.add_column(sa.Column("name", sa.String(20), nullable=False))'
    )
    project.add("004", "003", upgrade, DROP)
    found, _skipped = check(af_db, project.root)
    assert [item["code"] for item in found] == ["upgrade-fails"] * 2
    assert all("null" in item["message"].lower() for item in found)


def test_a_downgrade_that_loses_rows_is_found(af_db: CommandLine, project: AlembicProject) -> None:
    project.add(
        "004",
        "003",
        ADD,
        'op.drop_table("t003")\nop.create_table("t003", sa.Column("id", sa.Integer, primary_key=True))',
    )
    told = the_one(check(af_db, project.root)[0], "downgrade-loses-rows")
    assert told["message"].startswith("on PostgreSQL and SQLite")
    assert told["details"] == ["public.t003: 2 of 2 rows"]


def test_values_that_change_both_ways_are_no_loss_of_rows(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add(
        "004",
        "003",
        """
        op.create_table(
            "users",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("role", sa.String(20), nullable=False),
            sa.CheckConstraint("role IN ('user', 'member')"),
        )
        """,
        'op.drop_table("users")',
    )
    update = "op.execute(\"UPDATE users SET role = '{}' WHERE role = '{}'\")"
    project.add("005", "004", update.format("member", "user"), update.format("user", "member"))
    told = the_one(check(af_db, project.root)[0], "downgrade-changes-rows", "005")
    assert told["level"] == "note"
    assert told["details"] == ["public.users.role: 1 of 2 rows"]


def test_rows_without_a_key_are_compared_as_a_whole(af_db: CommandLine, project: AlembicProject) -> None:
    project.add(
        "004",
        "003",
        'op.create_table("bare", sa.Column("n", sa.Integer, nullable=False))',
        'op.drop_table("bare")',
    )
    project.add("005", "004", "pass", 'op.execute("UPDATE bare SET n = -n")')
    told = the_one(check(af_db, project.root)[0], "downgrade-loses-rows", "005")
    assert told["details"] == ["public.bare: 2 of 2 rows"]


def test_what_the_upgrade_itself_deletes_is_not_the_downgrades_loss(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add("004", "003", 'op.execute("DELETE FROM t003")')
    project.add(
        "005",
        "004",
        'op.drop_table("t003")',
        'op.create_table("t003", sa.Column("id", sa.Integer, primary_key=True))',
    )
    assert check(af_db, project.root)[0] == []


def test_an_upgrade_that_ends_elsewhere_the_second_time_is_found(
    af_db: CommandLine, project: AlembicProject
) -> None:
    marker = project.root / "was_run"
    project.add(
        "004",
        "003",
        f"""
        from pathlib import Path
        marker = Path({str(marker)!r} + op.get_bind().dialect.name)
        runs = len(marker.read_text()) if marker.exists() else 0
        marker.write_text("x" * (runs + 1))
        op.create_table("a", sa.Column("id", sa.Integer), sa.Column("b" if runs == 2 else "c", sa.Integer))
        """,
        'op.drop_table("a")',
    )
    the_one(check(af_db, project.root)[0], "second-upgrade-differs")


def test_revisions_for_postgresql_alone_are_one_note(af_db: CommandLine, project: AlembicProject) -> None:
    for revision, follows in (("004", "003"), ("005", "004")):
        project.add(
            revision,
            follows,
            f'op.execute("CREATE SEQUENCE s{revision}")',
            f'op.execute("DROP SEQUENCE s{revision}")',
        )
    told = the_one(check(af_db, project.root)[0], "not-for-sqlite")
    assert told["level"] == "note"


@pytest.mark.slow
def test_they_are_an_error_where_sqlite_is_the_projects_database(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.add("004", "003", 'op.execute("CREATE SEQUENCE s")', 'op.execute("DROP SEQUENCE s")')
    told = the_one(check(af_db, project.root, url=sqlite_url)[0], "upgrade-fails")
    assert told["message"].startswith("on SQLite: ")


@pytest.mark.slow
def test_the_configuration_says_which_databases_the_project_is_meant_for(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.add("004", "003", 'op.execute("CREATE SEQUENCE s")', 'op.execute("DROP SEQUENCE s")')
    configuration = project.root / "pyproject.toml"

    configuration.write_text('[tool.af-db]\ndatabases = ["postgresql", "sqlite"]\n')
    the_one(check(af_db, project.root)[0], "upgrade-fails")
    configuration.write_text('[tool.af-db]\ndatabases = ["postgresql"]\n')
    the_one(check(af_db, project.root, url=sqlite_url)[0], "not-for-sqlite")


def test_what_is_wrong_everywhere_is_no_note_where_there_is_no_postgresql(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AF_DB_SCRATCH_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    path = project.add("004", "003", "op.execute(no_such_name)")
    told = the_one(check(af_db, project.root)[0], "upgrade-fails")
    assert "no_such_name" in told["message"]
    path.unlink()
    project.add(
        "004",
        "003",
        'from sqlalchemy.dialects import postgresql\nop.add_column("t003", sa.Column("a", postgresql.INET))',
    )
    the_one(check(af_db, project.root)[0], "not-for-sqlite")
    project.add("004", "003", 'op.create_unique_constraint("u", "t003", ["id"])')
    the_one(check(af_db, project.root)[0], "not-for-sqlite")


def test_whatever_sqlite_lacks_is_a_note_where_postgresql_has_it(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add("004", "003", "sa.inspect(op.get_bind()).get_enums()")
    the_one(check(af_db, project.root)[0], "not-for-sqlite")


def test_one_revision_that_fails_for_other_reasons_on_each_database_is_two_findings(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    project.add(
        "004",
        "003",
        'op.execute("SELEC 1" if op.get_bind().dialect.name == "sqlite" else "DROP TABLE nothere")',
    )
    found, _skipped = check(af_db, project.root, url=sqlite_url)
    assert [item["code"] for item in found] == ["upgrade-fails"] * 2
    assert [item["message"].partition(":")[0] for item in found] == ["on PostgreSQL", "on SQLite"]


@pytest.mark.parametrize(
    ("upgrade", "downgrade"),
    [
        pytest.param('op.create_index("ix", "t003", ["id"])', "pass", id="nothing undone"),
        pytest.param(ADD, 'op.drop_table("t003")\nraise RuntimeError("no way back")', id="half undone"),
        pytest.param("pass", 'op.drop_table("t003")', id="too much undone"),
    ],
)
@pytest.mark.slow
def test_a_downgrade_that_leaves_a_mess_does_not_hide_what_comes_later(
    af_db: CommandLine, project: AlembicProject, upgrade: str, downgrade: str
) -> None:
    project.add("004", "003", upgrade, downgrade)
    project.add("005", "004", 'op.execute("UPDATE t003 SET id = id")', 'op.drop_table("never_made")')
    found, skipped = check(af_db, project.root)
    assert {item["code"] for item in found if item["file"].endswith("005_step_005.py")} == {"downgrade-fails"}
    assert skipped == []


@pytest.mark.slow
def test_what_nothing_can_be_tried_after_is_said(af_db: CommandLine, project: AlembicProject) -> None:
    project.add("004", "003", 'op.drop_table("never_made")')
    project.add("005", "004")
    assert (
        "up and down: on PostgreSQL: the 1 revision after 004: they need it" in check(af_db, project.root)[1]
    )
    project.add("006", "005")
    assert (
        "up and down: on PostgreSQL: the 2 revisions after 004: they need it" in check(af_db, project.root)[1]
    )


@pytest.mark.parametrize("clause", ["", "IF NOT EXISTS "])
def test_a_label_that_an_enum_keeps_is_irreversible(
    af_db: CommandLine, project: AlembicProject, clause: str
) -> None:
    on_postgresql = 'if op.get_bind().dialect.name == "postgresql":\n    op.execute("{}")'
    project.add(
        "004",
        "003",
        on_postgresql.format("CREATE TYPE mood AS ENUM ('good')"),
        on_postgresql.format("DROP TYPE mood"),
    )
    project.add("005", "004", on_postgresql.format(f"ALTER TYPE mood ADD VALUE {clause}'bad'"))
    project.add("006", "005", 'op.create_index("ix", "t003", ["id"])', 'op.drop_index("ix")')
    found, skipped = check(af_db, project.root)
    told = the_one(found, "irreversible", "005")
    assert told["level"] == "note"
    assert told["details"] == ["public.mood: 'bad'"]
    assert skipped == []


def test_what_runs_on_sqlite_and_fails_on_postgresql_is_found(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add("004", "003", 'op.execute("INSERT OR IGNORE INTO t003 VALUES (7)")')
    told = the_one(check(af_db, project.root)[0], "upgrade-fails")
    assert told["message"].startswith("on PostgreSQL: ")


@pytest.mark.slow
def test_a_branch_and_its_merge_go_up_and_down(af_db: CommandLine, project: AlembicProject) -> None:
    project.add_table("004", "002")
    project.add("005", ("003", "004"))
    project.add("006", "005", ADD, DROP)
    assert check(af_db, project.root)[0] == []


def test_rows_please_foreign_keys_checks_and_types(af_db: CommandLine, project: AlembicProject) -> None:
    project.add(
        "004",
        "003",
        """
        op.create_table(
            "plans",
            sa.Column("id", sa.Uuid, primary_key=True),
            sa.Column("kind", sa.String(10), nullable=False, unique=True),
            sa.CheckConstraint("kind IN ('free', 'pro')"),
            sa.Column("currency", sa.String(3), sa.CheckConstraint("length(currency) = 3"), nullable=False),
            sa.Column("mood", sa.Enum("good", "bad", name="mood"), nullable=False),
            sa.Column("price", sa.Numeric(4, 2), sa.CheckConstraint("price >= 0"), nullable=False),
            sa.Column("settings", sa.JSON, nullable=False),
            sa.Column("picture", sa.LargeBinary, nullable=False),
            sa.Column("is_sold", sa.Boolean, nullable=False),
            sa.Column("share", sa.Double, nullable=False),
            sa.Column("parent_id", sa.Uuid, sa.ForeignKey("plans.id")),
        )
        op.create_table(
            "periods",
            sa.Column("plan_id", sa.Uuid, sa.ForeignKey("plans.id"), primary_key=True),
            sa.Column("begins", sa.DateTime(timezone=True), nullable=False),
            sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
            sa.Column("day", sa.Date, nullable=False),
            sa.Column("hour", sa.Time, nullable=False),
            sa.CheckConstraint("ends > begins"),
        )
        """,
        """
        op.drop_table("periods")
        op.drop_table("plans")
        sa.Enum(name="mood").drop(op.get_bind(), checkfirst=True)
        """,
    )
    project.add(
        "005",
        "004",
        """
        assert op.get_bind().scalar(sa.text("SELECT count(*) FROM periods")) in (0, 2)
        """,
    )
    assert check(af_db, project.root) == ([], [])


@pytest.mark.slow
def test_rows_please_patterns_and_tables_that_refer_to_each_other(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add(
        "004",
        "003",
        """
        is_postgresql = op.get_bind().dialect.name == "postgresql"
        regular = "code ~ '^[A-Z]{2}-[0-9]+$'" if is_postgresql else "code GLOB '[A-Z][A-Z]-[0-9]*'"
        op.create_table(
            "pupils",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("mail", sa.String(20), nullable=False, unique=True),
            sa.Column("code", sa.String(9), nullable=False, unique=True),
            sa.Column("share", sa.Numeric(3, 3), nullable=False),
            sa.CheckConstraint("mail LIKE '%@%'"),
            sa.CheckConstraint(regular),
            sa.CheckConstraint("share > 0 AND share < 0.5"),
            sa.Column("twin", sa.Integer, sa.ForeignKey("pupils.id"), nullable=False),
        )
        both = {"deferrable": True, "initially": "DEFERRED"}
        for pair, options in (("a", both), ("b", {})):
            other = sa.ForeignKey(f"{pair}2.id", use_alter=is_postgresql, name=f"fk_{pair}", **options)
            metadata = sa.MetaData()
            sa.Table(
                f"{pair}1",
                metadata,
                sa.Column("id", sa.Uuid, primary_key=True),
                sa.Column("other", sa.Uuid, other, nullable=False),
            )
            sa.Table(
                f"{pair}2",
                metadata,
                sa.Column("id", sa.Uuid, primary_key=True),
                sa.Column("other", sa.Uuid, sa.ForeignKey(f"{pair}1.id"), nullable=False),
            )
            metadata.create_all(op.get_bind())
        """,
        """
        if op.get_bind().dialect.name == "postgresql":
            op.drop_constraint("fk_a", "a1")
            op.drop_constraint("fk_b", "b1")
        for table in ("pupils", "a2", "a1", "b2", "b1"):
            op.drop_table(table)
        """,
    )
    assert check(af_db, project.root) == ([], [])


def test_a_column_that_no_row_can_have_is_found_in_a_table_without_rows(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add(
        "004",
        "003",
        'op.create_table("odd", sa.Column("n", sa.Integer, nullable=False),'
        ' sa.CheckConstraint("n % 7919 = 5000", name="ck"))',
        'op.drop_table("odd")',
    )
    drop = 'with op.batch_alter_table("odd") as table:\n    table.drop_column("x")'
    path = project.add(
        "005",
        "004",
        'op.add_column("odd", sa.Column("x", sa.Integer, nullable=False, server_default="1"))\n'
        'with op.batch_alter_table("odd") as table:\n    table.alter_column("x", server_default=None)',
        drop,
    )
    assert check(af_db, project.root)[0] == []
    path.unlink()
    project.add(
        "005",
        "004",
        'with op.batch_alter_table("odd") as table:\n'
        '    table.add_column(sa.Column("x", sa.Integer, nullable=False))',
        drop,
    )
    told = the_one(check(af_db, project.root)[0], "upgrade-fails", "005")
    assert "upgrade() of 005 fails where public.odd has rows: x is NOT NULL" in told["message"]


def test_a_table_that_cannot_be_filled_is_named(af_db: CommandLine, project: AlembicProject) -> None:
    project.add(
        "004",
        "003",
        'op.create_table("odd", sa.Column("n", sa.Integer, nullable=False),'
        ' sa.CheckConstraint("n % 7919 = 5000"))',
        'op.drop_table("odd")',
    )
    found, skipped = check(af_db, project.root)
    assert found == []
    assert [line.partition(": none")[0] for line in skipped] == [
        "up and down: on PostgreSQL: rows in public.odd",
        "up and down: on SQLite: rows in odd",
    ]


def test_rows_that_were_made_up_are_not_held_against_a_revision(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add("004", "003", ADD, DROP)
    project.add(
        "005",
        "004",
        'with op.batch_alter_table("t003") as table:\n'
        '    table.create_check_constraint("ck", "length(name) > 15")',
        'with op.batch_alter_table("t003") as table:\n    table.drop_constraint("ck", type_="check")',
    )
    found, skipped = check(af_db, project.root)
    assert found == []
    assert any("upgrade of 005 with rows" in line for line in skipped)


def test_without_a_rehearsal_the_revisions_still_run_on_sqlite(
    af_db: CommandLine, project: AlembicProject
) -> None:
    project.add("004", "003", "raise RuntimeError")
    document = af_db("check", "--json", "--no-rehearsal", cwd=project.root).document
    (found,) = (item for item in document["findings"] if item["code"] in CODES)
    assert (found["code"], found["message"].partition(":")[0]) == ("upgrade-fails", "on SQLite")
    assert "up and down: on PostgreSQL: --no-rehearsal" in document["skipped"]


CHECKED = (
    "CREATE TABLE checked (id int PRIMARY KEY, status varchar(20) CONSTRAINT ck CHECK (status IN ('a', 'b')))"
)
WIDER = "ALTER TABLE checked ALTER COLUMN status TYPE varchar({})"


@pytest.mark.slow
def test_a_condition_that_comes_back_in_other_words_is_the_same(
    af_db: CommandLine, project: AlembicProject
) -> None:
    """ALTER TYPE prints the condition and parses that."""
    on_postgresql = 'if op.get_bind().dialect.name == "postgresql":\n    op.execute("{}")'
    project.add("004", "003", on_postgresql.format(CHECKED), on_postgresql.format("DROP TABLE checked"))
    project.add("005", "004", on_postgresql.format(WIDER.format(30)), on_postgresql.format(WIDER.format(20)))
    assert check(af_db, project.root) == ([], [])

    other = "ALTER TABLE checked DROP CONSTRAINT ck, ADD CONSTRAINT ck CHECK (status IN ('a', 'c'))"
    project.add("006", "005", on_postgresql.format(WIDER.format(40)), on_postgresql.format(other))
    told = the_one(check(af_db, project.root)[0][:1], "downgrade-differs", "006")
    assert any("constraint public.checked.ck" in line for line in told["details"])


def test_a_revision_that_does_not_end_is_ended(af_db: CommandLine, project: AlembicProject) -> None:
    """The checks have the rehearsal's time limit."""
    project.add("004", "003", "import time\ntime.sleep(60)")

    outcome = af_db("check", "--rehearsal-timeout", "500ms", "--json", cwd=project.root)

    assert outcome.code == 3
    found = [item for item in outcome.document["findings"] if item["code"] == "upgrade-fails"]
    assert any("it did not finish in 500 ms" in str(item) for item in found)


def test_a_schema_that_env_py_sets_and_nothing_makes_is_said(
    af_db: CommandLine, project: AlembicProject
) -> None:
    code = project.env_py.read_text()
    sets = (
        'if connection.dialect.name == "postgresql":\n'
        '    connection.exec_driver_sql("SET search_path TO t2")\n    connection.commit()\n'
    )
    project.env_py.write_text(code.replace("context.configure(", f"{sets}context.configure(", 1))

    outcome = af_db("check", "--json", cwd=project.root)

    assert outcome.code == 0, outcome.out
    (said,) = [line for line in outcome.document["skipped"] if line.startswith("up and down: on PostgreSQL")]
    assert "env.py sets a schema that an empty database lacks" in said
