"""``upgrade``, ``downgrade`` and ``environment``, the same for both groups but for the target."""

import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent_factory.migrate.cli import options
from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.cli.typer_internals import RelativeRevisionCommand, takes
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
    app.command("downgrade", help=options.DOWNGRADE_HELP, cls=RelativeRevisionCommand)(
        _run_command(open_target, Direction.DOWNGRADE, options.RevisionToGoBackTo)
    )

    @app.command()
    @takes(options.YES, options.CONFIG, options.JSON)
    def environment(
        context: typer.Context,
        name: Annotated[
            str | None, typer.Argument(metavar="NAME", help="Its new name.", show_default=False)
        ] = None,
        *,
        yes: bool,
    ) -> None:
        """Show the environment name of the database, or change it.

        Such as production, or staging.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.confirmation import name_confirmation
            from agent_factory.migrate.workflows.environment import environment as run

            target = open_target(invocation)
            confirm = name_confirmation(invocation.report, target, yes=yes)
            invocation.show(run(target, name, confirm=confirm))


def _run_command(open_target: OpenTarget, direction: Direction, revision_type: Any) -> Callable[..., None]:
    """Return the command of one direction."""

    @takes(*options.RUN)
    def run_command(
        context: typer.Context,
        revision: revision_type = None,
        *,
        yes: bool,
        plan: Path | None,
    ) -> None:
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.confirmation import confirmation
            from agent_factory.migrate.workflows.run import RunRequest, run

            _collect_garbage()
            target = open_target(invocation)
            invocation.wait_for_time(target, is_asked=not yes)
            saved = _read_plan(direction, invocation.path(plan)) if plan else None
            to = _revision(direction, revision, saved, target)
            result = run(
                invocation.setup(str(direction), revision=to),
                RunRequest(
                    target=target,
                    direction=direction,
                    revision=to,
                    options=invocation.run_options(),
                    rehearsal=invocation.rehearsal_options(),
                    saved=saved,
                    preflight=invocation.preflight_options(),
                    watch_s=invocation.duration("--watch", "watch"),
                ),
                ci_url=invocation.settings.ci_url,
                confirm=confirmation(invocation, target, yes=yes),
                emit=invocation.emit,
            )
            invocation.show(result)

    return run_command


def add_redo_command(app: typer.Typer, open_target: OpenTarget) -> None:
    """Add the command that runs the last revision of the database again."""

    @app.command()
    @takes(*options.REDO)
    def redo(context: typer.Context, *, yes: bool) -> None:
        """Go back over the last revision, and run it again.

        The same as downgrade -1 and upgrade: it can lose data.
        """
        with Invocation(context) as invocation:
            from agent_factory.migrate.cli.confirmation import confirmation
            from agent_factory.migrate.workflows.redo import redo as run
            from agent_factory.migrate.workflows.run import RunRequest

            _collect_garbage()
            target = open_target(invocation)
            result = run(
                invocation.setup("downgrade", revision="-1"),
                RunRequest(
                    target=target,
                    direction=Direction.DOWNGRADE,
                    revision="-1",
                    options=invocation.run_options(),
                    rehearsal=invocation.rehearsal_options(),
                ),
                ci_url=invocation.settings.ci_url,
                confirm=confirmation(invocation, target, yes=yes),
                emit=invocation.emit,
            )
            invocation.show(result)


def _collect_garbage() -> None:
    gc.freeze()  # what is imported stays; from here on there may be garbage
    gc.set_threshold(20_000)  # not all 700 objects: an operation of Alembic's makes hundreds
    gc.enable()


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
        f"the plan leads to {saved.target}, but {typed} was typed" if saved else "no REVISION to go back to",
        state=NOT_TOUCHED,
        next_steps=(
            *(
                ()
                if saved
                else (f"one revision back: {target.command('downgrade -1')}", target.command("history"))
            ),
            target.command(f"{direction} --help"),
        ),
    )
