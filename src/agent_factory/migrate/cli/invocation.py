"""One command as it was typed: its project, its target, its output, and what its errors become."""

import contextlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

import typer

from agent_factory.migrate.cli.options import ProgressForm
from agent_factory.migrate.cli.project_options import called, options_of_project
from agent_factory.migrate.cli.typer_internals import words_typed
from agent_factory.migrate.model.errors import (
    NOT_TOUCHED,
    UNCHANGED,
    ExitCode,
    InterruptedRunError,
    MigrationError,
    RefusedError,
    UsageError,
)
from agent_factory.migrate.report.screen import not_whole, reader_may_leave
from agent_factory.migrate.revisions.config_file import (
    configured_url,
    entered,
    find_config,
    root_of,
    settings_folder,
    working_directory,
)
from agent_factory.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Concatenate, ParamSpec, TypeVar

    from agent_factory.migrate.db.health import Health
    from agent_factory.migrate.model.checklist import PreflightOptions, PreflightResult
    from agent_factory.migrate.model.events import Event
    from agent_factory.migrate.model.findings import CheckResult
    from agent_factory.migrate.model.options import RehearsalOptions, RunOptions
    from agent_factory.migrate.model.results import Result
    from agent_factory.migrate.model.setup import Setup
    from agent_factory.migrate.model.target import Target
    from agent_factory.migrate.model.watched import WatchResult
    from agent_factory.migrate.project import Project
    from agent_factory.migrate.report.text import Report
    from agent_factory.migrate.review.build import PlanResult
    from agent_factory.settings import Settings
    from agent_factory.url import DatabaseURL

    P = ParamSpec("P")
    T = TypeVar("T")

NOT_WRITTEN = "output-not-written"


