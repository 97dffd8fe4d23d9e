"""``af-db``: the commands put together, and the one place where an error becomes a message."""

import contextlib
import sys
from typing import Annotated

import typer

from agent_factory.migrate.cli import local, options, prod
from agent_factory.migrate.cli.checks import add_project_check
from agent_factory.migrate.cli.doctor import add_doctor_command
from agent_factory.migrate.cli.invocation import Invocation, show_bug
from agent_factory.migrate.cli.typer_internals import (
    context_of,
    has_no_reader,
    is_help,
    takes,
    unknown_word,
    without_guess,
)
from agent_factory.migrate.cli.waits import add_wait_command
from agent_factory.migrate.model.errors import INTERRUPTED, MEANINGS, NOT_TOUCHED, ExitCode, UsageError
from agent_factory.migrate.model.version import describe_version
from agent_factory.migrate.report.screen import flush_output, has_no_room, not_whole
from agent_factory.redaction import redact

_BY_SIGNAL = ("128+n", "ended by signal n")
EXIT_CODES = "\b\nExit codes:\n" + "\n".join(
    f"  {code:<5} {meaning}"
    for code, meaning in [*((str(code.value), meaning) for code, meaning in MEANINGS.items()), _BY_SIGNAL]
)

app = typer.Typer(
    name="af-db",
    help="Alembic migrations as a runbook that executes itself.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    context_settings={"help_option_names": ["--help", "-h"]},
    # Plain help: Rich doubles the time it takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(local.app, name="local")
app.add_typer(prod.app, name="prod")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(describe_version())
        raise typer.Exit


_VERSION = options.flag("--version", meaning="Print the version.", callback=_print_version, is_eager=True)


@app.callback()
@takes(*options.PROJECT, _VERSION)
def main_options() -> None:
    pass


@app.command()
@takes(*options.OUTPUT)
def current(
    context: typer.Context,
    check_heads: Annotated[
        bool, typer.Option("--check-heads", help="Exit 3 when the database is not at every head.")
    ] = False,
) -> None:
    """Say which revision the database is at; for CI. Reads DATABASE_URL, then .env."""
    with Invocation(context) as invocation:
        from agent_factory.migrate.workflows import status

        target = invocation.local_target()
        setup = invocation.setup(check_heads=check_heads)
        invocation.show(invocation.call(setup, status.current, target, check_heads=check_heads))


add_project_check(app)
add_doctor_command(app, Invocation.local_target_anywhere)
add_wait_command(app, Invocation.local_target_anywhere)


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code; every error has been shown by then."""
    try:
        code = app(args=arguments, prog_name="af-db", standalone_mode=False)
    except typer.TyperException as error:
        if is_help(error):
            return _show_help(error, ExitCode.USAGE if arguments else ExitCode.DONE)
        with contextlib.suppress(OSError):
            _show_usage_error(error, arguments)
        return ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except SystemExit as error:
        if not has_no_reader(error):
            raise
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - a bug, and the outermost place
        if isinstance(error, OSError) and has_no_room(error):  # of the help: a command says it by itself
            return _cut_off(error)
        show_bug(error)
        return ExitCode.BUG
    return code if isinstance(code, int) else ExitCode.DONE


def _show_help(error: typer.TyperException, code: ExitCode) -> ExitCode:
    """Show the help that was asked for by typing no command; a reader that left changes nothing."""
    try:
        typer.echo(error.format_message())
    except OSError as unwritten:
        return _cut_off(unwritten) if has_no_room(unwritten) else code
    return code


def _cut_off(error: OSError) -> ExitCode:
    with contextlib.suppress(OSError):
        typer.echo(f"error: {not_whole(error)}", err=True)
    return ExitCode.REFUSED


def _show_usage_error(error: typer.TyperException, arguments: list[str]) -> None:
    context = context_of(error)
    command = context.command_path if context else "af-db"
    message = error.format_message()
    next_steps: tuple[str, ...] = (f"{command} --help",)
    if word := unknown_word(error):
        from agent_factory.migrate.cli.alembic_words import commands_for

        if found := commands_for(word, command):
            # What is spelled like it is not what was meant.
            message, next_steps = without_guess(message), found
    if "--json" in arguments:
        from agent_factory.migrate.report.json import render_error

        usage = UsageError("usage", message, state=NOT_TOUCHED, next_steps=next_steps)
        typer.echo(render_error(command.removeprefix("af-db").strip(), usage))
        return
    if context:
        typer.echo(context.get_usage(), err=True)
    typer.echo(redact(f"error: {message}"), err=True)
    for label, step in zip(("next", *[""] * len(next_steps)), next_steps, strict=False):
        typer.echo(f"  {label:<4}  {step}", err=True)


def main() -> None:
    code = run(sys.argv[1:])
    flush_output()
    sys.exit(code)
