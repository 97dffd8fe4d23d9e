"""What is wrong with an env.py that leaves out what af-db needs of it, or fails while it is only read."""

import contextlib
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import alembic
import sqlalchemy as sa

from agent_factory.migrate.model.errors import NOT_TOUCHED, MigrationError, UsageError
from agent_factory.migrate.project.connections import OwnConnection, refused_in
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.lending import NotLentError
from agent_factory.migrate.project.refusals import is_refused_write, program_steps
from agent_factory.plain_text import text_of

ENV_PY_CONTRACT = """connection = context.config.attributes.get("connection")
if connection is not None:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()"""

_ALEMBIC = str(Path(alembic.__file__).parent)


@contextlib.contextmanager
def env_py_errors(project: Project) -> Iterator[None]:
    """Translate what env.py raises while it only shows where a database is: the project's fault, not ours.

    What the database says to Alembic, or when the connection is lost, is not env.py's.
    """
    try:
        yield
    except MigrationError:
        raise
    except BaseException as error:
        if is_interruption(error):
            raise
        if own := refused_in(error):
            raise _connects(project, own) from error
        trace = traceback.extract_tb(error.__traceback__)
        of_env_py = _is_of_env_py(project, trace)
        if isinstance(error, sa.exc.DBAPIError) and (error.connection_invalidated or not of_env_py):
            raise
        raise _broken(project, error, _line_in_env_py(project, trace)) from error


def _is_of_env_py(project: Project, trace: Sequence[traceback.FrameSummary]) -> bool:
    """Say whether env.py itself, or what it calls, spoke to the database: not Alembic on its behalf."""
    inside = False
    for frame in trace:
        if frame.filename == project.script.env_py_location:
            inside = True
        elif frame.filename.startswith(_ALEMBIC):
            inside = False
    return inside


def _line_in_env_py(project: Project, trace: Sequence[traceback.FrameSummary]) -> int | None:
    lines = [frame.lineno for frame in trace if frame.filename == project.script.env_py_location]
    return lines[-1] if lines else None


def _broken(project: Project, error: BaseException, line: int | None) -> UsageError:
    location = project.script.env_py_location
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    said = text_of(error) if cause is error else text_of(cause).strip().partition("\n")[0]
    message = f"{location}, line {line or '?'}: {type(cause).__name__}: {said}"
    next_steps: tuple[str, ...] = ("correct env.py; plain Alembic stops at the same place: alembic current",)
    if is_refused_write(cause):
        message = f"{location} writes to the database at line {line}: {said}"
        next_steps = (
            "put what it writes into a revision",
            "or write only where it is allowed: if not "
            'connection.get_execution_options().get("postgresql_readonly"):',
        )
    return UsageError(
        "broken-env-py",
        message,
        state=NOT_TOUCHED,
        next_steps=next_steps,
        file=Path(location).absolute(),
        line=line,
    )


def ignores_connection(project: Project) -> UsageError:
    return UsageError(
        "env-py-contract",
        f"{project.script.env_py_location} does not use the connection that it is given",
        state=NOT_TOUCHED,
        next_steps=(f"begin its online part with:\n{ENV_PY_CONTRACT}",),
        file=Path(project.script.env_py_location).absolute(),
        line=_line_in_env_py(project, traceback.extract_stack()),
    )


@contextlib.contextmanager
def not_lent_errors(project: Project) -> Iterator[None]:
    """Say what an engine of env.py's own has that the connection which it would borrow cannot have."""
    try:
        yield
    except NotLentError as error:
        refused = ignores_connection(project)
        refused.message += f": {error}, which cannot be had on the connection that is open"
        raise refused from error


def runs_again(project: Project, tables: Sequence[str]) -> UsageError:
    """What is wrong with an env.py that migrates several schemas, or tables, in one command."""
    return UsageError(
        "env-py-contract",
        f"{project.script.env_py_location} runs migrations {len(tables)} times ({', '.join(tables)}): each "
        "has a place and a plan of its own, and af-db shows and runs one in a command",
        state=NOT_TOUCHED,
        next_steps=(
            'let env.py run the one that the environment names: schema = os.environ["MIGRATE_SCHEMA"]',
            "then run each, one after the other or side by side: MIGRATE_SCHEMA=NAME af-db ...",
        ),
        file=Path(project.script.env_py_location).absolute(),
    )


def _connects(project: Project, own: OwnConnection) -> UsageError:
    """What is wrong with an env.py, or what it imports, that reaches for another database, or a program."""
    if not own.is_program:
        error = ignores_connection(project)
        error.message += f": it connects to {own.to}, and {own.why}"
        error.file, error.line = own.file or error.file, own.line or error.line
        return error
    return UsageError(
        "broken-env-py",
        f"{own.file or project.script.env_py_location}, line {own.line or '?'}: it starts {own.to}, "
        "and af-db only reads",
        state=NOT_TOUCHED,
        next_steps=(
            *program_steps(own),
            "or, where it is only tried whether it is there: catch OSError around it, and go on without it",
        ),
        file=own.file,
        line=own.line,
    )
