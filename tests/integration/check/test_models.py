"""Models and migrations are compared object by object: what a model says and no migration makes is found."""

import re
import textwrap
from typing import Any

import pytest

from agent_factory.migrate.checks.throwaway import Looked
from agent_factory.migrate.workflows import check
from tests.commands import CommandLine, run_process
from tests.projects import AlembicProject, make_project

BASE = """
from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()
owners = sa.Table("owners", metadata, sa.Column("id", sa.Integer, primary_key=True))
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), nullable=False, comment="what it is called"),
    sa.Column("size", sa.Integer, server_default="1"),
    sa.Column("twice", sa.Integer, sa.Computed("size * 2", persisted=True)),
    sa.Column("serial", sa.Integer, sa.Identity(start=10), nullable=False),
    sa.Column("state", sa.Enum("new", "old", name="state")),
    sa.Column("owner_id", sa.Integer),
    sa.CheckConstraint("size > 0", name="ck_size"),
    sa.UniqueConstraint("name", name="uq_name"),
    sa.ForeignKeyConstraint(["owner_id"], ["owners.id"], name="fk_owner", ondelete="CASCADE"),
    sa.Index("ix_size", "size", postgresql_where=sa.text("size > 5"), sqlite_where=sa.text("size > 5")),
    comment="the things",
)
"""

ON_SQLITE_TOO = True
CHANGES: dict[str, tuple[str, str, str, bool]] = {
    "type": ('"size", sa.Integer', '"size", sa.BigInteger', "things.size", ON_SQLITE_TOO),
    "length": ("sa.String(50)", "sa.String(60)", "things.name", ON_SQLITE_TOO),
    "nullability": ("sa.String(50), nullable=False", "sa.String(50)", "things.name", ON_SQLITE_TOO),
    "default": ('server_default="1"', 'server_default="2"', "things.size", ON_SQLITE_TOO),
    "no default": (', server_default="1"', "", "things.size", ON_SQLITE_TOO),
    "check": ('"size > 0"', '"size > 1"', "things.ck_size", ON_SQLITE_TOO),
    "index method": ('"ix_size", "size"', '"ix_size", "size", postgresql_using="hash"', "ix_size", False),
    "index order": ('"ix_size", "size"', '"ix_size", sa.desc("size")', "ix_size", ON_SQLITE_TOO),
    "unique index": ('"ix_size", "size"', '"ix_size", "size", unique=True', "ix_size", ON_SQLITE_TOO),
    "predicate": ('"size > 5"', '"size > 6"', "ix_size", ON_SQLITE_TOO),
    "included columns": (
        '"ix_size", "size"',
        '"ix_size", "size", postgresql_include=["name"]',
        "ix_size",
        False,
    ),
    "foreign key rule": ('ondelete="CASCADE"', 'ondelete="SET NULL"', "things.fk_owner", ON_SQLITE_TOO),
    "deferrable": (
        'ondelete="CASCADE"',
        'ondelete="CASCADE", deferrable=True, initially="DEFERRED"',
        "things.fk_owner",
        ON_SQLITE_TOO,
    ),
    "enum label": ('"new", "old", name', '"new", "used", "old", name', "state", False),
    "enum order": ('"new", "old", name', '"old", "new", name', "state", False),
    "column comment": ("what it is called", "its name", "COLUMN public.things.name", False),
    "table comment": ("the things", "all things", "TABLE public.things", False),
    "computed": ("size * 2", "size * 3", "things.twice", ON_SQLITE_TOO),
    "identity": ("sa.Identity(start=10)", "sa.Identity(always=True, start=10)", "things.serial", False),
    "no identity": ("sa.Identity(start=10), ", "", "things.serial", False),
    "identity start": ("start=10", "start=20", "things.serial (its sequence)", False),
    "unique": ('"name", name="uq_name"', '"name", "size", name="uq_name"', "things.uq_name", ON_SQLITE_TOO),
    "nulls not distinct": (
        '"name", name="uq_name"',
        '"name", name="uq_name", postgresql_nulls_not_distinct=True',
        "things.uq_name",
        False,
    ),
    "collation": ("sa.String(50)", 'sa.String(50, collation="C")', "things.name", False),
    "constraint name": ("uq_name", "uq_things_name", "things.uq_things_name", ON_SQLITE_TOO),
    "column": ('"owner_id", sa.Integer)', '"owner_id", sa.Integer), sa.Column("x", sa.Text)', "things.x", True),  # noqa: E501
    "exclusion": (
        'comment="the things"',
        'postgresql.ExcludeConstraint(("size", "="), name="ex", using="btree"), comment="the things"',
        "things.ex",
        False,
    ),
    "unlogged": ('comment="the things"', 'comment="the things", prefixes=["UNLOGGED"]', "things", False),
    "table": ("metadata = sa.MetaData()", 'metadata = sa.MetaData()\nsa.Table("x", metadata, sa.Column("a", sa.Text))', "x", True),  # noqa: E501
    "sequence": ("metadata = sa.MetaData()", 'metadata = sa.MetaData()\nsa.Sequence("counter", metadata=metadata)', "counter", False),  # noqa: E501
}  # fmt: skip
"""What is changed in the models, into what, which object it is, and whether SQLite knows such a thing."""

