"""What af-db replaces in Alembic, and what it reads of Alembic that no documentation promises.

No other module does either. Each name has a test of its own, which fails by that name when an Alembic has it
no more: tests/unit/migrate/project/test_alembic_internals.py. Read in Alembic 1.13.3, 1.18.5 and 1.20.1.
"""

import contextlib
import functools
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import comparators
from alembic.config import CommandLine
from alembic.operations.batch import ApplyBatchImpl, BatchOperationsImpl
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import Script, ScriptDirectory

ONLY_WARNED = r"Revision \S+ (is present|referenced)|File .* loaded twice"
"""Faults of the revision files of which Alembic warns, and then runs what is left. A warning has no class or
code of its own, so its words identify it."""

OVERLAPS = "overlaps with other requested"
"""What Alembic says of two rows of the version table of which one builds on the other: a RevisionError, which
many other faults are too."""

PAST_THE_END = re.compile(r"didn't produce|Walked too far")
"""What Alembic says of a step, such as +9, that goes past the end of the history; likewise."""

AMBIGUOUS = "Ambiguous"
"""What Alembic says of a step that could be taken from several heads; likewise."""

RELATIVE = re.compile(r"\w*[+-]\d")
"""How what is typed begins where Alembic takes it for steps from a revision, also where more follows."""

WRITES_NOTHING: Mapping[str, Any] = {"dont_mutate": True}
"""The option with which Alembic's own ``current`` makes its EnvironmentContext. Without it, Alembic makes the
version table before it calls any function of ours; no documented option keeps it from that."""


def comparing_libraries() -> tuple[str, ...]:
    """Return the packages that have registered something for autogenerate to compare besides tables.

    ``comparators.dispatch_for()`` is public; what was registered by it cannot be asked for.
    """
    registered = [each for entry in comparators._registry.values() for each in entry]
    functions = [each[0] if isinstance(each, tuple) else each for each in registered]
    packages = {str(getattr(function, "__module__", "")).partition(".")[0] for function in functions}
    return tuple(sorted(packages - {"alembic", ""}))


@contextlib.contextmanager
def replaced_in_commands(
    build_environment: Callable[..., EnvironmentContext], script: ScriptDirectory
) -> Iterator[None]:
    """Have Alembic's commands, for the block, call ``build_environment`` and use ``script``.

    Each makes its EnvironmentContext and its ScriptDirectory itself, from names of ``alembic.command``, and
    takes neither as an argument: it would run steps of its own choice, and load every file once more. They
    are not safe for threads anyhow: they work on module-level proxies.
    """

    class LoadedScripts:
        @staticmethod
        def from_config(_config: object) -> ScriptDirectory:
            return script

    commands: Any = command
    originals = commands.EnvironmentContext, commands.ScriptDirectory
    commands.EnvironmentContext, commands.ScriptDirectory = build_environment, LoadedScripts
    try:
        yield
    finally:
        commands.EnvironmentContext, commands.ScriptDirectory = originals


@contextlib.contextmanager
def commands_refused(error: Exception) -> Iterator[None]:
    """Have each of Alembic's commands that would run env.py raise this error, for the block."""

    def refuse(*_arguments: object, **_options: object) -> EnvironmentContext:
        raise error

    commands: Any = command
    original = commands.EnvironmentContext
    commands.EnvironmentContext = refuse
    try:
        yield
    finally:
        commands.EnvironmentContext = original


def replace_configure(
    environment: EnvironmentContext, replace: Callable[[Callable[..., None]], Callable[..., None]]
) -> None:
    """Have env.py's ``context.configure()`` call what ``replace`` makes of Alembic's own function.

    The options of an EnvironmentContext would not do: what env.py passes overwrites them. Nor would a
    subclass: Alembic finds the functions of ``alembic.context`` by the exact class.
    """
    environment.configure = replace(environment.configure)  # type: ignore[method-assign]


def replace_run_migrations(
    environment: EnvironmentContext, replace: Callable[[Callable[..., None]], Callable[..., None]]
) -> None:
    """Have env.py's ``context.run_migrations()`` call what ``replace`` makes of Alembic's own function.

    Alembic reads the version table before it calls any function of ours.
    """
    environment.run_migrations = replace(environment.run_migrations)  # type: ignore[method-assign]


def version_rows_table(context: MigrationContext) -> sa.Table:
    """Return the table object that every statement on the version table is made of.

    The documented names of the table are not enough: a revision may have a table object of its own for it.
    """
    return context._version


def version_table_name(context: MigrationContext) -> tuple[str, str | None]:
    """Return the name and the schema of the version table, as env.py or Alembic's defaults have it.

    Documented are the options of ``configure()``, but not where to read what became of them.
    """
    return context.version_table, context.version_table_schema


@functools.cache
def _parser() -> ArgumentParser:
    parser: ArgumentParser = CommandLine(prog="alembic").parser
    return parser


def parsed_command(name: str) -> Namespace:
    """Return what Alembic's own parser makes of ``alembic NAME``, for the caller to fill and to keep.

    A revision that the command has to be given is ``head``. Alembic documents ``Config.cmd_opts`` as such a
    value, but not where its parser is.
    """
    return _parser().parse_args(["-c", "alembic.ini", name, *(["head"] if name in _ON_REVISIONS else [])])


_ON_REVISIONS = ("upgrade", "downgrade", "stamp", "merge", "show", "edit")


def make_step(
    script: ScriptDirectory, revision: Script, module: ModuleType, *, is_upgrade: bool
) -> RevisionStep:
    """Return the step that runs the function of ``module`` for ``revision``.

    Alembic documents that a function of ours returns steps, but not how one is made.
    """
    return _Step(script, revision, module, is_upgrade)


