"""Hazards of what cannot be taken back as a whole.

Statements outside a transaction, INVALID indexes that they leave, and revisions without a way back.
"""

import ast
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

from agent_factory.migrate.db import indexes
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.review.hazards.count import Counted
from agent_factory.migrate.review.hazards.evidence import Step, steps
from agent_factory.migrate.review.hazards.questions import Ask, questions_of
from agent_factory.migrate.review.hazards.recipe import Recipe, Work
from agent_factory.migrate.review.hazards.rules import RULES, Hazard, HazardCode, Severity

_REFUSED_IN_TRANSACTION = frozenset({"25001", "2D000"})
_NEW_VALUE_USED = "55P04"
_ON_ROWS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "SELECT"})
_SHOWN_CHARACTERS = 80


class _WayBack(StrEnum):
    MISSING = "there is no downgrade()"
    EMPTY = "downgrade() does nothing"
    RAISES = "downgrade() raises"
    WRITTEN = "downgrade() does something"


def find_refused(revision: str, sql: str, sqlstate: str | None) -> Hazard | None:
    """Return the hazard of a statement that failed with this SQLSTATE because it was in a transaction.

    None for another failure.
    """
    if sqlstate in _REFUSED_IN_TRANSACTION:
        intro = "put it alone into a revision"
        remedy = Recipe(intro=intro, revisions=((Work(sql=sql.strip().rstrip(";"), alone=True),),)).text
        message = f"PostgreSQL does not run this in a transaction: {_short(sql)}"
    elif sqlstate == _NEW_VALUE_USED:
        remedy = "put ALTER TYPE ... ADD VALUE into a revision of its own, before this one"
        message = f"this uses a value of an enum that its own transaction has added: {_short(sql)}"
    else:
        return None
    return Hazard(
        code=HazardCode.NEEDS_AUTOCOMMIT,
        severity=Severity.HIGH,
        revision=revision,
        statement=None,
        table=None,
        message=message,
        remedy=remedy,
    )


def find_unfinished(
    revisions: Sequence[RehearsedRevision], direction: Direction, counted: Counted
) -> Iterator[Hazard]:
    """Find revisions that a failure leaves half done, and those without a way back."""
    for rehearsed in revisions:
        yield from _mixed(rehearsed)
        yield from _irreversible(rehearsed, direction)
    for step in steps(revisions):
        yield from _invalid_index(step, counted)


def _mixed(rehearsed: RehearsedRevision) -> Iterator[Hazard]:
    """A statement outside of a transaction, and others: rows changed in batches belong together."""
    outside = [
        number
        for number, statement in enumerate(rehearsed.statements, 1)
        if not statement.transactional and statement.command not in _ON_ROWS
    ]
    others = len(rehearsed.statements) - 1
    if not outside or not others:
        return
    first = rehearsed.statements[outside[0] - 1]
    yield Hazard(
        code=HazardCode.NEEDS_AUTOCOMMIT,
        severity=Severity.NOTICE,
        revision=rehearsed.revision.id,
        statement=outside[0],
        table=None,
        message=f"statement {outside[0]} runs outside of a transaction and the revision has {others} more:"
        f" when one of them fails, what was before it stays ({_short(first.sql)})",
        remedy=RULES[HazardCode.NEEDS_AUTOCOMMIT].remedy,
    )


def _invalid_index(step: Step, counted: Counted) -> Iterator[Hazard]:
    index = indexes.built_by(step.statement.sql)
    if index is None:
        return
    drop = Recipe(
        intro="drop the INVALID index, then build it again",
        revisions=((Work(sql=f"DROP INDEX CONCURRENTLY IF EXISTS {index}", alone=True),),),
    ).text
    table = next((e.table for e in step.statement.effects), None)
    if indexes.bare_name(index) in counted.invalid_indexes:
        said = f"cannot build {index}: an INVALID index of this name is there, of an earlier build"
        yield step.hazard(HazardCode.INVALID_INDEX_LEFT, Severity.HIGH, table, said, drop)
        return
    for question in questions_of(step):
        answer, table = counted.answer(question.subject), question.subject.table
        if question.subject.ask is Ask.DUPLICATES and answer.rows != 0 and not answer.needs_plan:
            fails = "fails" if answer.rows is not None else "fails if there are duplicates"
            said = f"{fails}, and leaves the index {index} behind, INVALID: it costs with every write and"
            said += " serves no query"
            yield step.hazard(HazardCode.INVALID_INDEX_LEFT, Severity.NOTICE, table, said, drop)


def _irreversible(rehearsed: RehearsedRevision, direction: Direction) -> Iterator[Hazard]:
    functions = _functions(rehearsed.revision.path)
    if functions is None:
        return
    changes = (
        bool(rehearsed.statements)
        if direction is Direction.UPGRADE
        else not _is_empty(functions.get("upgrade"))
    )
    way = _way_back(functions.get("downgrade"))
    if not changes or way is _WayBack.WRITTEN:
        return
    effect = (
        "there is no way back by af-db"
        if direction is Direction.UPGRADE
        else "the database will be called downgraded, and what upgrade() did is still there"
    )
    yield Hazard(
        code=HazardCode.IRREVERSIBLE,
        severity=Severity.NOTICE,
        revision=rehearsed.revision.id,
        statement=None,
        table=None,
        message=f"{way} in {rehearsed.revision.path.name}: {effect}",
        remedy=RULES[HazardCode.IRREVERSIBLE].remedy,
    )


def _functions(path: Path) -> dict[str, ast.FunctionDef] | None:
    """The functions of a revision file; None when it cannot be read as Python."""
    try:
        module = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


def _way_back(function: ast.FunctionDef | None) -> _WayBack:
    if function is None:
        return _WayBack.MISSING
    if _is_empty(function):
        return _WayBack.EMPTY
    return _WayBack.RAISES if any(isinstance(node, ast.Raise) for node in function.body) else _WayBack.WRITTEN


def _is_empty(function: ast.FunctionDef | None) -> bool:
    """Whether a function only says something, passes, or returns nothing."""
    return function is None or all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Return) and node.value is None)
        for node in function.body
    )


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