OF_POSTGRESQL_ALONE = ("unlogged", "collation", "exclusion")
"""What SQLite cannot be given at all: there the models fail, or are made all the same."""


@pytest.fixture(autouse=True)
def _no_round_trips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out another check of the same command, which would take most of the time."""
    monkeypatch.setattr(check, "check_round_trip", lambda *_, **__: Looked(findings=()))


@pytest.fixture
def models(project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str) -> AlembicProject:
    """A project whose one revision makes what its models say."""
    rehearse(monkeypatch, postgresql_url)
    return migrated(project, BASE)


def rehearse(monkeypatch: pytest.MonkeyPatch, postgresql_url: str) -> None:
    """Have revisions tried on the tests' server: to start another one takes a second."""
    monkeypatch.delenv("AF_DB_REHEARSAL")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", postgresql_url)


def migrated(project: AlembicProject, code: str) -> AlembicProject:
    """Give a project these models, and one revision that makes just that, whatever becomes of the models."""
    for path in project.versions.glob("*.py"):
        path.unlink()
    project.write_models(code)
    project.add(
        "001",
        None,
        f"{code}\nmetadata.create_all(op.get_bind())",
        f"{code}\nmetadata.drop_all(op.get_bind())",
    )
    return project


def differences(af_db: CommandLine, project: AlembicProject) -> list[dict[str, Any]]:
    document = af_db("check", "--json", cwd=project.root).document
    assert not [line for line in document["skipped"] if line.startswith("models: on PostgreSQL")], document
    return [item for item in document["findings"] if item["code"].startswith("models")]


