"""A safe rewrite of a statement: steps in revisions of their own, as the code of a revision file."""

import json
import re
from dataclasses import dataclass

from agent_factory.migrate.db.sql import quoted, schema_of

_NAME_CHARACTERS = 60
# What SQLAlchemy's text() would take for a parameter.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=\w+(?!:))")


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStep:
    """One statement of a revision.

    ``autocommit``: it runs by itself, outside of a transaction. ``in_batches``: the same, again and again
    until it changes no row.
    """

    sql: str
    autocommit: bool = False
    in_batches: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeRewrite:
    """``intro`` says what the revisions do together; each of them is its steps. Advice has no revisions."""

    intro: str
    revisions: tuple[tuple[MigrationStep, ...], ...] = ()

    @property
    def text(self) -> str:
        """The rewrite as lines to be copied into revisions."""
        if not self.revisions:
            return self.intro
        lines = [f"{self.intro}:"]
        for number, revision in enumerate(self.revisions, 1):
            if len(self.revisions) > 1:
                lines.append(f"  revision {number}")
            lines += [f"    {line}" for step in revision for line in _lines(step)]
        return "\n".join(lines)


def by_hand(rewrite: SafeRewrite) -> str:
    """Return the rewrite as what a person runs before a command, where no revision may do it any more."""
    if not rewrite.revisions:
        return rewrite.intro
    statements = [f"    {step.sql};" for revision in rewrite.revisions for step in revision]
    return "\n".join([f"{rewrite.intro}, by psql, before you run this:", *statements])


def together(*rewrites: SafeRewrite) -> str:
    """Return the texts of these rewrites, each once; empty for none."""
    return "\n".join(dict.fromkeys(rewrite.text for rewrite in rewrites))


def short_name(*parts: str) -> str:
    """Return a name made of these, short enough for PostgreSQL not to cut it."""
    return "_".join(parts)[-_NAME_CHARACTERS:].lstrip("_")


def in_schema_of(table: str, *parts: str) -> str:
    """Return a name made of these in the schema of the table, quoted as SQL needs it."""
    schema = schema_of(table)
    name = quoted(short_name(*parts))
    return f"{schema}.{name}" if schema else name


def _lines(step: MigrationStep) -> list[str]:
    text = _PARAMETER.sub(r"\\:", step.sql)
    literal = repr(text) if '"' in text else json.dumps(text, ensure_ascii=False)
    if step.in_batches:
        return [
            "with op.get_context().autocommit_block():",
            f"    while op.get_bind().execute(sa.text({literal})).rowcount:",
            "        pass",
        ]
    if step.autocommit:
        return ["with op.get_context().autocommit_block():", f"    op.execute({literal})"]
    return [f"op.execute({literal})"]
