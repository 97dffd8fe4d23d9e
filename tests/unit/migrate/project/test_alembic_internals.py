"""The names of Alembic that no documentation promises: each test fails by its name when Alembic changes it.

They run with the newest Alembic and, in ``make test-lowest``, with the oldest one that pyproject.toml takes.
"""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import RevisionContext, comparators
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError

from agent_factory.migrate.project import alembic_internals as internals
from tests.projects import AlembicProject, make_project

Work = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> AlembicProject:
    """Three revisions, 001 to 003."""
    return make_project(tmp_path, tables=3)


@pytest.fixture
def config(files: AlembicProject, connection: sa.Connection) -> Config:
    """The configuration of the files, with the connection as env.py takes it."""
    config = Config(str(files.config))
    config.attributes["connection"] = connection
    return config


@pytest.fixture
def script(config: Config) -> ScriptDirectory:
    return ScriptDirectory.from_config(config)


@pytest.fixture
def connection() -> Iterator[sa.Connection]:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def run_env(config: Config, script: ScriptDirectory, work: Work, **options: Any) -> MigrationContext:
    """Run env.py with this work, and return what it configured."""
    with EnvironmentContext(config, script, fn=work, **options) as environment:
        script.run_env()
        return environment.get_context()


def no_steps(_rows: Any, _context: MigrationContext) -> list[RevisionStep]:
    return []


def step(script: ScriptDirectory, revision: str, *, is_upgrade: bool) -> RevisionStep:
    found = script.get_revision(revision)
    return internals.make_step(script, found, found.module, is_upgrade=is_upgrade)


commands: Any = command  # with the names that it does not declare as its own
COMMANDS: list[tuple[str, Callable[[Config], Any]]] = [
    ("upgrade", lambda config: command.upgrade(config, "head")),
    ("downgrade", lambda config: command.downgrade(config, "base")),
    ("stamp", lambda config: command.stamp(config, "head")),
    ("revision", lambda config: command.revision(config, "more", autogenerate=True)),
]


