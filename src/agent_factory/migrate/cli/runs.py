"""``upgrade``, ``downgrade`` and ``environment``, the same for both groups but for the target."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.plan import Direction

if TYPE_CHECKING:
    from agent_factory.migrate.model.target import Target
    from agent_factory.migrate.review.saved_plan import SavedPlan

OpenTarget = Callable[[Invocation], "Target"]


def add_run_commands(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the commands that change the database which ``open_target`` names."""
    app.command("upgrade", help=options.UPGRADE_HELP)(
        _run_command(open_target, Direction.UPGRADE, options.RevisionToReach)
    )
    app.command("downgrade", help=options.DOWNGRADE_HELP, cls=options.RelativeRevisionCommand)(
        _run_command(open_target, Direction.DOWNGRADE, options.RevisionToGoBackTo)
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


def _run_command(open_target: OpenTarget, direction: Direction, revision_type: Any) -> Callable[..., None]:
    """Return the command of one direction; its limits are read from the context, all at once."""

    def run_command(
        context: typer.Context,
        revision: revision_type = None,
        yes: options.Yes = False,
        lock_wait: options.LockWait = None,
        retry_for: options.RetryFor = None,
        lock_timeout: options.LockTimeout = None,
        lock_timeout_max: options.LockTimeoutMax = None,
        statement_timeout: options.StatementTimeout = None,
        allow_pooler: options.AllowPooler = False,
        accept_edited: options.AcceptEdited = None,
        resume: options.Resume = None,
        allow: options.Allow = None,
        plan: options.PlanFile = None,
        scratch_url: options.ScratchUrl = None,
        rehearsal_timeout: options.RehearsalTimeout = None,
        no_rehearsal: options.NoRehearsal = False,
        environment: options.Environment = None,
        progress: options.Progress = options.ProgressForm.AUTO,
        config: options.Config = None,
        json: options.Json = False,
    ) -> None:
        with Invocation(context, config, json=json, progress=progress) as invocation:
            from agent_factory.migrate.cli.confirmation import confirmation
            from agent_factory.migrate.cli.limits import rehearsal_options, run_options
            from agent_factory.migrate.workflows.run import run

            gc.freeze()  # what is imported stays; from here on there may be garbage
            gc.set_threshold(20_000)  # not all 700 objects: an operation of Alembic's makes hundreds
            gc.enable()
            target = open_target(invocation)
            saved = _read_plan(direction, invocation.path(plan)) if plan else None
            result = run(
                invocation.project,
                target,
                direction,
                _revision(direction, revision, saved, target),
                options=run_options(context.params, invocation.settings),
                rehearsal=rehearsal_options(
                    invocation.project.root,
                    invocation.settings,
                    allow=allow,
                    scratch_url=scratch_url,
                    no_rehearsal=no_rehearsal,
                    rehearsal_timeout=rehearsal_timeout,
                ),
                saved=saved,
                ci_url=invocation.settings.ci_url,
                confirm=confirmation(invocation, target, yes=yes),
                emit=invocation.emit,
            )
            invocation.show(result)

    return run_command


def _read_plan(direction: Direction, path: Path) -> "SavedPlan":
    from agent_factory.migrate.review.saved_plan import read_for

    return read_for(direction, path)


def _revision(direction: Direction, typed: str | None, saved: "SavedPlan | None", target: "Target") -> str:
    """Return the revision to run to: the saved plan's, the one that was typed, or the newest."""
    if saved is not None and typed in (None, saved.target):
        return saved.target
    if saved is None and typed is not None:
        return typed
    if saved is None and direction is Direction.UPGRADE:
        return "head"
    raise UsageError(
        "usage",
        f"the plan leads to {saved.target}, and {typed} was typed" if saved else "no REVISION to go back to",
        state=NOT_TOUCHED,
        next_steps=(target.command(f"{direction} --help"),),
    )
