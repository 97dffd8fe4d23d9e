"""``watch``, the same for both groups but for the target; it reads only."""

import typer

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.options import OUTPUT, PROGRESS, option
from agent_factory.migrate.cli.runs import OpenTarget
from agent_factory.migrate.cli.typer_internals import takes

FOR = option(
    *(str | None, "--for"),
    called="for_s",
    metavar="DURATION",
    meaning="End after so long; by default it goes on until Ctrl-C.",
)


def add_watch_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that shows how the database is, once a second."""

    @app.command()
    @takes(FOR, PROGRESS, *OUTPUT)
    def watch(context: typer.Context) -> None:
        """Watch the database: af-db's run, and who waits for whom.

        Open transactions, lag and rollbacks too.
        Once a second, over one connection that cannot write. --progress json prints one JSON line each time.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.workflows.watch import watch as run

            target = open_target(invocation)
            result = run(
                target, for_s=invocation.duration("--for", "for_s"), tell=invocation.watch_lines(str(target))
            )
            invocation.show_watched(result)
