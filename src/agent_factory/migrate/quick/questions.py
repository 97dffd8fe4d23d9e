"""The command lines that are answered here."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_FLAGS = {
    "current": frozenset({"--check-heads", "--json"}),
    "local current": frozenset({"--json"}),
    "prod current": frozenset({"--json"}),
    "local history": frozenset({"--json"}),
    "prod history": frozenset({"--json"}),
    "local upgrade": frozenset({"--json", "--yes", "-y", "--no-rehearsal"}),
    "prod upgrade": frozenset({"--json", "--yes", "-y", "--no-rehearsal"}),
}
"""Options of each command that change nothing here, or that are understood."""

_GROUPS = (["local"], ["prod"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A command line that was understood. ``command`` is its words; ``config`` as it was typed."""

    command: str
    flags: frozenset[str]
    config: Path | None

    @property
    def is_production(self) -> bool:
        return self.command.startswith("prod ")

    @property
    def is_history(self) -> bool:
        return self.command.endswith(" history")

    @property
    def is_upgrade(self) -> bool:
        return self.command.endswith(" upgrade")


def read_question(arguments: Sequence[str]) -> Question | None:
    """Return what is asked; None for a command line that is not one of these, or is not plain."""
    words: list[str] = []
    flags: list[str] = []
    config = None
    rest = iter(arguments)
    for argument in rest:
        if argument in ("-c", "--config"):
            path = next(rest, "")
            # A group has no options; one that is there twice, and "-", are for the normal way.
            if config is not None or not path or path.startswith("-") or words in _GROUPS:
                return None
            config = Path(path)
        elif argument.startswith("-"):
            if not words or words in _GROUPS:
                return None
            flags.append(argument)
        else:
            words.append(argument)
    if len(words) == 3 and words[1:] == ["upgrade", "head"]:
        words.pop()
    command = " ".join(words)
    if len(set(flags)) != len(flags) or command not in _FLAGS or not _FLAGS[command].issuperset(flags):
        return None
    return Question(command=command, flags=frozenset(flags), config=config)
