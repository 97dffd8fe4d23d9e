"""A safe form: statements in revisions of their own, written as a revision file has them."""

import json
import re
from dataclasses import dataclass

from agent_factory.migrate.db.definitions import quoted, schema_of

_NAME_CHARACTERS = 60
# What SQLAlchemy's text() would take for a parameter.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One statement. ``repeated``: until it changes no row. Both others commit by themselves."""

    sql: str
    alone: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``intro`` says what the revisions do together; each of them is the work of one revision."""

    intro: str
    revisions: tuple[tuple[Work, ...], ...] = ()

    @property
    def statements(self) -> tuple[Work, ...]:
        return tuple(work for revision in self.revisions for work in revision)

    @property
    def text(self) -> str:
        """The recipe as lines to be copied into revisions."""
        if not self.revisions:
            return self.intro
        lines = [f"{self.intro}:"]
        for number, revision in enumerate(self.revisions, 1):
            if len(self.revisions) > 1:
                lines.append(f"  revision {number}")
            lines += [f"    {line}" for work in revision for line in _lines(work)]
        return "\n".join(lines)


def together(*recipes: Recipe | None) -> str:
    """Return the texts of the recipes that there are, each once."""
    return "\n".join(dict.fromkeys(recipe.text for recipe in recipes if recipe is not None))


def short_name(*parts: str) -> str:
    """A name made of these, short enough for PostgreSQL not to cut it."""
    return "_".join(parts)[-_NAME_CHARACTERS:].lstrip("_")


def beside(table: str, *parts: str) -> str:
    """A name made of these in the schema of the table, as SQL needs it."""
    schema = schema_of(table)
    name = quoted(short_name(*parts))
    return f"{schema}.{name}" if schema else name


def _lines(work: Work) -> list[str]:
    text = _PARAMETER.sub(r"\\:", work.sql)
    literal = repr(text) if '"' in text else json.dumps(text, ensure_ascii=False)
    if work.repeated:
        return [
            "with op.get_context().autocommit_block():",
            f"    while op.get_bind().execute(sa.text({literal})).rowcount:",
            "        pass",
        ]
    if work.alone:
        return ["with op.get_context().autocommit_block():", f"    op.execute({literal})"]
    return [f"op.execute({literal})"]
