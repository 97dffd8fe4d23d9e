"""This branch against the one that it will be merged into: what is shared stays, and one head is left."""

import difflib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent_factory.migrate.checks.history import find_branches
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.findings import CannotCheckError, Finding, finding
from agent_factory.migrate.project import HistoryFiles
from agent_factory.migrate.revisions.faults import by_id, find_faults, find_heads
from agent_factory.migrate.revisions.git_tree import (
    Commit,
    find_commit,
    find_common_ancestor,
    find_files,
    read_files,
)
from agent_factory.migrate.revisions.normalise import normalised
from agent_factory.migrate.revisions.parse import FILE_NAME, RevisionFile, read_revision_file

_REVISION = r"^down_revision\b"
"""How git finds what may be a revision: only what it finds is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sides:
    """The revisions of the working tree, of the target branch, and of the last commit that both share, by id.

    ``too_shallow`` is why that commit could not be read, None where it was, or where there is none.
    """

    ref: str
    ours: Mapping[str, RevisionFile]
    theirs: Mapping[str, RevisionFile]
    shared: Mapping[str, RevisionFile]
    too_shallow: UsageError | None

    def was_shared(self, revision: str) -> RevisionFile | None:
        """Return the revision as both sides had it. Raises UsageError where the clone does not reach back."""
        if self.too_shallow is not None:
            raise self.too_shallow
        return self.shared.get(revision)


def check_branch(history: HistoryFiles, ref: str) -> tuple[Finding, ...]:
    """Compare the working tree with the commit that ``ref`` names, which is only read.

    Raises UsageError where git cannot read it, or its revisions cannot be found, and CannotCheckError where
    it has none.
    """
    commit = find_commit(history.config_path.absolute().parent, ref)
    folders = history.folders
    theirs = _read(commit, history, folders)
    if not theirs:
        folders, theirs = _moved(commit, history)
    too_shallow = None
    ancestor = None
    try:
        ancestor = find_common_ancestor(commit)
    except UsageError as error:
        too_shallow = error
    sides = _Sides(
        ref=ref,
        ours=by_id(history.files),
        theirs=theirs,
        shared=_read(ancestor, history, (*folders, *history.folders)) if ancestor else {},
        too_shallow=too_shallow,
    )
    unnamed = {file.path: file for file in history.files if file.id is None}
    return (*_changed(sides, unnamed), *_merged(sides, history.files))


def _changed(sides: _Sides, unnamed: Mapping[Path, RevisionFile]) -> Iterator[Finding]:
    """What differs from the target branch, though nothing changed there."""
    for revision, their in sides.theirs.items():
        our = sides.ours.get(revision) or unnamed.get(their.path)
        if our is None:
            if sides.was_shared(revision) is not None:
                yield finding(
                    "deleted-on-branch",
                    f"{_name(sides, their)} ({revision}) is on {sides.ref} and was deleted here",
                    file=their.path,
                    remedy=_put_back(sides, their),
                )
        elif not _is_same(our, their):
            was = sides.was_shared(revision)
            if was is None and our.path != their.path:
                yield _duplicate(sides, our, their)
            elif was is None or not _is_same(was, our):
                yield _edited(sides, our, their)


def _duplicate(sides: _Sides, our: RevisionFile, their: RevisionFile) -> Finding:
    return finding(
        "duplicate-after-merge",
        f"{our.name} has the id {our.id}, which {sides.ref} uses for {_name(sides, their)}",
        file=our.path,
        line=our.line("revision"),
        details=tuple(
            f"{file.place('revision')}: {file.id} builds on {', '.join(file.parents) or 'nothing'}"
            for file in (their, our)
        ),
    )


def _edited(sides: _Sides, our: RevisionFile, their: RevisionFile) -> Finding:
    before, after = (normalised(file.source).splitlines() for file in (their, our))
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    changes = [change for change in matcher.get_opcodes() if change[0] != "equal"]
    added = sum(end - begin for _kind, _from, _to, begin, end in changes)
    removed = sum(end - begin for _kind, begin, end, _from, _to in changes)
    names = dict.fromkeys((_name(sides, their), our.name))
    # Not the lines themselves: one may be gone because it holds a password.
    difference = shlex.join(["git", "diff", "-M", sides.ref, "--", *names])
    return finding(
        "edited-on-branch",
        f"{our.name} ({their.id}) is on {sides.ref} and was edited here",
        file=our.path,
        line=max(1, min(changes[0][3] + 1, len(after))),
        details=(f"lines: {added} added, {removed} removed ({difference})",),
        remedy=_put_back(sides, their) if our.path == their.path else None,
    )


def _merged(sides: _Sides, files: Sequence[RevisionFile]) -> Iterator[Finding]:
    """What is wrong with the history that both make together, and is not wrong with this one alone."""
    if find_faults(files) or find_branches(files):
        return
    together = [*_after_merge(sides)]
    faults = find_faults(together)
    for fault in faults:
        yield replace(
            finding("broken-after-merge", f"merged with {sides.ref}: {fault.message}"),
            file=fault.file,
            line=fault.line,
            details=fault.details,
        )
    if faults:
        return
    for found in find_branches(together):
        heads = find_heads(together)
        newest = ([head for head in heads if head.id not in sides.theirs] or heads)[-1]
        yield finding(
            "multiple-heads-after-merge",
            f"merged with {sides.ref}, {found.message}",
            file=newest.path,
            line=newest.line("down_revision"),
            details=found.details,
        )


def _after_merge(sides: _Sides) -> Iterator[RevisionFile]:
    """The files as git would merge them: whoever changed one since the last shared commit prevails."""
    for revision, our in sides.ours.items():
        was = sides.shared.get(revision)
        is_untouched = was is not None and _is_same(was, our)
        their = sides.theirs.get(revision)
        if their is not None:
            yield their if is_untouched else our
        elif not is_untouched:
            yield our
    for revision, their in sides.theirs.items():
        if revision not in sides.ours and revision not in sides.shared:
            yield their


def _moved(commit: Commit, history: HistoryFiles) -> tuple[tuple[Path, ...], dict[str, RevisionFile]]:
    """The folders in which a commit without revisions here has those of this history; and these."""
    here = ", ".join(str(folder) for folder in history.folders)
    files = find_files(commit, history.config_path.resolve().parent, _REVISION)
    parents = dict.fromkeys(path.parent for path in files if FILE_NAME.fullmatch(path.name))
    others = {folder: _read(commit, history, (folder,)) for folder in parents}
    ours = by_id(history.files)
    folders = tuple(folder for folder, found in others.items() if found.keys() & ours.keys())
    if folders:
        return folders, {name: file for folder in folders for name, file in others[folder].items()}
    if any(others.values()):
        elsewhere = ", ".join(str(folder) for folder, found in others.items() if found)
        raise UsageError(
            "revisions-elsewhere",
            f"{commit.ref} has no revisions in {here}; it has others in {elsewhere}",
            state=NOT_TOUCHED,
            next_steps=("restore the revisions that are shared, or name the branch that has them",),
        )
    raise CannotCheckError(f"{commit.ref} has no revisions in {here}")


def _read(commit: Commit, history: HistoryFiles, folders: Sequence[Path]) -> dict[str, RevisionFile]:
    """The revisions of a commit, by id. What is known only by running a file is taken from the one here."""
    root = history.config_path.resolve().parent
    here = {file.path: file for file in history.files}
    found = []
    contents = read_files(commit, folders, recursive=history.has_subfolders)
    for path, data in contents.items():
        if not FILE_NAME.fullmatch(path.name):
            continue
        file = read_revision_file(path, data, name=f"{commit.ref}:{os.path.relpath(path, root)}")
        same = here.get(path)
        if file.computed and same is not None:
            equal = _is_same(file, same)
            file = replace(same if equal else file, name=file.name, id=same.id)
        found.append(file)
    return by_id(found)


def _is_same(one: RevisionFile, other: RevisionFile) -> bool:
    return normalised(one.source) == normalised(other.source)


def _name(sides: _Sides, their: RevisionFile) -> str:
    return their.name.removeprefix(f"{sides.ref}:")


def _put_back(sides: _Sides, their: RevisionFile) -> str:
    return shlex.join(["git", "checkout", sides.ref, "--", _name(sides, their)])
