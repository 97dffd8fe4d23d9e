"""``upgrade``, ``downgrade`` and ``environment``, the same for both groups but for the target."""

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.plan import Direction

if TYPE_CHECKING:
    from agent_factory.migrate.target import Target

OpenTarget = Callable[[Invocation], "Target"]


def add_run_commands(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the commands that change the database which ``open_target`` names."""
    app.command("upgrade", help=options.UPGRADE_HELP)(
        _run_command(open_target, Direction.UPGRADE, options.UpgradeRevision, "head")
    )
    app.command("downgrade", help=options.DOWNGRADE_HELP, cls=options.RelativeRevisionCommand)(
        _run_command(open_target, Direction.DOWNGRADE, options.DowngradeRevision, ...)
    )

    @app.command()
    def environment(
        context: typer.Context,
        name: options.EnvironmentName = None,
        yes: options.Yes = False,
        config: options.Config = None,
        json: options.Json = False,
    ) -> None:
        """Show what the database calls itself, or change it: production, staging."""
        with Invocation(context, config, json=json) as invocation:
            from agent_factory.migrate.cli.confirmation import name_confirmation
            from agent_factory.migrate.workflows.environment import environment as run

            target = open_target(invocation)
            confirm = name_confirmation(invocation.report, target, yes=yes)
            invocation.show(run(target, name, confirm=confirm))


def _run_command(
    open_target: OpenTarget, direction: Direction, revision_type: Any, default: Any
) -> Callable[..., None]:
    """Return the command of one direction; its limits are read from the context, all at once."""

    def run_command(
        context: typer.Context,
        revision: revision_type = default,
        yes: options.Yes = False,
        lock_wait: options.LockWait = None,
        retry_for: options.RetryFor = None,
        lock_timeout: options.LockTimeout = None,
        lock_timeout_max: options.LockTimeoutMax = None,
        statement_timeout: options.StatementTimeout = None,
        allow_pooler: options.AllowPooler = False,
        accept_edited: options.AcceptEdited = None,
        resume: options.Resume = None,
        environment: options.Environment = None,
        progress: options.Progress = options.ProgressForm.AUTO,
        config: options.Config = None,
        json: options.Json = False,
    ) -> None:
        with Invocation(context, config, json=json, progress=progress) as invocation:
            from agent_factory.migrate.cli.confirmation import confirmation
            from agent_factory.migrate.cli.limits import run_options
            from agent_factory.migrate.workflows.run import run

            gc.freeze()  # what is imported stays; from here on there may be garbage
            gc.enable()
            target = open_target(invocation)
            result = run(
                invocation.project,
                target,
                direction,
                revision,
                options=run_options(context.params, invocation.settings),
                ci_url=invocation.settings.ci_url,
                confirm=confirmation(invocation, target, yes=yes),
                emit=invocation.emit,
            )
            invocation.show(result)

    return run_command
