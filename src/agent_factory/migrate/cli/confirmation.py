"""The question before a plan runs."""

import contextlib
import sys
from typing import TYPE_CHECKING

from agent_factory.migrate.cli.invocation import Invocation
from agent_factory.migrate.model.checklist import Checklist
from agent_factory.migrate.model.errors import NOT_TOUCHED, UNCHANGED, RefusedError
from agent_factory.migrate.model.events import ConfirmName, Warned
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.model.target import Environment, Target, shared_with_others
from agent_factory.migrate.model.written import (
    AdoptResult,
    ConfirmAdoption,
    ConfirmRebase,
    ConfirmStop,
    RebaseResult,
)
from agent_factory.migrate.report.text import Report

if TYPE_CHECKING:
    from agent_factory.migrate.review.build import Confirm, PlanResult


def confirmation(invocation: Invocation, target: Target, *, yes: bool) -> "Confirm":
    """Return the function that shows a plan and asks about it, unless a consent is missing that no yes gives.

    ``prod`` always asks, and so does ``local`` on a server that looks like one that others use. A downgrade
    there wants the database's name typed. ``--yes`` answers; without it and without a terminal the answer
    is no. Where progress is written for a machine and nothing is asked, the warnings are events too.
    """
    report = invocation.report
    asks = target.environment is Environment.PROD or shared_with_others(target.url)

    def confirm(
        plan: Plan,
        warnings: tuple[Warned, ...],
        rehearsed: "PlanResult | None",
        checklist: Checklist | None,
    ) -> None:
        warnings = (*_of_target(target, plan), *warnings)
        texts = [warning.message for warning in warnings]
        if invocation.tells_machines:
            for warning in warnings:
                invocation.emit(warning)
        else:
            with contextlib.suppress(OSError):  # a reader that left must not decide
                report.plan(plan, target, texts, rehearsed, checklist)
        if rehearsed is not None and rehearsed.allow:
            from agent_factory.migrate.review.consents import needs_consent

            raise needs_consent(target, rehearsed.allow)
        if checklist is not None and checklist.missing:
            raise _not_ready(plan, target, checklist)
        if yes or not asks:
            return
        if not _on_a_terminal():
            raise RefusedError(
                "no-terminal",
                f"there is no terminal to ask on, and no --yes: the {plan.direction} of {target} was not run",
                state=UNCHANGED,
                next_steps=(f"if the plan above is what you want: {target.again('--yes')}",),
            )
        if invocation.tells_machines:
            report.plan(plan, target, texts, rehearsed, checklist)
        if not _agreed(report, plan, target):
            raise RefusedError(
                "declined",
                f"declined: the {plan.direction} of {target} was not run",
                state=UNCHANGED,
                next_steps=(f"to run it after all: {target.again()}",),
            )

    return confirm


def _not_ready(plan: Plan, target: Target, checklist: Checklist) -> RefusedError:
    """What is wrong where a line does not pass that the project wants to pass."""
    missing = checklist.missing
    listed = "; ".join(f"{line.name}: {line.verdict}, {line.evidence}" for line in missing)
    return RefusedError(
        "not-ready",
        f"[tool.af-db] wants these lines of the checklist to pass: {listed}",
        state=UNCHANGED,
        next_steps=(
            *dict.fromkeys(line.next_step for line in missing if line.next_step),
            f"see the whole checklist: {target.command(f'preflight {plan.target}')}",
        ),
    )


def _of_target(target: Target, plan: Plan) -> tuple[Warned, ...]:
    warnings = [Warned(code="target", message=message) for message in target.warnings]
    if plan.direction is Direction.DOWNGRADE and (
        target.environment is Environment.PROD or shared_with_others(target.url)
    ):
        message = "a downgrade can lose data: tables and columns that it drops are gone. Take a backup"
        warnings.append(Warned(code="can-lose-data", message=message))
    return tuple(warnings)


