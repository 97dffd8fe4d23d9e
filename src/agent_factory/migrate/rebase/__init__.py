"""Re-parenting and renumbering the revisions of one branch, so that the history is one line again."""

from agent_factory.migrate.rebase.applied import Applied, find_applied
from agent_factory.migrate.rebase.edits import CannotEditError, edited
from agent_factory.migrate.rebase.files import (
    FileChange,
    InterruptedRebaseError,
    RebaseRunningError,
    change_files,
    find_interrupted,
    undo_interrupted,
)
from agent_factory.migrate.rebase.moves import CannotMoveError, Move, in_order, plan_moves

__all__ = [
    "Applied",
    "CannotEditError",
    "CannotMoveError",
    "FileChange",
    "InterruptedRebaseError",
    "Move",
    "RebaseRunningError",
    "change_files",
    "edited",
    "find_applied",
    "find_interrupted",
    "in_order",
    "plan_moves",
    "undo_interrupted",
]
