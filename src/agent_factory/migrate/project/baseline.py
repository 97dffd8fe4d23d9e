"""The baseline of a project: what its first revision begins with, and no revision makes."""

import contextlib
import hashlib
import inspect
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog import Scope, read_catalog
from agent_factory.migrate.db.own import own
from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.migrate.db.sql import blanked, statements
from agent_factory.migrate.db.transaction_control import begins_with_end
from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.project.commands import read_current
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.project.connections import guarded
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.named_functions import import_named
from agent_factory.migrate.project.output import stdout_kept_clean
from agent_factory.plain_text import text_of

_SHOWN_SQL = 200
_OF_SOMEBODY = frozenset({"table", "view", "materialized view", "foreign table"})
"""What shows that somebody has made a schema there. Roles, schemas and extensions may be made beforehand."""
_OF_TRANSACTIONS = re.compile(
    r"(?:begin|start|commit|end)(?:\s+(?:work|transaction))?|pragma\s+foreign_keys\s*=\s*\w+", re.IGNORECASE
)
"""What a dump has around it. The whole baseline is one transaction."""
_OF_PSQL = re.compile(r"^\\(\w+).*$", re.MULTILINE)
_GUARDS = ("restrict", "unrestrict")
"""psql's commands that pg_dump writes around a dump against others of them: nothing is lost without."""
_FROM_STDIN = re.compile(r"copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_MAY_BE_THERE = re.compile(
    r"create\s+(?:role\b|group\b|user\b(?!\s+mapping)|schema\s+[^\s(]+\s*$)", re.IGNORECASE
)
"""What a new database may have already: roles are the server's, ``public`` is made with a database, and the
schema of the version table is made before the first revision."""
_AS_THE_SESSION_BEGAN = ("RESET SESSION AUTHORIZATION", "RESET ROLE", "RESET search_path")
"""What decides which version table is found, and whether it may be read. pg_dump empties ``search_path``."""


class BaselineFailedError(RefusedError):
    """The baseline cannot be applied; the message names it, the place in it, and the cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The baseline as ``[tool.af-db]`` names it: ``path`` is None where it is a function."""

    name: str
    path: Path | None

    @property
    def is_applied_first(self) -> str:
        """What is said of a database that lacks it."""
        return f"the database has no tables: the baseline {self.name} is applied before the first revision"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statement:
    sql: str
    line: int


def find_baseline(project: Project) -> Baseline | None:
    """Return the project's baseline; None where it has none."""
    with own():
        name = read_configuration(settings_root(project.setup)).baseline
    if name is None:
        return None
    return Baseline(name=name, path=settings_root(project.setup) / name if name.endswith(".sql") else None)


def find_needed_baseline(
    project: Project, plan: Plan, table: VersionTable, connection: sa.Connection
) -> Baseline | None:
    """Return the baseline where the plan begins on a database without any table, and so lacks it.

    From then on it counts among the files that were used: what is applied later is what it holds now.
    Raises UsageError for a file or a function that is not there.
    """
    if plan.direction is not Direction.UPGRADE or plan.before or not plan.steps:
        return None
    baseline = find_baseline(project)
    if baseline is None:
        return None
    found = read_catalog(connection, Scope(version_table=table.name))
    if any(one.kind in _OF_SOMEBODY for one in found.objects):
        return None
    if baseline.path is not None:
        _read(project, baseline, baseline.path)
    else:
        import_named("baseline", baseline.name)
    return baseline


def apply_needed_baseline(
    project: Project, plan: Plan, table: VersionTable, connection: sa.Connection
) -> None:
    """Apply the baseline unless the database has it by now; ``connection`` is as for ``apply_baseline``."""
    needed = find_needed_baseline(project, plan, table, connection)
    connection.rollback()
    if needed is not None:
        apply_baseline(project, connection)


def apply_baseline(project: Project, connection: sa.Connection) -> None:
    """Make what the baseline makes, all of it or nothing, and commit; do nothing where there is none.

    ``connection`` is in no transaction, and is for nothing else: what the baseline sets in the session stays.
    Raises BaselineFailedError, and UsageError for a file or a function that is not there.
    """
    baseline = find_baseline(project)
    if baseline is None:
        return
    if baseline.path is None:
        _call(project, connection, baseline)
    else:
        _execute_file(project, connection, baseline, baseline.path)
    if connection.dialect.name == "postgresql":
        with connection.begin():
            for sql in _AS_THE_SESSION_BEGAN:
                connection.exec_driver_sql(sql)
    _refuse_version(project, connection, baseline)


def _refuse_version(project: Project, connection: sa.Connection, baseline: Baseline) -> None:
    """Raise BaselineFailedError where it has written a revision: nothing of that has run, and the plan that
    follows was made for a database without one."""
    rows = read_current(project, connection)
    if rows:
        raise BaselineFailedError(
            "baseline-failed",
            f"the baseline {baseline.name} writes into the version table: at {', '.join(rows)}",
            state="the baseline is applied, and no revision",
            next_steps=(
                "take the rows of the version table out of it: it is what comes before all revisions",
            ),
            file=baseline.path,
        )


