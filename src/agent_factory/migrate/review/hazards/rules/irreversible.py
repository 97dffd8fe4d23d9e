"""irreversible: a revision whose downgrade() does not undo what its upgrade() does."""

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.review.hazards.evidence import Evidence
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.revisions.contents import content_of


class _Downgrade(StrEnum):
    MISSING = "there is no downgrade()"
    EMPTY = "downgrade() does nothing"
    RAISES = "downgrade() raises"
    WRITTEN = "downgrade() does something"


def _in_revision(rehearsed: RehearsedRevision, evidence: Evidence) -> Iterator[Hazard]:
    functions = _functions(rehearsed.revision.path)
    if functions is None:
        return
    is_upgrade = evidence.direction is Direction.UPGRADE
    changes = bool(rehearsed.statements) if is_upgrade else not _is_empty(functions.get("upgrade"))
    way = _kind_of(functions.get("downgrade"))
    if not changes or way is _Downgrade.WRITTEN:
        return
    effect = (
        "af-db cannot undo the revision"
        if is_upgrade
        else "the database counts as downgraded, but what upgrade() did is still there"
    )
    yield Hazard(
        code=IRREVERSIBLE.code,
        severity=Severity.NOTICE,
        revision=rehearsed.revision.id,
        statement=None,
        table=None,
        message=f"{way} in {rehearsed.revision.path.name}: {effect}",
        remedy=IRREVERSIBLE.remedy,
    )


def _functions(path: Path) -> dict[str, ast.FunctionDef] | None:
    """Return the functions of a revision file; None when it cannot be read as Python."""
    try:
        module = ast.parse(content_of(path).data)
    except (OSError, SyntaxError, ValueError):
        return None
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


def _kind_of(function: ast.FunctionDef | None) -> _Downgrade:
    if function is None:
        return _Downgrade.MISSING
    if _is_empty(function):
        return _Downgrade.EMPTY
    return (
        _Downgrade.RAISES
        if any(isinstance(node, ast.Raise) for node in function.body)
        else _Downgrade.WRITTEN
    )


def _is_empty(function: ast.FunctionDef | None) -> bool:
    """Whether a function only says something, passes, or returns nothing."""
    return function is None or all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Return) and node.value is None)
        for node in function.body
    )


IRREVERSIBLE = HazardRule(
    code="irreversible",
    number=10,
    rank=100,
    text="downgrade() is empty or raises although upgrade() changes something",
    high="never",
    remedy="write downgrade(), or have it raise and say why there is no downgrade",
    on_downgrade="undo by psql what upgrade() did, or go forward by a new revision instead",
    in_revision=_in_revision,
)
