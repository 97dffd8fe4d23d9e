"""What env.py finds as ``config.cmd_opts``: the options of Alembic's own command, as its parser makes it."""

import contextlib
from argparse import Namespace
from collections.abc import Iterator, Mapping

from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.project.alembic_internals import parsed_command
from agent_factory.migrate.project.history import Project


def command_options(setup: Setup, command: str, options: Mapping[str, object]) -> Namespace:
    """Return what ``alembic COMMAND`` would be given, its defaults where ``options`` say nothing.

    It is always quiet: what is to be said is af-db's to say.
    """
    found = parsed_command(command)
    known = vars(found)
    known.update(name=setup.section, x=list(setup.x) or None, quiet=True)
    known.update(config=[str(setup.config_path)] if isinstance(known["config"], list) else None)
    known.update(options)
    return found


@contextlib.contextmanager
def commanded(project: Project, command: str, **options: object) -> Iterator[None]:
    """Have env.py find, for this block, that it is run for this command of Alembic's."""
    before = project.config.cmd_opts
    project.config.cmd_opts = command_options(project.setup, command, options)
    try:
        yield
    finally:
        project.config.cmd_opts = before
