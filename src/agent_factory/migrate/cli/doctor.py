"""``doctor``, the same for both groups and for ``af-db`` itself but for the target; it reads only."""

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import OUTPUT
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes


def add_doctor_command(app: typer.Typer, open_target: OpenTarget, *, is_production: bool = False) -> None:
    """Add the command that examines how the database which ``open_target`` names would be reached."""

    @app.command()
    @takes(*OUTPUT)
    def doctor(context: typer.Context) -> None:
        """Examine configuration, connection, rights and programs.

        The connection stage by stage, and what env.py does. Reads only.
        Exits 5 where the connection fails, 2 for the configuration, 3 for a finding.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.configured import find_configured
            from agent_factory.migrate.workflows.doctor import doctor as run

            invocation.show(run(find_configured(invocation, open_target, is_production=is_production)))
