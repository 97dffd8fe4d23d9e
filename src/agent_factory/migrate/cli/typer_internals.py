"""What af-db reads of Typer, or replaces in it, that Typer's documentation does not promise.

Typer carries a copy of Click and sends its readers to Click's documentation; Click itself is not imported,
since it would be another one than Typer's. No other module does either. Each name has a test of its own,
which fails by that name when Typer no longer has it: tests/unit/migrate/cli/test_typer_internals.py. Read
in Typer 0.29.0 and 0.29.2.
"""

import functools
import inspect
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any

import typer
from typer.core import TyperCommand

Command = Callable[..., None]


def takes(*shared: inspect.Parameter) -> Callable[[Command], Command]:
    """Give a command these parameters behind its own; it is called with those of them that it names itself.

    The others are read from the context's ``params``. Typer has no options that several commands share, and
    reads a command's parameters where ``inspect.signature()`` finds them.
    """

    def decorate(command: Command) -> Command:
        signature = inspect.signature(command)
        names = {parameter.name for parameter in shared}
        own = [parameter for name, parameter in signature.parameters.items() if name not in names]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            command(**{name: value for name, value in given.items() if name in signature.parameters})

        run.__signature__ = signature.replace(parameters=[*own, *shared])  # type: ignore[attr-defined]
        return run

    return decorate


_OF_PROJECT = ("config", "section", "x")


def words_typed(context: typer.Context) -> Iterator[str]:
    """Yield the command's words, and each argument and option that was typed, as a shell takes them again.

    Only Click's context knows which values were typed; options are written by their first name.
    ``-c``, ``-n`` and ``-x`` are not among them: they are how ``af-db`` itself is called.
    """
    yield context.command_path.removeprefix("af-db ")
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in _OF_PROJECT:
            continue
        value = context.params[name]
        option = parameter.opts[0] if parameter.param_type_name == "option" else ""
        if value is True:
            yield option
            continue
        for item in value if isinstance(value, list) else [value]:
            yield f"{option} {shlex.quote(str(item))}".strip()


def context_of(error: typer.TyperException) -> typer.Context | None:
    """Return the context of the command whose words were wrong: Click's errors have it, Typer's may not."""
    context: typer.Context | None = getattr(error, "ctx", None)
    return context


def unknown_word(error: typer.TyperException) -> str:
    """Return the command or the option that there is not; empty for any other error.

    The classes are in Typer's copy of Click, as that of ``is_help``, so the words identify them.
    """
    found = re.match(r"No such (?:command '([^']+)'|option: (\S+))", error.format_message())
    return (found[1] or found[2]) if found else ""


def without_guess(message: str) -> str:
    """Return the words of an error without the names that are spelled like the one which there is not."""
    return re.sub(r" ?(?:Did you mean .*|\(Possible options: .*\))", "", message)


def is_help(error: typer.TyperException) -> bool:
    """Say whether the "error" is the help of a group that was named without a command.

    Its class is in Typer's copy of Click, which Typer does not export, so its words identify it.
    """
    return error.format_message().startswith("Usage:")


def has_no_reader(error: SystemExit) -> bool:
    """Say whether Click ends the process since the reader of a help has left."""
    return isinstance(error.__context__, BrokenPipeError)


class RelativeRevisionCommand(TyperCommand):
    """A command that takes ``-1`` and ``-2`` as a revision, though they look like options.

    ``ignore_unknown_options``, which Click has for it, would take a misspelt option for a revision as well.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        relative = [argument for argument in args if argument[:1] == "-" and argument[1:].isdigit()]
        if relative and "--" not in args:
            args = [argument for argument in args if argument not in relative]
            args = [*args, "--", *relative]
        return super().parse_args(ctx, args)