def test_models_that_are_migrated_give_no_finding(af_db: CommandLine, models: AlembicProject) -> None:
    assert differences(af_db, models) == []


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_without_a_migration_is_found(
    af_db: CommandLine, models: AlembicProject, change: str
) -> None:
    before, after, name, on_sqlite = CHANGES[change]
    assert before in BASE
    models.write_models(BASE.replace(before, after))
    found = differences(af_db, models)
    names = {item["object"].removeprefix("public.") for item in found}
    assert name in names
    assert all(
        name in other or other in name or change in ("constraint name", "no identity") for other in names
    )
    (told,) = [item for item in found if item["object"].removeprefix("public.") == name]
    assert told["message"].startswith("on PostgreSQL")
    assert told["message"].startswith("on PostgreSQL and SQLite") == on_sqlite
    shown = [re.sub("^on (PostgreSQL|SQLite): ", "", line).split()[0] for line in told["details"]]
    assert shown == ["models", "migrations"] * (len(shown) // 2)


def test_what_only_the_migrations_have_is_found(af_db: CommandLine, models: AlembicProject) -> None:
    models.add(
        "002",
        "001",
        'op.create_table("forgotten", sa.Column("id", sa.Integer, primary_key=True))\n'
        'op.execute("CREATE INDEX ix_forgotten ON things (owner_id)")',
        'op.drop_index("ix_forgotten")\nop.drop_table("forgotten")',
    )
    found = differences(af_db, models)
    assert {item["object"] for item in found} == {"public.forgotten", "public.ix_forgotten"}
    assert all("no model has it" in item["message"] for item in found)


def test_what_models_cannot_say_is_no_finding(af_db: CommandLine, models: AlembicProject) -> None:
    on_postgresql = 'if op.get_bind().dialect.name == "postgresql":\n    op.execute("""{}""")'
    models.add(
        "002",
        "001",
        on_postgresql.format(
            "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';"
            "CREATE VIEW seen AS SELECT id FROM things;"
            "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            "CREATE TRIGGER touched BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION touch();"
            "ALTER TABLE things ENABLE ROW LEVEL SECURITY;"
            "CREATE POLICY mine ON things USING (true);"
            "COMMENT ON VIEW seen IS 'seen';"
        ),
        on_postgresql.format(
            "DROP POLICY mine ON things; ALTER TABLE things DISABLE ROW LEVEL SECURITY;"
            "DROP TRIGGER touched ON things; DROP VIEW seen; DROP FUNCTION one(); DROP FUNCTION touch();"
        ),
    )
    assert differences(af_db, models) == []


def test_a_default_that_calls_a_function_of_the_migrations_can_be_compared(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    code = """
    metadata = sa.MetaData()
    one = sa.text("next_one()")
    sa.Table("a", metadata, sa.Column("id", sa.Integer, server_default=one, primary_key=True))
    """
    bare = make_project(project.root.with_name("functions"))
    bare.write_models(code)
    bare.add(
        "001",
        None,
        "op.execute(\"CREATE FUNCTION next_one() RETURNS int LANGUAGE sql AS 'SELECT 1'\")\n"
        'op.execute("CREATE TABLE a (id integer DEFAULT next_one() CONSTRAINT a_key PRIMARY KEY)")',
        'op.drop_table("a")\nop.execute("DROP FUNCTION next_one()")',
    )
    assert differences(af_db, bare) == []


def test_a_serial_column_of_a_renamed_table_is_the_models_own(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    bare = make_project(project.root.with_name("renamed"))
    bare.add_table("001", None)
    bare.add("002", "001", 'op.rename_table("t001", "t")', 'op.rename_table("t", "t001")')
    bare.write_models(
        'metadata = sa.MetaData()\nsa.Table("t", metadata, sa.Column("id", sa.Integer, primary_key=True))'
    )
    assert differences(af_db, bare) == []


SPELLED = """
metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(20), server_default="new"),
    sa.Column("size", sa.BigInteger, server_default="0"),
    sa.Column("price", sa.Numeric(10, 2), server_default="0.50"),
    sa.Column("names", sa.ARRAY(sa.Text), server_default="{}"),
    sa.Column("made", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("known", sa.Boolean, sa.Computed("state IN ('new', 'old')", persisted=True)),
    sa.CheckConstraint("state IN ('new', 'old')", name="ck_state"),
)
sa.Index("ix_known", things.c.size, postgresql_where=things.c.state.in_(["new", "old"]))
"""
AS_DUMPED = """
CREATE TABLE things (
    id bigint NOT NULL PRIMARY KEY,
    state character varying(20) DEFAULT 'new'::character varying,
    size bigint DEFAULT (0)::bigint,
    price numeric(10,2) DEFAULT 0.50,
    names text[] DEFAULT ARRAY[]::text[],
    made timestamp with time zone DEFAULT CURRENT_TIMESTAMP,
    known boolean GENERATED ALWAYS AS (
        ((state)::text = ANY (ARRAY[('new'::character varying)::text, ('old'::character varying)::text]))
    ) STORED,
    CONSTRAINT ck_state CHECK (
        ((state)::text = ANY (ARRAY[('new'::character varying)::text, ('old'::character varying)::text]))
    )
);
CREATE INDEX ix_known ON things USING btree (size)
    WHERE ((state)::text = ANY (ARRAY[('new'::character varying)::text, ('old'::character varying)::text]))
"""
"""A first revision is often what pg_dump had to say of the database."""


def spelled(project: AlembicProject, code: str) -> AlembicProject:
    bare = make_project(project.root.with_name("spelled"))
    bare.write_models(code)
    bare.add("001", None, f'op.execute("""{AS_DUMPED}""")', 'op.drop_table("things")')
    return bare


def test_two_spellings_of_one_thing_are_no_difference(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    assert differences(af_db, spelled(project, SPELLED)) == []


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("\"state IN ('new', 'old')\", name", "\"state IN ('new', 'gone')\", name", "things.ck_state"),
        ("Computed(\"state IN ('new', 'old')", "Computed(\"state IN ('new', 'gone')", "things.known"),
        ('in_(["new", "old"])', 'in_(["new", "gone"])', "ix_known"),
        ('server_default="0"', 'server_default="1"', "things.size"),
        ('server_default="0.50"', 'server_default="0.51"', "things.price"),
        ('server_default="{}"', 'server_default="{a}"', "things.names"),
        ("sa.func.now()", "sa.func.clock_timestamp()", "things.made"),
    ],
)
def test_what_differs_besides_the_spelling_is_found_alone(
    af_db: CommandLine,
    project: AlembicProject,
    monkeypatch: pytest.MonkeyPatch,
    postgresql_url: str,
    before: str,
    after: str,
    name: str,
) -> None:
    rehearse(monkeypatch, postgresql_url)
    assert before in SPELLED
    found = differences(af_db, spelled(project, SPELLED.replace(before, after)))
    assert [item["object"] for item in found] == [f"public.{name}"]


VALUES = """
metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("size", sa.Integer, server_default={size}),
    sa.Column("price", sa.Numeric(10, 2), server_default={price}),
    sa.Column("known", sa.Boolean, server_default={known}),
    sa.Column("made", sa.DateTime, server_default={made}),
    sa.CheckConstraint({check}, name="ck_size"),
    sa.Index("ix_size", "size", postgresql_where=sa.text({where}), sqlite_where=sa.text({where})),
)
"""
AS_MIGRATED = {
    "size": 'sa.text("0")',
    "price": 'sa.text("0.5")',
    "known": 'sa.text("false")',
    "made": 'sa.text("(CURRENT_TIMESTAMP)")',
    "check": '"(size >= 0)"',
    "where": '"(size > 5)"',
}
AS_MODELLED = {
    "size": '"0"',
    "price": '"0.5"',
    "known": "sa.false()",
    "made": "sa.func.now()",
    "check": '"size >= 0"',
    "where": '"size > 5"',
}


def test_two_spellings_of_one_value_are_no_difference_on_either_database(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    migrated(project, VALUES.format(**AS_MIGRATED))
    project.write_models(VALUES.format(**AS_MODELLED))
    assert differences(af_db, project) == []


@pytest.mark.parametrize(
    ("part", "other", "name"),
    [
        ("size", '"1"', "things.size"),
        ("size", "None", "things.size"),
        ("price", '"0.6"', "things.price"),
        ("known", "sa.true()", "things.known"),
        ("check", '"(size) > (0)"', "things.ck_size"),
        ("where", '"(size > 5) OR (size < 3)"', "ix_size"),
    ],
)
def test_another_value_is_found_on_both_databases(
    af_db: CommandLine,
    project: AlembicProject,
    monkeypatch: pytest.MonkeyPatch,
    postgresql_url: str,
    part: str,
    other: str,
    name: str,
) -> None:
    rehearse(monkeypatch, postgresql_url)
    migrated(project, VALUES.format(**AS_MIGRATED))
    project.write_models(VALUES.format(**{**AS_MODELLED, part: other}))
    (found,) = differences(af_db, project)
    assert found["object"] == f"public.{name}"
    assert found["message"].startswith("on PostgreSQL and SQLite: ")


def test_names_may_have_a_percent_sign(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    code = """
    metadata = sa.MetaData()
    share = sa.Column("in %s", sa.Numeric, sa.Sequence("5%d"), server_default="1")
    sa.Table("100%", metadata, sa.Column("id", sa.Integer, primary_key=True), share, schema="%(a)s")
    """
    code = textwrap.dedent(code)
    before = """op.get_bind().exec_driver_sql('CREATE SCHEMA IF NOT EXISTS "%%(a)s"', {"a": 1})"""
    migrated(project, code)
    (path,) = project.versions.glob("*.py")
    path.write_text(
        path.read_text().replace("    metadata.create_all", f"    {before}\n    metadata.create_all")
    )
    assert differences(af_db, project) == []


def test_two_differences_of_one_name_are_two_findings(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    code = """
    metadata = sa.MetaData()
    columns = [sa.Column("id", sa.Integer, primary_key=True), sa.Column("active", sa.Integer)]
    sa.Table("t", metadata, *columns)
    """
    migrated(project, textwrap.dedent(code))
    project.write_models(
        code.replace('"active", sa.Integer)', '"active", sa.SmallInteger)').replace(
            "*columns", '*columns, sa.CheckConstraint("active IN (0, 1)", name="active")'
        )
    )
    found = differences(af_db, project)
    assert [item["object"] for item in found] == ["public.t.active"] * 2
    assert all(item["message"].startswith("on PostgreSQL and SQLite: ") for item in found)
    assert any("the models have constraint" in item["message"] for item in found)


def test_what_differs_otherwise_on_each_database_is_shown_of_each(
    af_db: CommandLine, models: AlembicProject
) -> None:
    models.write_models(BASE.replace("sa.String(50)", 'sa.String(60).with_variant(sa.Integer, "sqlite")'))
    (told,) = differences(af_db, models)
    assert told["details"] == [
        "on PostgreSQL: models      character varying(60) NOT NULL",
        "on PostgreSQL: migrations  character varying(50) NOT NULL",
        "on SQLite: models      INTEGER NOT NULL",
        "on SQLite: migrations  VARCHAR(50) NOT NULL",
    ]


def test_models_that_fail_for_other_reasons_on_each_database_are_two_findings(
    af_db: CommandLine, models: AlembicProject, sqlite_url: str
) -> None:
    models.write_models(
        BASE + 'sa.event.listen(metadata, "before_create", lambda _, connection, **facts: '
        "connection.exec_driver_sql(f'SELECT no_column_of_{connection.dialect.name}'))"
    )
    document = af_db("check", "--json", cwd=models.root, url=sqlite_url).document
    found = [item["message"] for item in document["findings"]]
    assert len(found) == 2
    assert found[0].startswith("on PostgreSQL: ")
    assert found[1].startswith("on SQLite: ")


def test_defaults_are_left_out_where_env_py_says_so(af_db: CommandLine, models: AlembicProject) -> None:
    models.write_models(BASE.replace('server_default="1"', 'server_default="2"'))
    env_py = models.env_py.read_text()
    models.env_py.write_text(
        env_py.replace("render_as_batch=True", "render_as_batch=True, compare_server_default=False")
    )
    assert differences(af_db, models) == []


def test_tables_that_env_py_hides_from_autogenerate_are_left_out(
    af_db: CommandLine, models: AlembicProject
) -> None:
    models.add_table("002", "001")
    assert [item["object"] for item in differences(af_db, models)] == ["public.t002"]
    env_py = models.env_py.read_text()
    models.env_py.write_text(
        env_py.replace("render_as_batch=True", 'include_object=lambda _, name, kind, *rest: name != "t002"')
    )
    assert differences(af_db, models) == []


@pytest.mark.parametrize(
    "hides",
    [
        'include_object=lambda _, name, kind, *rest: (kind, name) != ("column", "mood")',
        'include_name=lambda name, kind, parents: (kind, name, parents.get("table_name")) != '
        '("column", "mood", "things")',
    ],
    ids=["include_object", "include_name"],
)
def test_columns_that_env_py_hides_are_left_out_with_the_types_that_only_they_have(
    af_db: CommandLine, models: AlembicProject, hides: str
) -> None:
    models.add(
        "002",
        "001",
        "op.execute(\"CREATE TYPE mood AS ENUM ('good')\")\n"
        'op.execute("ALTER TABLE things ADD mood mood[]")\n'
        "op.execute(\"COMMENT ON COLUMN things.mood IS 'how it is'\")",
        'op.execute("ALTER TABLE things DROP mood")\nop.execute("DROP TYPE mood")',
    )
    assert {item["object"] for item in differences(af_db, models)} >= {"public.things.mood", "public.mood"}
    models.env_py.write_text(models.env_py.read_text().replace("render_as_batch=True", hides))
    assert differences(af_db, models) == []


def test_a_project_without_models_is_told(
    af_db: CommandLine, project: AlembicProject, monkeypatch: pytest.MonkeyPatch, postgresql_url: str
) -> None:
    rehearse(monkeypatch, postgresql_url)
    document = af_db("check", "--json", cwd=project.root).document
    assert document["findings"] == []
    assert "models: on PostgreSQL: env.py gives Alembic no models (target_metadata)" in document["skipped"]


CONDITIONS = """
metadata = sa.MetaData()
sa.Table(
    "things",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(20)),
    sa.Column("size", sa.Integer),
    sa.CheckConstraint({condition!r}, name="ck"),
    sa.CheckConstraint("size < 9", name="ck_size"),
)
"""
MADE = """
CREATE TABLE things (id bigint PRIMARY KEY, state varchar(20), size int,
                     CONSTRAINT ck CHECK ({condition}), CONSTRAINT ck_size CHECK (size < 9))
"""


@pytest.mark.parametrize(
    ("models", "migrations", "is_same"),
    [
        ("state = 'a' OR state = 'b'", "state IN ('a', 'b')", True),
        ("state IN ('b', 'a')", "state IN ('a', 'b')", True),
        ("size = 1 OR size = 2 OR size = 3", "size IN (1, 2, 3)", True),
        ("NOT (size < 1)", "size >= 1", True),
        ("state = 'a' OR state = 'c'", "state IN ('a', 'b')", False),
        ("state = 'a'", "state IN ('a', 'b')", False),
        ("state IN ('a', 'b') AND state IS NOT NULL", "state IN ('a', 'b')", False),
        ("size < 10", "size < 20", False),
    ],
)
def test_two_conditions_that_allow_the_same_rows_are_no_difference(
    af_db: CommandLine,
    project: AlembicProject,
    monkeypatch: pytest.MonkeyPatch,
    postgresql_url: str,
    models: str,
    migrations: str,
    is_same: bool,
) -> None:
    """What other constraints of the table refuse is no part of the proof."""
    rehearse(monkeypatch, postgresql_url)
    bare = make_project(project.root.with_name("conditions"))
    bare.write_models(CONDITIONS.format(condition=models))
    bare.add("001", None, f'op.execute("""{MADE.format(condition=migrations)}""")', 'op.drop_table("things")')

    found = [item for item in differences(af_db, bare) if "on PostgreSQL" in item["message"]]

    assert [item["object"] for item in found] == ([] if is_same else ["public.things.ck"])


def test_what_another_library_compares_is_said_to_be_left_out(
    project: AlembicProject,
) -> None:
    project.write_models(BASE)
    (project.root / "replaceable.py").write_text(
        "from alembic.autogenerate import comparators\n\n\n"
        "@comparators.dispatch_for('schema')\n"
        "def compare_views(autogen_context, upgrade_ops, schemas):\n    pass\n"
    )
    project.env_py.write_text(f"import replaceable\n{project.env_py.read_text()}")

    outcome = run_process("check", "--json", cwd=project.root, environment={"PYTHONPATH": str(project.root)})

    assert "models: what replaceable has Alembic compare besides tables" in outcome.document["skipped"]
