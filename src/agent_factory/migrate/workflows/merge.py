"""Joining the heads of a history, when their branches do not affect each other."""

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.checks.same_tables import Comparison, SameTable, compare_branches
from agent_factory.migrate.model.errors import NOT_TOUCHED, RefusedError
from agent_factory.migrate.model.options import RehearsalOptions
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import MergeResult
from agent_factory.migrate.project import Project
from agent_factory.migrate.review.consents import SAME_TABLE
from agent_factory.migrate.workflows.create import require_words


def merge(
    project: Project,
    target: Target,
    message: str | None = None,
    *,
    options: RehearsalOptions,
) -> MergeResult:
    """Write a revision that joins all heads; no file when there is one head.

    Raises RefusedError when two branches change the same table, unless ``same-table`` is allowed: nothing
    then says in which order the two were meant, and each was tried without the other.
    """
    heads = project.heads
    if len(heads) < 2:
        return MergeResult(revision=None, path=None, heads=heads)
    message = message or f"merge {' and '.join(heads)}"
    require_words(message)
    compared = compare_branches(project, target, options)
    if compared.same and SAME_TABLE not in options.allow:
        raise _same_table(target, compared)
    revision = alembic_project.merge(project, message)
    return MergeResult(
        revision=revision,
        path=revision.path,
        heads=heads,
        notes=(*(_both_change(item) for item in compared.same), *compared.unclear),
    )


def _same_table(target: Target, compared: Comparison) -> RefusedError:
    lines = [f"branches change the same table, {compared.found_by}:"]
    lines += [f"  {_both_change(item)}" for item in compared.same]
    return RefusedError(
        "same-table",
        "\n".join(lines),
        state=NOT_TOUCHED,
        next_steps=(
            f"put one after the other, so that they are tried together: {target.command('rebase')}",
            f"or, if they do not affect each other: {target.command('merge --allow same-table')}",
        ),
    )


def _both_change(item: SameTable) -> str:
    sides = [", ".join(f"{step.id} {step.message}".rstrip() for step in steps) for steps in item.revisions]
    return f"{item.table}: {sides[0]} (of {item.heads[0]}) and {sides[1]} (of {item.heads[1]})"
