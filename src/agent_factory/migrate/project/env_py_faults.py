"""What is wrong with an env.py that leaves out what af-db needs of it, or fails while it is only read."""

import contextlib
import os
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import alembic
import sqlalchemy as sa

from agent_factory.migrate.model.errors import NOT_TOUCHED, MigrationError, UsageError
from agent_factory.migrate.project.connections import OwnConnection, refused_in
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.refusals import is_refused_write, program_steps, refused_program_steps
from agent_factory.migrate.project.settings import missing_settings
from agent_factory.plain_text import text_of

ENV_PY_CONTRACT = """connection = context.config.attributes.get("connection")
if connection is not None:
    context.configure(connection=connection, target_metadata=target_metadata)
    with context.begin_transaction():
        context.run_migrations()"""

_PSYCOPG_3 = "psycopg"
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
        raise _broken(project, error, line_in_env_py(project, trace)) from error


def _is_of_env_py(project: Project, trace: Sequence[traceback.FrameSummary]) -> bool:
    """Say whether env.py itself, or what it calls, spoke to the database: not Alembic on its behalf."""
    inside = False
    for frame in trace:
        if _is_in_env_py(project, frame):
            inside = True
        elif frame.filename.startswith(_ALEMBIC):
            inside = False
    return inside


def _is_in_env_py(project: Project, frame: traceback.FrameSummary) -> bool:
    """Say whether this is a line of env.py: ``script_location`` may be relative, a frame's path is not."""
    return str(Path(frame.filename).absolute()) == str(Path(project.script.env_py_location).absolute())


def line_in_env_py(project: Project, trace: Sequence[traceback.FrameSummary]) -> int | None:
    """Return the innermost line of env.py that this passed through."""
    lines = [frame.lineno for frame in trace if _is_in_env_py(project, frame)]
    return lines[-1] if lines else None


def shown_env_py(project: Project) -> str:
    """Return env.py's path as it is typed in the folder that people are in."""
    shown = os.path.relpath(project.script.env_py_location)
    return str(Path(shown).absolute()) if shown.startswith(os.pardir) else shown


def _broken(project: Project, error: BaseException, line: int | None) -> UsageError:
    shown = shown_env_py(project)
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    said = text_of(error) if cause is error else text_of(cause).strip().partition("\n")[0]
    message = f"{shown}, line {line or '?'}: {type(cause).__name__}: {said}"
    next_steps: tuple[str, ...] = (*refused_program_steps(), "correct env.py, or what it calls")
    if isinstance(cause, ModuleNotFoundError) and cause.name == _PSYCOPG_3:
        message += f" (SQLAlchemy {sa.__version__} asks for psycopg 3 where a URL begins with postgresql://)"
        next_steps = (
            "name the driver that is there, where env.py or the application makes its engine: "
            "postgresql+psycopg2://",
            "or have the other one: pip install 'psycopg[binary]'",
        )
    elif wanted := missing_settings(error):
        message = f"{shown}, line {line or '?'}: {type(cause).__name__}: not set: {', '.join(wanted)}"
        next_steps = ("set it, as for the application itself",)
    elif is_refused_write(cause):
        message = f"{shown} writes to the database at line {line}: {said}"
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
        file=Path(project.script.env_py_location).absolute(),
        line=line,
    )


def ignores_connection(project: Project, *, why: str = "", before: tuple[str, ...] = ()) -> UsageError:
    """What is wrong with an env.py that works on another connection than af-db's.

    ``why`` it could not be lent, and what to do ``before`` all else.
    """
    return UsageError(
        "env-py-contract",
        f"{shown_env_py(project)} does not use the connection that it is given{why and ': '}{why}",
        state=NOT_TOUCHED,
        next_steps=(*before, f"{'or ' if before else ''}begin its online part with:\n{ENV_PY_CONTRACT}"),
        file=Path(project.script.env_py_location).absolute(),
        line=line_in_env_py(project, traceback.extract_stack()),
    )


def has_savepoint(project: Project) -> UsageError:
    """What is wrong with an env.py that runs the migrations inside of a savepoint."""
    return UsageError(
        "env-py-contract",
        f"{shown_env_py(project)} runs migrations inside of a savepoint (begin_nested), which no revision "
        "would leave: each is a transaction of its own",
        state=NOT_TOUCHED,
        next_steps=("take begin_nested() away there",),
        file=Path(project.script.env_py_location).absolute(),
        line=line_in_env_py(project, traceback.extract_stack()),
    )


def rolls_back(project: Project) -> UsageError:
    """What is wrong with an env.py that rolls back what the migrations did, to try them."""
    return UsageError(
        "env-py-contract",
        f"{shown_env_py(project)} rolls back after run_migrations(), and af-db commits each revision",
        state=NOT_TOUCHED,
        next_steps=(
            "to try what is pending without changing anything: af-db prod plan, or af-db local plan",
            "to run it: have env.py commit, or leave that to af-db",
        ),
        file=Path(project.script.env_py_location).absolute(),
    )


def runs_again(project: Project, tables: Sequence[str]) -> UsageError:
    """What is wrong with an env.py that migrates several schemas, or tables, in one command."""
    return UsageError(
        "env-py-contract",
        f"{shown_env_py(project)} runs migrations {len(tables)} times ({', '.join(tables)}): each "
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
        f"{own.file or shown_env_py(project)}, line {own.line or '?'}: it starts {own.to}, "
        "and af-db only reads",
        state=NOT_TOUCHED,
        next_steps=(
            *program_steps(own),
            "or, where it is only tried whether it is there: catch OSError around it, and go on without it",
        ),
        file=own.file,
        line=own.line,
    )
