"""What ``upgrade`` and ``downgrade`` of both groups share."""

from typing import TYPE_CHECKING

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.plan import Direction

if TYPE_CHECKING:
    from agent_factory.migrate.target import Target


def run_revisions(
    invocation: Invocation, target: "Target", direction: Direction, revision: str, *, yes: bool
) -> None:
    """Run the workflow with this terminal's question and progress, and show its result."""
    from agent_factory.migrate.cli.confirmation import confirmation
    from agent_factory.migrate.workflows.run import run

    result = run(
        invocation.project,
        target,
        direction,
        revision,
        confirm=confirmation(invocation.report, target, yes=yes),
        emit=invocation.report.event,
    )
    invocation.show(result)