class _Step(RevisionStep):
    def __init__(
        self, script: ScriptDirectory, revision: Script, module: ModuleType, is_upgrade: bool
    ) -> None:
        super().__init__(script.revision_map, revision, is_upgrade)
        self.migration_fn = module.upgrade if is_upgrade else module.downgrade

    def should_delete_branch(self, heads: set[str]) -> bool:
        """Answer at once where there is one head and one parent to go down to.

        Alembic walks through all ancestors to see that nothing else implies the parent, so a downgrade to
        base would be quadratic.
        """
        revision = self.revision
        has_one_parent = isinstance(revision.down_revision, str) and not revision.dependencies
        if has_one_parent and heads == {revision.revision}:
            return False
        return super().should_delete_branch(heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch of operations for which Alembic rebuilds a SQLite table.

    Alembic hands it to nobody: its own documentation ends at the operations inside of the block.
    """

    operations: BatchOperationsImpl

    @property
    def table(self) -> str:
        return str(self.operations.table_name)

    @property
    def connection(self) -> sa.Connection | None:
        """The connection that it works on; None where it only prints SQL."""
        return self.operations.impl.connection

    @property
    def schema(self) -> str:
        """The file that the table is in: the main one, or one that the revision has attached."""
        return self.operations.schema or "main"

    def call_table(self, name: str) -> None:
        """Have Alembic read the table by its own name: SQLAlchemy finds it in the same letters alone."""
        self.operations.table_name = name

    @property
    def restates_table(self) -> bool:
        """Whether the revision says all that the table has, by ``copy_from``."""
        return self.operations.copy_from is not None

    @property
    def restates_checks(self) -> bool:
        """Whether it says the CHECKs that have no name, by ``table_args``: all of them, as Alembic has it."""
        return any(isinstance(argument, sa.CheckConstraint) for argument in self.operations.table_args)

    @property
    def restated_columns(self) -> tuple[str, ...]:
        """The columns that it states, by ``reflect_args``."""
        columns = (item for item in self.operations.reflect_args if isinstance(item, sa.Column))
        return tuple(str(column.name) for column in columns)

    @property
    def steps(self) -> tuple[tuple[str, Sequence[Any], Mapping[str, Any]], ...]:
        """Its operations in order: the name of each, what it is given by place, and by name."""
        return tuple(self.operations.batch)

    @property
    def recreates_always(self) -> bool:
        return bool(self.operations.recreate == "always")

    def replace_steps(self, steps: Sequence[tuple[str, Sequence[Any], Mapping[str, Any]]]) -> None:
        self.operations.batch[:] = [(name, tuple(given), dict(options)) for name, given, options in steps]

    def reorder(self, new_names: Mapping[str, str]) -> None:
        """Have the order of columns that the revision says hold for columns that have another name now."""
        self.operations.partial_reordering = tuple(
            tuple(new_names.get(name, name) for name in part)
            for part in self.operations.partial_reordering or ()
        )

    def named_by_convention(self) -> Iterator[tuple[str, sa.Constraint]]:
        """Yield the constraints without a name that ``naming_convention`` gives one, each with that."""
        if not self.operations.naming_convention or self.connection is None:
            return
        table = sa.Table(
            self.table, sa.MetaData(), schema=self.operations.schema, autoload_with=self.connection
        )
        own = {constraint.name for constraint in table.constraints}
        named = table.to_metadata(sa.MetaData(naming_convention=self.operations.naming_convention))
        for constraint in named.constraints:
            if constraint.name is not None and constraint.name not in own:
                yield str(constraint.name), constraint

    def add_checks(self, checks: Sequence[str]) -> None:
        """Have the new table have these CHECKs too, each without a name."""
        added = (sa.CheckConstraint(sa.text(check.replace(":", "\\:"))) for check in checks)
        self.operations.table_args = (*self.operations.table_args, *added)

    def set_option(self, name: str, value: object) -> None:
        """Have the new table have an option of SQLAlchemy's, unless the revision says another."""
        self.operations.table_kwargs.setdefault(name, value)

    def when_column_is_read(self, adjust: Callable[[Any, Any, dict[str, Any]], None]) -> None:
        """Call SQLAlchemy's event ``column_reflect`` for each column that the old table has."""
        self.operations.reflect_kwargs["listeners"].append(("column_reflect", adjust))


@contextlib.contextmanager
def replaced_in_batches(rebuild: Callable[[Batch, Callable[[], None]], None]) -> Iterator[None]:
    """Have each batch that rebuilds its table be done by ``rebuild``, for the block.

    It is handed the batch and Alembic's own function for it. Alembic copies generated columns too, which no
    database takes; the new table computes them itself.
    """
    flush = BatchOperationsImpl.flush
    create = ApplyBatchImpl._create

    def flush_or_rebuild(operations: BatchOperationsImpl) -> None:
        if operations._should_recreate():
            rebuild(Batch(operations=operations), lambda: flush(operations))
        else:
            flush(operations)

    def create_without_generated(applied: ApplyBatchImpl, op_impl: Any) -> None:
        for name, transfer in applied.column_transfers.items():
            if applied.columns[name].computed is not None:
                transfer.pop("expr", None)
        create(applied, op_impl)

    implementation: Any = BatchOperationsImpl
    applying: Any = ApplyBatchImpl
    implementation.flush = flush_or_rebuild
    applying._create = create_without_generated
    try:
        yield
    finally:
        implementation.flush = flush
        applying._create = create