def name_confirmation(report: Report, target: Target, *, yes: bool) -> ConfirmName:
    """Return the function that asks whether a database is to change its environment name."""

    def confirm(before: str | None, name: str) -> None:
        if yes:
            return
        if not _on_a_terminal():
            raise RefusedError(
                "no-terminal",
                f"there is no terminal to ask on, and no --yes: the name of {target} is still {before}",
                state=UNCHANGED,
                next_steps=(target.command(f"environment {name} --yes"),),
            )
        question = f"Type the name of the database ({target.name}) to set its environment name to {name}"
        if report.ask_for(question) != target.name:
            raise RefusedError(
                "declined",
                f"declined: the environment name of {target} is still {before}",
                state=UNCHANGED,
                next_steps=(target.command(f"environment {name}"),),
            )

    return confirm


def adoption_confirmation(report: Report, target: Target, *, yes: bool) -> ConfirmAdoption:
    """Return the function that shows where a database was found to be, and asks whether to record that.

    As for a run, ``local`` asks only on a server that looks like one that others use.
    """
    asks = target.environment is Environment.PROD or shared_with_others(target.url)

    def confirm(result: AdoptResult) -> None:
        with contextlib.suppress(OSError):
            report.adoption(result)
        if yes or not asks:
            return
        at = ", ".join(result.at) or "base"
        if not _on_a_terminal():
            raise RefusedError(
                "no-terminal",
                f"there is no terminal to ask on, and no --yes: {target} was not adopted at {at}",
                state=UNCHANGED,
                next_steps=(f"if that is where it is: {target.again('--yes')}",),
            )
        if not report.ask(f"Record in {result.version_table} that {target} is at {at}?"):
            raise RefusedError(
                "declined",
                f"declined: {target} was not adopted at {at}",
                state=UNCHANGED,
                next_steps=(f"to do it after all: {target.again()}",),
            )

    return confirm


def stop_confirmation(report: Report, target: Target, *, yes: bool) -> ConfirmStop:
    """Return the function that shows which run would be stopped, and asks."""

    def confirm(holder: Session) -> None:
        report.note(f"running: {holder}")
        if yes:
            return
        if not _on_a_terminal():
            raise RefusedError(
                "no-terminal",
                f"there is no terminal to ask on, and no --yes: the run on {target} goes on",
                state=UNCHANGED,
                next_steps=(f"if it is to stop: {target.again('--yes')}",),
            )
        if not report.ask(f"Stop the run on {target}?"):
            raise RefusedError(
                "declined",
                f"declined: the run on {target} goes on",
                state=UNCHANGED,
                next_steps=(f"to stop it after all: {target.again()}",),
            )

    return confirm


def rebase_confirmation(report: Report, target: Target, *, yes: bool) -> ConfirmRebase:
    """Return the function that shows which files would change, and asks."""

    def confirm(result: RebaseResult) -> None:
        with contextlib.suppress(OSError):
            report.rebase(result)
        if yes:
            return
        if not _on_a_terminal():
            raise RefusedError(
                "no-terminal",
                "there is no terminal to ask on, and no --yes: no file was changed",
                state=NOT_TOUCHED,
                next_steps=(f"if that is what you want: {target.command('rebase --yes')}",),
            )
        count = len(result.files)
        if not report.ask(f"Change {count} file{'s' if count > 1 else ''}?"):
            raise RefusedError(
                "declined",
                "declined: no file was changed",
                state=NOT_TOUCHED,
                next_steps=(f"to do it after all: {target.command('rebase')}",),
            )

    return confirm


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _agreed(report: Report, plan: Plan, target: Target) -> bool:
    if plan.direction is Direction.UPGRADE:
        count = len(plan.steps)
        return report.ask(f"Run {count} revision{'s' if count > 1 else ''} on {target}?")
    return report.ask_for(f"Type the name of the database ({target.name}) to downgrade it") == target.name