def _execute_file(project: Project, connection: sa.Connection, baseline: Baseline, path: Path) -> None:
    found = _statements(baseline, _read(project, baseline, path))
    with connection.begin():
        for statement in found:
            with _named(baseline, statement):
                _execute(connection, statement.sql)


def _execute(connection: sa.Connection, sql: str) -> None:
    # A percent sign is one: the driver reads parameters only where some are given.
    options = {"no_parameters": True}
    if not _MAY_BE_THERE.match(_bare(sql)):
        connection.exec_driver_sql(sql, execution_options=options)
        return
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(sql, execution_options=options)
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, psycopg2.errors.DuplicateObject | psycopg2.errors.DuplicateSchema):
            raise


def _call(project: Project, connection: sa.Connection, baseline: Baseline) -> None:
    function = import_named("baseline", baseline.name)
    with _named(baseline), guarded(project, connection), stdout_kept_clean(), warnings.catch_warnings():
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        made = function(connection)
        if inspect.isawaitable(made) or inspect.isgenerator(made) or inspect.isasyncgen(made):
            if inspect.iscoroutine(made):
                made.close()  # or Python warns that nobody has awaited it
            raise _failed(baseline, "it is async or a generator: a call alone does nothing of what it says")
        if connection.closed:
            raise _failed(baseline, "it closes the connection that it gets, and that is committed by af-db")
        connection.commit()


def _read(project: Project, baseline: Baseline, path: Path) -> str:
    try:
        with own():
            data = path.read_bytes()
        text = data.decode("utf-8-sig")  # psql leaves out the mark that editors of Windows write first
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
        raise _unusable(
            f"the baseline {baseline.name} of [tool.af-db] cannot be read: {why}", path
        ) from error
    if data and hashlib.sha256(data).hexdigest() != project.opened.sha256(str(path.absolute())):
        raise RefusedError(
            "file-changed",
            f"the baseline {baseline.name} has changed since it was read",
            state=UNCHANGED,
            next_steps=("run it again: what the file holds now is tried then",),
            file=path,
        )
    return text


def _statements(baseline: Baseline, text: str) -> list[_Statement]:
    """Return the statements of the file.

    Raises BaselineFailedError for what only psql understands, and for what would end the one transaction.
    """
    outside = blanked(text)
    for command in _OF_PSQL.finditer(outside):
        if command[1] not in _GUARDS:
            _refuse_copy(baseline, text[: command.start()])  # a NULL in its rows looks like a command
            line = text.count("\n", 0, command.start()) + 1
            raise _failed(baseline, f"\\{command[1]} is a command of psql's", line)
        text = f"{text[: command.start()]}{' ' * len(command[0])}{text[command.end() :]}"
    _refuse_copy(baseline, text)
    found = []
    for start, sql in statements(text):
        if _OF_TRANSACTIONS.fullmatch(_bare(sql).strip()):
            continue
        line = text.count("\n", 0, start) + 1
        if begins_with_end(sql):
            shown = " ".join(_bare(sql).split())
            raise _failed(baseline, f"{shown} would end the transaction that the whole of it is in", line)
        found.append(_Statement(sql=sql, line=line))
    return found


def _refuse_copy(baseline: Baseline, text: str) -> None:
    """Raise BaselineFailedError where rows for psql follow; what stands after them is no SQL."""
    for start, sql in statements(text):
        if _FROM_STDIN.match(_bare(sql)):
            line = text.count("\n", 0, start) + 1
            raise _failed(baseline, "COPY FROM stdin needs psql", line, ("write it with pg_dump --inserts",))


def _bare(sql: str) -> str:
    return blanked(sql, keep={"name", "literal"}).lstrip()


@contextlib.contextmanager
def _named(baseline: Baseline, statement: _Statement | None = None) -> Iterator[None]:
    """Have what the baseline raises be reported with its name and the place in it."""
    try:
        yield
    except BaseException as error:
        if is_interruption(error) or isinstance(error, BaselineFailedError):
            raise
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
        said = text_of(cause).strip().partition("\n")[0] or type(cause).__name__
        if statement is None:
            raise _failed(
                baseline, said if cause is not error else f"{type(error).__name__}: {said}"
            ) from error
        shown = " ".join(masked_sql(statement.sql).split())
        shown = f"{shown[:_SHOWN_SQL]}..." if len(shown) > _SHOWN_SQL else shown
        raise _failed(baseline, f"{said}\n  {shown}", statement.line) from error


def _failed(
    baseline: Baseline, why: str, line: int | None = None, advice: tuple[str, ...] = ()
) -> BaselineFailedError:
    where = f", line {line}," if line is not None else ""
    return BaselineFailedError(
        "baseline-failed",
        f"the baseline {baseline.name}{where} fails: {why}",
        state=UNCHANGED
        if baseline.path is not None
        else "unchanged, but for what the function has committed",
        next_steps=(*advice, "correct it: it has to run on an empty database, in one transaction"),
        file=baseline.path,
        line=line,
    )


def _unusable(message: str, path: Path | None = None) -> UsageError:
    return UsageError(
        "bad-baseline",
        message,
        state=NOT_TOUCHED,
        next_steps=("correct baseline of [tool.af-db] in pyproject.toml",),
        file=path,
    )
