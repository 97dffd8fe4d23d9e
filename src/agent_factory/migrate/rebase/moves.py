"""Where each revision of a branch goes: its new id, parent and file, decided before any file is touched."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_factory.migrate.revisions.faults import find_heads
from agent_factory.migrate.revisions.parse import RevisionFile

_NUMBER = re.compile("[0-9]+")


class CannotMoveError(Exception):
    """The branch cannot be put into one line; the message names the files that stand in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A revision of the branch with the place that it gets."""

    file: RevisionFile
    id: str
    parents: tuple[str, ...]
    depends_on: tuple[str, ...]
    path: Path

    @property
    def is_change(self) -> bool:
        """Say whether its file would become another."""
        file = self.file
        return (self.id, self.parents, self.depends_on, self.path) != (
            file.id,
            file.parents,
            file.depends_on,
            file.path,
        )


def plan_moves(ours: Sequence[RevisionFile], theirs: Sequence[RevisionFile]) -> tuple[Move, ...]:
    """Put ``ours`` in their order one after the other behind ``theirs``, and return where each goes.

    Where the ids of ``theirs`` are numbers ours get the next ones, else they keep theirs. Raises
    CannotMoveError.
    """
    if not ours:
        return ()
    heads = find_heads(theirs)
    if len(heads) > 1:
        raise CannotMoveError(
            "the branch to follow has several heads itself: "
            + ", ".join(f"{head.id} ({head.name})" for head in heads)
        )
    _check_own_branches(ours, theirs)
    ordered = in_order(ours)
    ids = _new_ids(ordered, theirs)
    renamed = {file.id: new for file, new in zip(ordered, ids, strict=True) if file.id is not None}
    moves = []
    follows = tuple(head.id for head in heads if head.id is not None)
    for file, new in zip(ordered, ids, strict=True):
        moves.append(
            Move(
                file=file,
                id=new,
                parents=follows,
                depends_on=tuple(renamed.get(name, name) for name in file.depends_on),
                path=_new_path(file, new),
            )
        )
        follows = (new,)
    _check_paths(moves, theirs)
    return tuple(moves)


def in_order(files: Sequence[RevisionFile]) -> tuple[RevisionFile, ...]:
    """Return the files so that each comes after those that it builds on, else by their ids.

    Raises CannotMoveError for two with one id, and for a circle.
    """
    known: dict[str, RevisionFile] = {}
    for file in files:
        if file.id is None:
            raise CannotMoveError(f"{file.name} has no id that can be read")
        if file.id in known:
            raise CannotMoveError(f"{known[file.id].name} and {file.name} both have the id {file.id}")
        known[file.id] = file
    left = dict(sorted(known.items(), key=lambda item: _rank(item[0])))
    ordered: list[RevisionFile] = []
    while left:
        ready = next((key for key, file in left.items() if not _needs(file) & left.keys()), None)
        if ready is None:
            raise CannotMoveError(f"{', '.join(left)} build on each other in a circle")
        ordered.append(left.pop(ready))
    return tuple(ordered)


def _needs(file: RevisionFile) -> set[str]:
    return {*file.parents, *file.depends_on} - {file.id}


def _rank(revision: str) -> tuple[int, str]:
    return (int(revision) if _NUMBER.fullmatch(revision) else 0, revision)


def _check_own_branches(ours: Iterable[RevisionFile], theirs: Sequence[RevisionFile]) -> None:
    own = [file for file in ours if theirs and not file.parents and file.labels]
    if own:
        raise CannotMoveError(
            "these begin branches of their own, with a label, and follow nothing: "
            + ", ".join(file.name for file in own)
        )


def _new_ids(ours: Sequence[RevisionFile], theirs: Sequence[RevisionFile]) -> list[str]:
    old = [file.id or "" for file in ours]
    known = [file.id or "" for file in theirs] or old
    if all(_NUMBER.fullmatch(revision) for revision in known):
        width = max(len(revision) for revision in known)
        last = max((int(file.id or 0) for file in theirs), default=0)
        if not theirs:
            last = min(int(revision) for revision in old) - 1
        return [str(number).zfill(width) for number in range(last + 1, last + 1 + len(ours))]
    both = sorted({*old} & {file.id for file in theirs})
    if both:
        named = ", ".join(file.name for file in (*ours, *theirs) if file.id in both)
        raise CannotMoveError(f"{', '.join(both)} is not a number, and is the id of several files: {named}")
    return old


def _new_path(file: RevisionFile, new: str) -> Path:
    """The file's name with the new id where it has the old one, once and as a word of its own."""
    if new == file.id:
        return file.path
    whole = rf"(?<![0-9A-Za-z]){re.escape(file.id or '')}(?![0-9A-Za-z])"
    stem = file.path.stem
    if re.match(whole, stem) or len(re.findall(whole, stem)) == 1:
        return file.path.with_name(re.sub(whole, new, stem, count=1) + file.path.suffix)
    return file.path


def _check_paths(moves: Sequence[Move], theirs: Sequence[RevisionFile]) -> None:
    given_up = {move.file.path for move in moves}
    taken = {file.path for file in theirs}
    for move in moves:
        if move.path in taken or (move.path not in given_up and move.path.exists()):
            raise CannotMoveError(f"{move.file.name} would become {move.path.name}, which already exists")
        taken.add(move.path)
