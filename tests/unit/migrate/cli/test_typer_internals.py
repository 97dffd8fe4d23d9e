"""The names of Typer that its documentation does not promise: each test fails by its name.

They run with the newest Typer and, in ``make test-lowest``, with the oldest one that pyproject.toml takes.
"""

from inspect import Parameter
from typing import Annotated, Any

import pytest
import typer

from agent_factory.migrate.cli.options import flag, text, texts
from agent_factory.migrate.cli.typer_internals import (
    RelativeRevisionCommand,
    context_of,
    is_help,
    takes,
    unknown_word,
    words_typed,
)

NAME, QUIET, TAGS = (
    text("--name", "NAME", "A name."),
    flag("--quiet", "-q", meaning="Less."),
    texts("--tag", "T", ""),
)


def call(app: typer.Typer, *words: str) -> Any:
    return app(args=list(words), prog_name="af-db", standalone_mode=False)


def app_of(*shared: Parameter, seen: list[Any]) -> typer.Typer:
    """An app with one group, whose command ``run`` tells what it is given."""
    app, group = typer.Typer(rich_markup_mode=None), typer.Typer(no_args_is_help=True)

    @group.command(cls=RelativeRevisionCommand)
    @takes(*shared)
    def run(
        context: typer.Context,
        revision: Annotated[str | None, typer.Argument()] = None,
        own: Annotated[int, typer.Option("--own")] = 1,
        *,
        name: str | None,
    ) -> None:
        seen.extend([revision, own, name, dict(context.params), tuple(words_typed(context))])

    app.add_typer(group, name="group")
    return app


def test_takes_gives_a_command_what_it_names_and_the_context_all() -> None:
    seen: list[Any] = []

    call(
        app_of(NAME, QUIET, TAGS, seen=seen),
        "group",
        "run",
        "001",
        "--name",
        "x",
        "--tag",
        "a",
        "--tag",
        "b",
        "-q",
    )

    revision, own, name, params, _ = seen
    assert (revision, own, name) == ("001", 1, "x"), "takes: Typer does not read __signature__"
    assert {key: params[key] for key in ("name", "quiet", "tag")} == {
        "name": "x",
        "quiet": True,
        "tag": ["a", "b"],
    }, "takes: Context.params lacks what the signature adds"


def test_takes_lists_the_shared_options_behind_the_commands_own(capsys: pytest.CaptureFixture[str]) -> None:
    call(app_of(NAME, QUIET, seen=[]), "group", "run", "--help")

    shown = capsys.readouterr().out
    places = [shown.find(word) for word in ("--own", "--name NAME", "-q, --quiet")]
    assert -1 not in places, f"takes: the help lacks an option: {shown}"
    assert places == sorted(places), "takes: the help has another order than the signature"


def test_words_typed_are_those_that_were_typed() -> None:
    seen: list[Any] = []

    words = ("group", "run", "--tag", "a b", "-q", "--tag", "c", "001")
    call(app_of(NAME, QUIET, TAGS, seen=seen), *words)

    assert seen[-1] == ("group run", "001", "--quiet", "--tag 'a b'", "--tag c"), (
        "words_typed: Context.command.params, get_parameter_source() or Parameter.opts have changed"
    )


@pytest.mark.parametrize(
    ("words", "revision"),
    [(("-1",), "-1"), (("-12", "--own", "2"), "-12"), (("--", "-3"), "-3"), (("-1", "--", "x"), None)],
)
def test_parse_args_takes_a_relative_revision(words: tuple[str, ...], revision: str | None) -> None:
    seen: list[Any] = []
    app = app_of(NAME, seen=seen)

    if revision is None:
        with pytest.raises(typer.TyperException):
            call(app, "group", "run", *words)
        return
    call(app, "group", "run", *words)

    assert seen[0] == revision, "TyperCommand.parse_args(ctx, args) is not what reads the words"


def test_context_of_an_error_names_the_command_and_a_misspelt_option_is_one() -> None:
    with pytest.raises(typer.TyperException) as error:
        call(app_of(NAME, seen=[]), "group", "run", "--nmae", "x")

    context = context_of(error.value)
    assert context is not None, "context_of: TyperException of a misspelt option has no ctx"
    assert context.command_path == "af-db group run", "context_of: it is another command's"
    assert "af-db group run" in context.get_usage(), "context_of: get_usage() does not say how to call it"
    assert not is_help(error.value), "is_help: a misspelt option is taken for a help"
    assert context_of(typer.TyperException("no command's")) is None


@pytest.mark.parametrize(
    ("words", "unknown"),
    [(("group", "stamp"), "stamp"), (("group", "run", "--sql"), "--sql"), (("group", "run", "a", "b"), "")],
)
def test_unknown_word_is_the_one_that_there_is_not(words: tuple[str, ...], unknown: str) -> None:
    with pytest.raises(typer.TyperException) as error:
        call(app_of(NAME, seen=[]), *words)

    assert unknown_word(error.value) == unknown, f"unknown_word: Typer says {error.value.format_message()}"


def test_is_help_is_what_a_group_without_a_command_says() -> None:
    with pytest.raises(typer.TyperException) as error:
        call(app_of(NAME, seen=[]), "group")

    assert is_help(error.value), f"is_help: Typer says now: {error.value.format_message()[:40]}"