class Invocation:
    """The block in which a command runs.

    Inside it the working directory is the project's, so relative paths in alembic.ini, .env and DATABASE_URL
    mean the same wherever ``af-db`` is started. An error that leaves the block has been shown, and has
    become an exit code.
    """

    settings: "Settings"

    def __init__(self, context: typer.Context) -> None:
        self._given = context.params
        chosen, self._section, self._x = options_of_project(self._given, context.find_root().params)
        self._started_in = working_directory()
        self._config: Path | None = self._started_in / chosen if chosen else None
        self._json = self._given["json"] or self._given.get("form") == "json"
        self._progress = self._given.get("progress", ProgressForm.AUTO)
        self._command = context.command_path.removeprefix("af-db ")
        self._called = called(chosen, self._section, self._x)
        self._typed = tuple(words_typed(context))
        self._url: DatabaseURL | None = None
        self._is_production = False
        self._undo = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._undo.enter_context(_signals_end_the_command())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._undo.close()
        if error is None or isinstance(error, typer.Exit):
            return
        raise typer.Exit(self._show_failure(error)) from error

    @cached_property
    def report(self) -> "Report":
        from agent_factory.migrate.report.text import Report

        return Report(
            paths_from=self._started_in,
            live=self._progress is ProgressForm.AUTO,
            values=self._given.get("show_values", False),
        )

    @cached_property
    def config_path(self) -> Path:
        """The file of ``--config``, or the nearest one; its folder becomes the working directory."""
        config_path = self._config or find_config(self._started_in)
        if config_path.is_file():
            self._undo.enter_context(entered(root_of(config_path)))
        return config_path

    def setup(self, command: str = "current", **options: object) -> "Setup":
        """Return what the project is opened with, for Alembic's own command that is the like of this one."""
        from agent_factory.migrate.model.setup import OWN_SECTION, Setup

        return Setup(
            config_path=self.config_path,
            section=self._section or OWN_SECTION,
            x=self._x,
            command=command,
            options=options,
            settings_folder=self._settings_folder,
        )

    @cached_property
    def _settings_folder(self) -> Path:
        """The folder of the pyproject.toml that counts; paths in it are seen from there."""
        return settings_folder(root_of(self.config_path), self._started_in)

    def call(
        self,
        setup: "Setup",
        workflow: "Callable[Concatenate[Project, P], T]",
        *arguments: "P.args",
        **options: "P.kwargs",
    ) -> "T":
        """Return what the workflow makes of the project, in a process of its own."""
        from agent_factory.migrate.workflows.child import on_project

        return on_project(setup, self._url, workflow, *arguments, **options)

    def local_settings(self) -> "Settings":
        """Read the environment, and for what it leaves unset the project's .env."""
        from agent_factory.migrate.cli.given_settings import settings_of

        self.settings = settings_of(root_of(self.config_path) / ".env")
        return self.settings

    def local_target(self) -> "Target":
        """The database of the environment, else of the project's .env, its command, its alembic.ini, or else
        the embedded one."""
        from agent_factory.migrate.model.setup import OWN_SECTION
        from agent_factory.migrate.model.target import local_target
        from agent_factory.url import DEFAULT_DATABASE_URL

        given = self.local_settings().database_url
        url = given.get_secret_value() if given else self._url_of_command("local")
        named_by = "DATABASE_URL"
        if url is None:
            url = configured_url(self.config_path, self._section or OWN_SECTION)
            named_by = "sqlalchemy.url of alembic.ini"
        target = local_target(
            url or DEFAULT_DATABASE_URL, named_by=named_by, command=self._called, typed=self._typed
        )
        self._url = target.url
        return target

    def local_target_anywhere(self) -> "Target":
        """The same; where there is no project, the database of the environment."""
        try:
            _ = self.config_path
        except UsageError as error:
            from agent_factory.migrate.cli.given_settings import settings_of

            self.settings = settings_of(None)
            given = self.settings.database_url
            if error.code != "no-project" or given is None:
                raise
            from agent_factory.migrate.model.target import local_target

            target = local_target(given.get_secret_value(), command=self._called, typed=self._typed)
            self._url = target.url
            return target
        return self.local_target()

    def production_target(self) -> "Target":
        """The database of the real environment, else of the project's command, and of nothing else."""
        from agent_factory.migrate.cli.given_settings import settings_of
        from agent_factory.migrate.model.target import production_target

        self.settings = settings_of(None)
        self._is_production = True
        url = self.settings.database_url
        target = production_target(
            url.get_secret_value() if url else self._url_of_command("prod"),
            sslmode=self.settings.pgsslmode,
            command=self._called,
            typed=self._typed,
        )
        self._url = target.url
        return target

    def _url_of_command(self, group: str) -> str | None:
        """Return what the project's database-url-command prints, where it has one for this group.

        From then on, until the command ends, it stands in the environment: env.py may read it there.
        """
        try:
            root = self._settings_folder
        except MigrationError:
            return None  # without a project the command fails by itself, if it needs one
        from agent_factory.migrate.project.configuration import read_configuration

        configuration = read_configuration(root)
        words = configuration.prod_url_command if group == "prod" else configuration.local_url_command
        if not words:
            return None
        from agent_factory.migrate.project.url_command import run_url_command

        os.environ["DATABASE_URL"] = text = run_url_command(words, root)
        self._undo.callback(os.environ.pop, "DATABASE_URL", None)
        return text

    def wait_for_time(self, target: "Target", *, is_asked: bool) -> None:
        """Wait for the time of day of ``--not-before``, where it was typed."""
        typed: str | None = self._given.get("not_before")
        if typed is None:
            return
        from agent_factory.migrate.project.configuration import read_configuration
        from agent_factory.migrate.workflows.not_before import parse_time_of_day, wait_for

        hours = read_configuration(self._settings_folder).quiet_hours
        at = parse_time_of_day(typed, hours.zone if hours else None)
        wait_for(target, at, is_asked=is_asked, emit=self.emit, show=self.report.waiting)
        self.report.stop()

    @property
    def environment(self) -> str | None:
        """The environment name that the database must have: as typed, and for ``prod`` as it is set.

        The job that upgrades staging by ``af-db prod`` need not repeat it.
        """
        typed: str | None = self._given.get("environment")
        if typed or not self._is_production:
            return typed
        from agent_factory.migrate.project.configuration import read_configuration

        return self.settings.af_db_environment or read_configuration(self._settings_folder).environment

    def path(self, given: Path) -> Path:
        """Return a path that was typed where the command began; the working directory is another now."""
        return self._started_in / given

    def run_options(self) -> "RunOptions":
        """The options of a run, as they were typed or set."""
        from agent_factory.migrate.cli.limits import run_options

        return run_options({**self._given, "environment": self.environment}, self.settings)

    def rehearsal_options(self, known: "Sequence[str] | None" = None) -> "RehearsalOptions":
        """Whether, where and how long a plan is rehearsed; ``known`` are the names that --allow takes."""
        from agent_factory.migrate.cli.limits import rehearsal_options

        return rehearsal_options(self._settings_folder, self._given, self.settings, known=known)

    def preflight_options(self) -> "PreflightOptions":
        """What the checklist is made with, as it was typed or set."""
        from agent_factory.migrate.model.checklist import PreflightOptions, parse_notes
        from agent_factory.url import MalformedURLError, parse_url

        staging = self.settings.staging_database_url
        if staging is not None:
            with contextlib.suppress(MalformedURLError):
                parse_url(staging.get_secret_value())  # from here on its password is a secret
        return PreflightOptions(
            wants_all=bool(self._given.get("preflight")),
            watches_s=self.duration("--watch", "watch"),
            notes=parse_notes(self._given.get("note") or ()),
            approved_by=self.settings.af_db_approved_by,
            staging_url=staging.get_secret_value() if staging else None,
        )

    @property
    def tells_machines(self) -> bool:
        """Say whether stderr is for JSON lines."""
        return self._progress is ProgressForm.JSON

    def emit(self, event: "Event") -> None:
        """Tell what happens while a plan runs."""
        # A reader that has left (`| head`) must not end a run.
        with contextlib.suppress(OSError):
            if self.tells_machines:
                from agent_factory.migrate.report.json import render_event

                typer.echo(render_event(event), err=True)
            else:
                self.report.event(event)

    def duration(self, option: str, name: str) -> float | None:
        """Return the seconds that were typed for this option, or None. Raises UsageError."""
        from agent_factory.migrate.cli.limits import parse_limit

        given = self._given.get(name)
        return parse_limit(option, given) if given else None

    def watch_lines(self, database: str) -> "Callable[[Health], None]":
        """Return what tells of a database that is watched: on stdout, unless that is for the one document."""
        if self.tells_machines:
            from agent_factory.migrate.report.json import render_health

            return lambda health: typer.echo(render_health(health), err=self._json)
        return self.report.watching(database, is_result=not self._json)

    def show_watched(self, result: "WatchResult") -> None:
        """End the command; a person has seen all of it."""
        if self._json:
            self.show(result)
        self.report.stop()
        raise typer.Exit(int(result.exit_code))

    def show(self, result: "Result") -> None:
        """Print the result and end the command with the result's exit code.

        Raises RefusedError where there is no room for it and it is all that the command was for.
        """
        from agent_factory.migrate.model.results import CurrentResult, HistoryResult

        try:
            with _whole():
                if self._json:
                    from agent_factory.migrate.report.json import render_result

                    typer.echo(render_result(self._command, result))
                else:
                    self.report.result(result)
        except RefusedError as error:
            if isinstance(result, CurrentResult | HistoryResult):
                raise
            with contextlib.suppress(OSError):
                typer.echo(f"warning: {error.message}", err=True)
        raise typer.Exit(int(result.exit_code))

    def show_plan(self, result: "PlanResult", form: str, *, full: bool) -> None:
        """Print a plan in this form, and end the command; what only a terminal needs goes to it.

        Raises RefusedError for SQL that would lack something and that a person does not only read.
        """
        if form == "sql" and not sys.stdout.isatty():
            from agent_factory.migrate.report.sql import refuse_inexact

            refuse_inexact(result)
        with _whole():
            if self._json:
                from agent_factory.migrate.report.json import render_plan

                typer.echo(render_plan(self._command, result))
            elif form == "text":
                self.report.plan_result(result, full=full)
            else:
                typer.echo(_render_plan(result, form), nl=False)
            if result.saved and not self._json:
                self.report.note(f"saved: {result.saved}")
        raise typer.Exit(int(result.exit_code))

    def show_preflight(self, result: "PreflightResult", form: str) -> None:
        """Print a checklist in this form, and end the command with the result's exit code."""
        with _whole():
            if self._json:
                from agent_factory.migrate.report.json import render_result

                typer.echo(render_result(self._command, result))
            elif form == "text":
                self.report.preflight_result(result)
            else:
                from agent_factory.migrate.report.checklist_markdown import render_markdown

                typer.echo(render_markdown(result), nl=False)
        raise typer.Exit(int(result.exit_code))

    def show_check(self, result: "CheckResult", form: str) -> None:
        """Print the findings in this form, and end the command with the result's exit code."""
        with _whole():
            if self._json:
                from agent_factory.migrate.report.json import render_result

                typer.echo(render_result(self._command, result))
            elif form == "text":
                self.report.check_result(result)
            else:
                typer.echo(_render_check(self._command, result, form, self.config_path), nl=False)
        raise typer.Exit(int(result.exit_code))

    def _show_failure(self, error: BaseException) -> int:
        if isinstance(error, KeyboardInterrupt):
            number = error.number if isinstance(error, _EndedBySignal) else signal.SIGINT
            error = InterruptedRunError(number, state=NOT_TOUCHED)
        if isinstance(error, MigrationError):
            is_shown = False
            if self._json and error.code != NOT_WRITTEN:
                from agent_factory.migrate.report.json import render_error

                with contextlib.suppress(OSError), reader_may_leave():
                    typer.echo(render_error(self._command, error))
                    is_shown = True
            with contextlib.suppress(OSError), reader_may_leave():
                if not is_shown:
                    self.report.error(error)
            return int(error.exit_code)
        with contextlib.suppress(OSError), reader_may_leave():
            if self._json:
                from agent_factory.migrate.report.json import render_bug

                typer.echo(render_bug(self._command, error))
            show_bug(error)
        return int(ExitCode.BUG)