@pytest.mark.parametrize(("name", "call"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_command_environment_context_is_what_each_command_makes(
    name: str, call: Callable[[Config], Any], config: Config, script: ScriptDirectory
) -> None:
    made: list[dict[str, Any]] = []

    def build(config: Config, script: ScriptDirectory, **options: Any) -> EnvironmentContext:
        made.append(options)
        return EnvironmentContext(config, script, **{**options, "fn": no_steps})

    with internals.replaced_in_commands(build, script), pytest.MonkeyPatch.context() as patch:
        patch.setattr(RevisionContext, "generate_scripts", lambda _self: iter(()))
        call(config)

    assert [list(options)[:1] for options in made] == [["fn"]], (
        f"alembic.command.{name}() makes no alembic.command.EnvironmentContext(config, script, fn=...)"
    )
    assert commands.EnvironmentContext is EnvironmentContext, "command.EnvironmentContext is put back"


@pytest.mark.parametrize(("name", "call"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_command_script_directory_is_what_each_command_reads(
    name: str, call: Callable[[Config], Any], config: Config, script: ScriptDirectory
) -> None:
    read: list[ScriptDirectory] = []

    def build(config: Config, script: ScriptDirectory, **options: Any) -> EnvironmentContext:
        read.append(script)
        return EnvironmentContext(config, script, **{**options, "fn": no_steps})

    with internals.replaced_in_commands(build, script), pytest.MonkeyPatch.context() as patch:
        patch.setattr(RevisionContext, "generate_scripts", lambda _self: iter(()))
        call(config)

    assert read == [script], (
        f"alembic.command.{name}() takes its script from no alembic.command.ScriptDirectory.from_config()"
    )
    assert commands.ScriptDirectory is ScriptDirectory, "command.ScriptDirectory is put back"


def test_configure_of_an_environment_is_what_env_py_calls(config: Config, script: ScriptDirectory) -> None:
    seen: list[dict[str, Any]] = []

    def replace(configure: Callable[..., None]) -> Callable[..., None]:
        def ours(**options: Any) -> None:
            seen.append(options)
            configure(**options, version_table="ours")

        return ours

    environment = EnvironmentContext(config, script, fn=no_steps)
    internals.replace_configure(environment, replace)
    with environment:
        script.run_env()

    assert len(seen) == 1, (
        "env.py's context.configure() calls no EnvironmentContext.configure of the instance"
    )
    assert environment.get_context().version_table == "ours", "EnvironmentContext.configure takes our options"


def test_run_migrations_is_what_env_py_calls_before_alembic_reads_the_version_table(
    config: Config, script: ScriptDirectory
) -> None:
    order: list[str] = []

    def replace(run_migrations: Callable[..., None]) -> Callable[..., None]:
        def ours(**given: Any) -> None:
            order.append("ours")
            run_migrations(**given)

        return ours

    def note_rows(_rows: Any, _context: MigrationContext) -> list[RevisionStep]:
        order.append("rows")
        return []

    environment = EnvironmentContext(config, script, fn=note_rows)
    internals.replace_run_migrations(environment, replace)
    with environment:
        script.run_env()

    assert order == ["ours", "rows"], (
        "env.py's context.run_migrations() calls no EnvironmentContext.run_migrations of the instance"
    )


def test_version_is_the_table_object_of_every_version_row(
    config: Config, script: ScriptDirectory, connection: sa.Connection
) -> None:
    tables: list[Any] = []
    contexts: list[MigrationContext] = []

    def up_and_down(_rows: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        contexts.append(context)
        for revision in ("001", "002"):
            yield step(script, revision, is_upgrade=True)
        for revision in ("002", "001"):
            yield step(script, revision, is_upgrade=False)

    def note(_connection: Any, statement: Any, *_values: Any) -> None:
        if isinstance(statement, sa.Insert | sa.Update | sa.Delete):
            tables.append(statement.table)

    sa.event.listen(connection, "before_execute", note)
    run_env(config, script, up_and_down)

    (context,) = contexts
    assert len(tables) == 4
    assert all(table is internals.version_rows_table(context) for table in tables), (
        "MigrationContext._version is not the table of Alembic's statements on version rows"
    )


def test_version_table_is_the_name_and_version_table_schema_the_schema(connection: sa.Connection) -> None:
    options = {"version_table": "rows", "version_table_schema": "house"}
    named = MigrationContext.configure(connection, opts=options)
    default = MigrationContext.configure(connection)

    names = [internals.version_table_name(context) for context in (named, default)]

    assert names == [("rows", "house"), ("alembic_version", None)], (
        "MigrationContext.version_table and .version_table_schema are not what was configured"
    )


def test_dont_mutate_keeps_alembic_from_making_its_version_table(
    config: Config, script: ScriptDirectory, connection: sa.Connection
) -> None:
    run_env(config, script, no_steps, **internals.WRITES_NOTHING)

    assert not sa.inspect(connection).has_table("alembic_version"), "the option dont_mutate does nothing"


def test_revision_step_runs_its_migration_fn(
    config: Config, script: ScriptDirectory, connection: sa.Connection
) -> None:
    ran: list[str] = []

    class Module:
        upgrade = staticmethod(lambda: ran.append("upgrade"))
        downgrade = staticmethod(lambda: ran.append("downgrade"))

    def steps(_rows: Any, _context: MigrationContext) -> Iterator[RevisionStep]:
        for is_upgrade in (True, False):
            module: Any = Module
            yield internals.make_step(script, script.get_revision("001"), module, is_upgrade=is_upgrade)

    run_env(config, script, steps)

    assert ran == ["upgrade", "downgrade"], "what runs is not RevisionStep.migration_fn"


def test_should_delete_branch_is_asked_and_ours_says_the_same(
    config: Config, script: ScriptDirectory, files: AlembicProject
) -> None:
    files.add("004", ("002", "003"))  # no line: it has two parents
    loaded = ScriptDirectory.from_config(config)
    for revision in ("001", "002", "003", "004"):
        ours = step(loaded, revision, is_upgrade=False)
        theirs = RevisionStep(loaded.revision_map, loaded.get_revision(revision), False)
        for heads in ({revision}, {revision, "003"}, {"004"}):
            assert ours.should_delete_branch(set(heads)) == theirs.should_delete_branch(set(heads)), (
                f"RevisionStep.should_delete_branch of {revision} at {heads}"
            )

    asked: list[set[str]] = []

    def steps(_rows: Any, _context: MigrationContext) -> Iterator[RevisionStep]:
        yield step(script, "001", is_upgrade=True)
        last = step(script, "001", is_upgrade=False)
        last.should_delete_branch = lambda heads: asked.append(set(heads)) or True  # type: ignore
        yield last

    run_env(config, script, steps)
    assert asked == [{"001"}], "RevisionStep.should_delete_branch is not asked once, with all heads"


def test_work_may_be_a_generator_and_is_asked_on_when_a_step_is_committed(
    config: Config, script: ScriptDirectory, connection: sa.Connection
) -> None:
    found: list[object] = []

    def steps(_rows: Any, context: MigrationContext) -> Iterator[RevisionStep]:
        for revision in ("001", "002"):
            yield step(script, revision, is_upgrade=True)
            found.append(connection.in_transaction())

    environment = EnvironmentContext(config, script, fn=steps)
    internals.replace_configure(
        environment,
        lambda configure: (
            lambda **given: configure(**given, transaction_per_migration=True, transactional_ddl=True)
        ),
    )
    with environment:
        script.run_env()

    assert found == [False, False], "EnvironmentContext(fn=...) is asked for a step inside the last one's"


def refused(script: ScriptDirectory, upper: Any, lower: Any, **options: Any) -> str:
    """What Alembic says of revisions that lead nowhere."""
    with pytest.raises(RevisionError) as refusal:
        list(script.iterate_revisions(upper, lower, **options))
    return str(refusal.value)


def test_overlapping_rows_are_told_in_these_words(script: ScriptDirectory) -> None:
    said = refused(script, "heads", ("001", "002"), implicit_base=True)

    assert internals.OVERLAPS in said, f"OVERLAPS: Alembic says now: {said}"


@pytest.mark.parametrize(
    ("upper", "lower", "options"),
    [("+9", ("001",), {"implicit_base": True}), (("003",), "-9", {"select_for_downgrade": True})],
)
def test_the_end_of_the_history_is_told_in_these_words(
    script: ScriptDirectory, upper: Any, lower: Any, options: dict[str, bool]
) -> None:
    said = refused(script, upper, lower, **options)

    assert internals.PAST_THE_END.search(said), f"PAST_THE_END: Alembic says now: {said}"


def test_a_step_from_several_heads_is_told_in_these_words(files: AlembicProject, config: Config) -> None:
    files.add_table("004", "002")

    said = refused(ScriptDirectory.from_config(config), "+1", ("002",), implicit_base=True)

    assert internals.AMBIGUOUS in said, f"AMBIGUOUS: Alembic says now: {said}"


@pytest.mark.parametrize("fault", ["the same id twice", "no such parent", "a folder twice"])
def test_faults_of_files_are_warned_of_in_these_words(
    fault: str, files: AlembicProject, config: Config
) -> None:
    if fault == "the same id twice":
        files.add_table("003", "002").rename(files.versions / "again.py")
        files.add_table("003", "002")
    elif fault == "no such parent":
        files.add_table("004", "nobody")
    else:
        config.set_main_option("version_locations", f"{files.versions};{files.versions}")
        for name in ("path_separator", "version_path_separator"):  # the name from 1.16 on, and before
            config.set_main_option(name, ";")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", internals.ONLY_WARNED, UserWarning)
        try:
            ScriptDirectory.from_config(config).get_heads()
        except UserWarning:
            return
        except KeyError:
            pass  # what the warning was about
    pytest.fail(f"ONLY_WARNED: of {fault} Alembic does not warn in these words")


def test_batch_operations_impl_is_what_a_batch_is_flushed_by(connection: sa.Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    operations = Operations(MigrationContext.configure(connection))
    seen: list[internals.Batch] = []

    def rebuild(batch: internals.Batch, flush: Callable[[], None]) -> None:
        seen.append(batch)
        batch.add_checks(["a > 0"])
        batch.set_option("sqlite_autoincrement", True)
        batch.when_column_is_read(lambda _inspector, _table, column: column.update(comment="read"))
        flush()

    with internals.replaced_in_batches(rebuild):
        with operations.batch_alter_table("t") as native:
            native.add_column(sa.Column("c", sa.Integer))
        with operations.batch_alter_table("t", reflect_args=(sa.Column("b", sa.Text),)) as anew:
            anew.alter_column("a", nullable=False, existing_type=sa.Integer())
            anew.drop_column("c")

    (batch,) = seen
    assert (batch.table, batch.connection, batch.schema) == ("t", connection, "main")
    assert (batch.restates_table, batch.restates_checks, batch.restated_columns) == (False, True, ("b",))
    assert [name for name, _given, _options in batch.steps] == ["alter_column", "drop_column"]
    (_, (_table, altered), options), (_, (_, dropped), _) = batch.steps
    assert (altered, options["nullable"], dropped.name) == ("a", False, "c")
    made = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 't'").scalar_one()
    assert "CHECK (a > 0)" in made
    assert "AUTOINCREMENT" in made


def test_parsed_command_is_what_alembics_own_program_hands_to_env_py() -> None:
    upgrade: Any = internals.parsed_command("upgrade")
    revision: Any = internals.parsed_command("revision")

    assert (upgrade.cmd[0], upgrade.revision, upgrade.sql, upgrade.x) == (
        command.upgrade,
        "head",
        False,
        None,
    )
    assert (revision.cmd[0], revision.autogenerate, revision.name) == (command.revision, False, "alembic")
    assert internals.parsed_command("upgrade") is not upgrade


@pytest.mark.parametrize(
    "name", ["current", "history", "check", "upgrade", "downgrade", "revision", "merge", "stamp"]
)
def test_parsed_command_needs_nothing_more_for(name: str) -> None:
    assert internals.parsed_command(name).cmd[0].__name__ == name


def test_comparators_have_a_registry_of_what_libraries_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    assert internals.comparing_libraries() == (), "what Alembic registers itself is of another package"

    monkeypatch.setattr(comparators, "_registry", {("schema", "default"): [compare_nothing]})

    assert internals.comparing_libraries() == ("tests",), "Dispatcher._registry has no lists of functions"


def compare_nothing() -> None:
    """What a library would register by ``comparators.dispatch_for()``."""
