"""What env.py finds around it where its own program runs it: attributes, the context of an application."""

import contextlib
import importlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alembic.config import Config

from agent_factory.migrate.model.errors import NOT_TOUCHED, MigrationError, UsageError
from agent_factory.migrate.project.alembic_internals import commands_refused
from agent_factory.migrate.project.configuration import Configuration
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.named_functions import import_named, unusable
from agent_factory.plain_text import text_of

_FLASK_APP = "FLASK_APP"


@contextlib.contextmanager
def surroundings(config: Config, settings: Configuration, *, root: Path, is_of_flask: bool) -> Iterator[None]:
    """Have what ``[tool.af-db]`` names be there for the block: an application's context, and attributes.

    ``is_of_flask``: there is an application of Flask, which Flask finds where nothing names it.
    Raises UsageError for what cannot be had.
    """
    with contextlib.ExitStack() as stack:
        if is_of_flask:
            stack.enter_context(_context_of_flask(settings.flask_app or _named_by_flask(root), root))
        added = _attributes(stack, settings.attributes) if settings.attributes is not None else {}
        before = dict(config.attributes)
        config.attributes.update({**added, **before})
        try:
            yield
        finally:
            for name in added.keys() - before.keys():
                config.attributes.pop(name, None)


def _attributes(stack: contextlib.ExitStack, name: str) -> Mapping[str, Any]:
    function = import_named("attributes", name)
    try:
        with commands_refused(_runs_migrations("attributes", name)):
            given = function()
        if isinstance(given, contextlib.AbstractContextManager):
            given = stack.enter_context(given)
    except MigrationError:
        raise
    except BaseException as error:
        if is_interruption(error):
            raise
        raise unusable("attributes", f"{name}: {type(error).__name__}: {text_of(error)}") from error
    if not isinstance(given, Mapping | None):
        raise unusable("attributes", f"{name} returns {type(given).__name__}, and has to return a dict")
    return given or {}


def _runs_migrations(setting: str, name: str | None) -> UsageError:
    """Return the error for what migrates the database by itself, before af-db could show what it would do."""
    return UsageError(
        f"bad-{setting}",
        f"{name or 'the application of Flask'} runs migrations itself when it is called",
        state=NOT_TOUCHED,
        next_steps=(
            f"name one that runs none: {setting} in [tool.af-db] of pyproject.toml",
            "or have it leave them to af-db",
        ),
    )


def _named_by_flask(root: Path) -> str | None:
    """Return what Flask takes for the application's name; None where it would find app.py or wsgi.py."""
    from dotenv import dotenv_values

    return os.environ.get(_FLASK_APP) or dotenv_values(root / ".flaskenv", interpolate=False).get(_FLASK_APP)


def _context_of_flask(name: str | None, root: Path) -> contextlib.AbstractContextManager[Any]:
    try:
        flask = importlib.import_module("flask.cli")
        with contextlib.chdir(root), commands_refused(_runs_migrations("flask-app", name)):
            context: contextlib.AbstractContextManager[Any] = (
                flask.ScriptInfo(app_import_path=name).load_app().app_context()
            )
    except MigrationError:
        raise
    except BaseException as error:
        if is_interruption(error):
            raise
        said = " ".join(text_of(error).split())
        raise unusable(
            "flask-app", f"{name or 'the application'} cannot be had: {type(error).__name__}: {said}"
        ) from error
    return context