@contextlib.contextmanager
def _whole() -> Iterator[None]:
    """Raise RefusedError where there is no room for what is printed in the block; a reader may leave."""
    try:
        with reader_may_leave():
            yield
    except OSError as error:
        raise RefusedError(
            NOT_WRITTEN,
            not_whole(error),
            state=UNCHANGED,
            next_steps=("free or add space, or write it elsewhere, then run the command again",),
        ) from error


class _EndedBySignal(KeyboardInterrupt):
    """SIGTERM or SIGHUP; like Ctrl-C it is no error that anything may catch on the way."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextlib.contextmanager
def _signals_end_the_command() -> Iterator[None]:
    """Have an orchestrator's signals undo what the command began (servers, files), as Ctrl-C does.

    While a plan runs, the engine has its own handlers.
    """

    def end(number: int, _frame: FrameType | None) -> None:
        raise _EndedBySignal(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    # nohup has SIGHUP ignored, and means it.
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is end:
                signal.signal(number, handler)


def _render_plan(result: "PlanResult", form: str) -> str:
    if form == "markdown":
        from agent_factory.migrate.report.markdown import render_markdown

        return render_markdown(result)
    if form == "html":
        from agent_factory.migrate.report.html import render_html

        return render_html(result)
    if form == "announcement":
        from agent_factory.migrate.report.announcement import render_announcement

        return render_announcement(result)
    from agent_factory.migrate.report.sql import render_sql

    return render_sql(result)


def _render_check(command: str, result: "CheckResult", form: str, config: Path) -> str:
    from agent_factory.migrate.report.places import repository_root

    root = repository_root(config.parent)
    if form == "sarif":
        from agent_factory.migrate.report.sarif import render_sarif

        return render_sarif(command, result, root=root, config=config)
    if form == "github":
        from agent_factory.migrate.report.github import render_github

        return render_github(result, root=root)
    from agent_factory.migrate.report.findings_markdown import render_markdown

    return render_markdown(result, root=root)


def show_bug(error: BaseException) -> None:
    """Print a traceback, the versions and where to report it, without the secrets in them."""
    from agent_factory.migrate.report.bug import render_report

    typer.echo(redact("".join(traceback.format_exception(error))), err=True)
    typer.echo(redact(render_report()), err=True)
