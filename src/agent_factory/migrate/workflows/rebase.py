"""Putting a branch's revisions behind those of the branch that it will be merged into."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.journal.records import read_all_entries
from agent_factory.migrate.model.errors import NOT_TOUCHED, CannotConnectError, RefusedError
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import ConfirmRebase, RebasedFile, RebaseResult
from agent_factory.migrate.project import HistoryFiles
from agent_factory.migrate.rebase import (
    CannotEditError,
    CannotMoveError,
    FileChange,
    InterruptedRebaseError,
    Move,
    RebaseRunningError,
    change_files,
    edited,
    find_applied,
    find_interrupted,
    in_order,
    plan_moves,
    undo_interrupted,
)
from agent_factory.migrate.review.consents import APPLIED, PUSHED, flag_for
from agent_factory.migrate.revisions.faults import find_faults, find_heads
from agent_factory.migrate.revisions.git_tree import (
    find_commit,
    find_default_branch,
    find_remote_branches,
    read_files,
)
from agent_factory.migrate.revisions.parse import FILE_NAME, RevisionFile, read_revision_file


def rebase(
    setup: Setup,
    target: Target,
    *,
    against: str | None,
    allow: Sequence[str],
    dry_run: bool,
    confirm: ConfirmRebase,
) -> RebaseResult:
    """Re-parent and renumber the revisions that ``against`` does not have, so that the history is one line.

    ``against`` None is the main branch of the remote. Its revisions stay as they are, and have to be here
    already. ``target`` is the database at hand: a revision that it has is not moved, unless ``applied`` is
    allowed; nor one that another branch of a remote has, unless ``pushed`` is. ``confirm`` is asked before
    any file is changed, unless there is nothing to do. With ``dry_run`` no file is.

    Raises RefusedError, naming the files, where something stands in the way; UsageError where git cannot
    read the branch; CannotConnectError.
    """
    root = setup.config_path.absolute().parent
    notes = _put_back(root, target, dry_run=dry_run)
    files = alembic_project.read_history_files(setup, target=target.url)
    ref = against or find_default_branch(root)
    theirs = _theirs(root, ref, files)
    ours = _ours(files, theirs)
    try:
        moves = plan_moves(ours, theirs)
    except CannotMoveError as error:
        raise _cannot(str(error)) from error
    changed = [move for move in moves if move.is_change]
    result = RebaseResult(
        against=ref,
        heads=tuple(head.id or "" for head in find_heads(theirs)),
        files=tuple(_result(move) for move in changed),
        written=False,
        notes=(*notes, *_needless(changed)),
    )
    if not changed:
        return result
    changes = _changes(changed)
    _check_history(theirs, moves, changes)
    if PUSHED not in allow:
        _check_not_pushed(root, target, changed, allow)
    if APPLIED not in allow:
        _check_not_applied(setup, target, ours, theirs, changed, allow)
    if dry_run:
        return result
    confirm(result)
    try:
        change_files(root, changes)
    except RebaseRunningError as error:
        raise _running(error) from error
    except OSError as error:
        raise _cannot(f"the files could not be changed, and are as they were: {error}") from error
    return replace(result, written=True)


def _put_back(root: Path, target: Target, *, dry_run: bool) -> tuple[str, ...]:
    """Undo what an earlier run that ended half-way has changed; with ``dry_run`` that is only reported."""
    try:
        found = find_interrupted(root) if dry_run else undo_interrupted(root)
    except InterruptedRebaseError as error:
        raise _cannot(str(error)) from error
    except RebaseRunningError as error:
        raise _running(error) from error
    names = ", ".join(path.name for path in found)
    if found and dry_run:
        raise _cannot(
            f"an earlier rebase ended half-way, and has to be undone first: {names}",
            f"put them back, and rebase: {target.command('rebase')}",
        )
    return (f"an earlier rebase had ended half-way; put back first: {names}",) if found else ()


def _theirs(root: Path, ref: str, files: HistoryFiles) -> tuple[RevisionFile, ...]:
    """The revisions of the other branch, as they are there. All of them have to be here as well."""
    commit = find_commit(root, ref)
    contents = read_files(commit, files.folders, recursive=files.has_subfolders)
    contents = {path: data for path, data in contents.items() if FILE_NAME.fullmatch(path.name)}
    missing = [path for path in contents if not path.is_file()]
    if missing:
        raise RefusedError(
            "not-pulled",
            f"{ref} has revisions that are not here: {', '.join(_name(root, path) for path in missing)}",
            state=NOT_TOUCHED,
            next_steps=(f"bring them in: git merge {ref}", "then: af-db local rebase"),
        )
    if not contents:
        folders = ", ".join(_name(root, folder) for folder in files.folders)
        raise _cannot(f"{ref} has no revisions in {folders}: there is nothing to follow")
    here = {file.path: file for file in files.files}
    found = []
    for path, data in contents.items():
        file = read_revision_file(path, data, name=_name(root, path))
        known = here.get(path)
        if file.computed and known is not None:
            file = known
        found.append(file)
    return tuple(found)


def _ours(files: HistoryFiles, theirs: Sequence[RevisionFile]) -> tuple[RevisionFile, ...]:
    """The revisions that only this branch has, read without running them."""
    shared = {file.path for file in theirs}
    ours = [
        read_revision_file(file.path, file.path.read_bytes(), name=file.name)
        for file in files.files
        if file.path not in shared
    ]
    broken = [f"{file.name}: {file.broken.why}" for file in ours if file.broken is not None]
    broken += [
        f"{file.name}: its {' and '.join(sorted(file.computed))} is known only by running it"
        for file in ours
        if file.computed and file.broken is None
    ]
    if broken:
        raise _cannot("these cannot be moved:\n" + "\n".join(f"  {line}" for line in broken))
    return tuple(ours)


def _changes(moves: Sequence[Move]) -> list[FileChange]:
    changes = []
    refused = []
    for move in moves:
        before = move.file.path.read_bytes()
        try:
            after = edited(before, revision=move.id, parents=move.parents, depends_on=move.depends_on)
        except CannotEditError as error:
            refused.append(f"  {move.file.name}: {error}")
        else:
            changes.append(FileChange(old=move.file.path, new=move.path, before=before, after=after))
    if refused:
        raise _cannot("these cannot be edited safely:\n" + "\n".join(refused))
    return changes


def _check_history(
    theirs: Sequence[RevisionFile], moves: Sequence[Move], changes: Sequence[FileChange]
) -> None:
    """Read the files as they would be: they have to be one history with one head."""
    after = {change.old: read_revision_file(change.new, change.after) for change in changes}
    future = [*theirs, *(after.get(move.file.path, move.file) for move in moves)]
    faults = find_faults(future)
    heads = find_heads(future)
    if faults or len(heads) > 1:
        why = faults[0].message if faults else f"{', '.join(head.name for head in heads)} are heads"
        raise _cannot(f"the history would be broken afterwards: {why}")


def _check_not_pushed(root: Path, target: Target, changed: Sequence[Move], allow: Sequence[str]) -> None:
    """Raise RefusedError when another branch of a remote has a revision that is to be changed."""
    branches = find_remote_branches(root, [move.file.path for move in changed])
    if branches:
        named = ", ".join(f"{_name(root, path)} ({', '.join(branches[path])})" for path in sorted(branches))
        raise RefusedError(
            "revision-pushed",
            f"other branches have revisions that would get another id or parent: {named}",
            state=NOT_TOUCHED,
            next_steps=(
                "have the other branch merged first, or deleted: git fetch --prune",
                f"or, if nobody has run them: {target.command(f'rebase {flag_for([PUSHED], allow)}')}",
            ),
        )


def _check_not_applied(
    setup: Setup,
    target: Target,
    ours: Sequence[RevisionFile],
    theirs: Sequence[RevisionFile],
    changed: Sequence[Move],
    allow: Sequence[str],
) -> None:
    """Raise RefusedError when the database at hand has, or may have, a revision that is to be changed."""
    project = alembic_project.configure(setup)
    consent = f"or, if no database has to be kept: {target.command(f'rebase {flag_for([APPLIED], allow)}')}"
    try:
        with connect(target, read_only=True) as connection:
            position = alembic_project.read_position(project, connection)
            rows, entries = position.rows, read_all_entries(connection, position.table)
    except CannotConnectError as error:
        error.next_steps = (*error.next_steps, consent)
        raise
    applied = find_applied(ours, theirs, rows, entries)
    moved = {move.file.path for move in changed}
    there = [file for file in applied.ours if file.path in moved]
    if there:
        named = ", ".join(f"{file.id} ({file.name})" for file in in_order(there))
        raise RefusedError(
            "revision-applied",
            f"{target} has revisions that would get another id or parent: {named}",
            state=NOT_TOUCHED,
            next_steps=(*_downgrade_first(target, in_order(there)[0], ours, theirs), consent),
        )
    if applied.unclear:
        raise RefusedError(
            "revision-applied",
            f"{target} is at {', '.join(applied.unclear)}, which no file or more than one has: "
            "it is not known whether it has revisions of this branch",
            state=NOT_TOUCHED,
            next_steps=("name a database whose revisions are known: DATABASE_URL", consent),
        )


def _downgrade_first(
    target: Target, first: RevisionFile, ours: Sequence[RevisionFile], theirs: Sequence[RevisionFile]
) -> tuple[str, ...]:
    """The downgrade to before a revision; while two files have one id, Alembic reads neither."""
    downgrade = target.command(f"downgrade {', '.join(first.parents) or 'base'}")
    twice = {file.id for file in ours} & {file.id for file in theirs}
    if not twice:
        return (f"downgrade it first: {downgrade}",)
    aside = ", ".join(file.name for file in theirs if file.id in twice)
    return (f"take the other branch's files out of the folder ({aside}), then: {downgrade}", "put them back")


def _needless(moves: Sequence[Move]) -> tuple[str, ...]:
    return tuple(
        f"{move.path.name} joined {', '.join(move.file.parents)}, and has nothing to join any more: "
        "if its functions are empty it can be deleted"
        for move in moves
        if len(move.file.parents) > 1
    )


def _result(move: Move) -> RebasedFile:
    docstring = move.file.source.lstrip().lstrip("'\"").partition("\n")[0].rstrip("'\" ")
    return RebasedFile(
        message=docstring,
        id_before=move.file.id or "",
        id=move.id,
        parents_before=move.file.parents,
        parents=move.parents,
        path_before=move.file.path,
        path=move.path,
    )


def _name(root: Path, path: Path) -> str:
    return os.path.relpath(path, root.resolve())


def _cannot(why: str, *next_steps: str) -> RefusedError:
    by_hand = "correct that, or change id and down_revision by hand; af-db check sees what is wrong"
    return RefusedError("cannot-rebase", why, state=NOT_TOUCHED, next_steps=next_steps or (by_hand,))


def _running(error: RebaseRunningError) -> RefusedError:
    return RefusedError(
        "rebase-running",
        str(error),
        state=NOT_TOUCHED,
        next_steps=("wait until it has ended, then run the command again",),
    )
