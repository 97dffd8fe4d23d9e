"""From a command line to what is printed and the exit code, or to None."""

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent_factory.migrate.model.results import CurrentResult, HistoryResult, RunResult
    from agent_factory.migrate.model.target import Target
    from agent_factory.migrate.quick.database import Answers
    from agent_factory.migrate.quick.project import History
    from agent_factory.migrate.quick.questions import Question

    Answer = CurrentResult | HistoryResult | RunResult


def answer(arguments: Sequence[str]) -> int | None:
    """Answer this command line and return its exit code; None, with nothing printed, where it is not sure."""
    if "_AF_DB_COMPLETE" in os.environ:
        return None
    if list(arguments) == ["--version"]:
        return _print_version()
    from agent_factory.migrate.quick.questions import read_question  # dataclasses cost the version 12 ms

    question = read_question(arguments)
    if question is None:
        return None
    try:
        started_in = Path.cwd()
        found = _look(question, started_in)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        # Whatever a file has that was not thought of here, such as a cache that somebody wrote into.
        return None
    if found is None:
        return None
    target, result = found
    try:
        _show(question, target, result, started_in)
    except UnicodeEncodeError:  # nothing was written: a message that this output has no characters for
        return None
    except OSError as error:
        return _say_not_whole(error, code=int(result.exit_code) if question.is_upgrade else 4)
    return int(result.exit_code)


def _print_version() -> int:
    from agent_factory.migrate.model.version import describe_version
    from agent_factory.migrate.report.screen import reader_may_leave

    try:
        with reader_may_leave():
            sys.stdout.write(f"{describe_version()}\n")
    except OSError as error:
        return _say_not_whole(error, code=4)
    return 0


def _say_not_whole(error: OSError, *, code: int) -> int:
    from agent_factory.migrate.report.screen import not_whole

    with contextlib.suppress(OSError):
        sys.stderr.write(f"error: {not_whole(error)}\n")
    return code


def _look(question: "Question", started_in: Path) -> "tuple[Target, Answer] | None":
    """Read the project and its database from the project's folder, and return to this one."""
    from agent_factory.migrate.model.errors import MigrationError
    from agent_factory.migrate.revisions.config_file import find_config, root_of, settings_folder

    with contextlib.ExitStack() as undo:
        try:
            config_path = question.config.absolute() if question.config else find_config(started_in)
            if not config_path.is_file():
                return None
            root = root_of(config_path)
            if settings_folder(root, started_in) != root:
                return None
            undo.enter_context(contextlib.chdir(root))
            target = _find_target(question, config_path)
        except MigrationError:
            return None
        if target is None:
            return None
        from agent_factory.migrate.quick.project import read_history

        history = read_history(config_path)
        if history is None:
            return None
        from agent_factory.migrate.quick.database import ask

        found = ask(target.url, for_entries=question.is_history or question.is_upgrade)
        if found is None or any(
            not re.fullmatch(r"\w+", row) for row in found.rows if row not in history.ids
        ):
            return None
        result = _describe(question, target, history, found)
        return (target, result) if result is not None else None


def _find_target(question: "Question", config_path: Path) -> "Target | None":
    """The database that is meant. Raises MigrationError."""
    from agent_factory.migrate.model.target import local_target, production_target
    from agent_factory.migrate.quick.environment import read_settings
    from agent_factory.migrate.revisions.config_file import configured_url, root_of
    from agent_factory.url import DEFAULT_DATABASE_URL, let_the_url_decide

    let_the_url_decide()
    settings = read_settings(None if question.is_production else root_of(config_path) / ".env")
    if settings is None:
        return None
    url = settings.get("DATABASE_URL")
    if question.is_production:
        return production_target(url, sslmode=settings.get("PGSSLMODE"))
    return local_target(url or configured_url(config_path, "alembic") or DEFAULT_DATABASE_URL)


def _describe(
    question: "Question", target: "Target", history: "History", found: "Answers"
) -> "Answer | None":
    if question.is_history:
        from agent_factory.migrate.quick.history import describe_history

        return describe_history(str(target), history, found.rows, found.entries)
    if question.is_upgrade:
        return _nothing_to_do(target, history, found)
    return _current(question, target, history, found.rows)


def _current(
    question: "Question", target: "Target", history: "History", rows: tuple[str, ...]
) -> "CurrentResult":
    from agent_factory.migrate.model.results import CurrentResult, describe_current

    return CurrentResult(
        database=str(target),
        current=describe_current(rows, heads=history.effective_heads, known=history.ids),
        heads=history.effective_heads,
        at_head=set(rows) == set(history.effective_heads),
        check_heads="--check-heads" in question.flags,
        branches=history.branches,
    )


def _nothing_to_do(target: "Target", history: "History", found: "Answers") -> "RunResult | None":
    """The result of an upgrade of a database that is at the one head; None for every other.

    None as well where a revision was edited since: that is to be named.
    """
    from agent_factory.migrate.model.plan import Direction, Plan
    from agent_factory.migrate.model.results import RunResult, describe_current

    rows = found.rows
    if len(history.heads) != 1 or rows != history.heads:
        return None
    if found.entries:
        from agent_factory.migrate.quick.history import describe_history

        described = describe_history(str(target), history, rows, found.entries)
        if described is None or any(entry.is_edited for entry in described.entries):
            return None
    here = describe_current(rows, heads=history.heads, known=history.ids)
    plan = Plan(direction=Direction.UPGRADE, target="head", before=rows, after=rows, steps=())
    return RunResult(database=str(target), plan=plan, before=here, after=here, applied=())


def _show(question: "Question", target: "Target", result: "Answer", started_in: Path) -> None:
    from agent_factory.migrate.report.screen import reader_may_leave

    with reader_may_leave():
        if "--json" in question.flags:
            from agent_factory.migrate.report.json import render_result

            sys.stdout.write(f"{render_result(question.command, result)}\n")
            return
        from agent_factory.migrate.report.text import Report

        report = Report(paths_from=started_in)
        if question.command in ("local current", "prod current"):
            report.database(str(target))
        report.result(result)
