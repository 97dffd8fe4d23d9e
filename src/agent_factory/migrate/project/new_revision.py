"""Where a new revision goes: what ``alembic revision`` is given, checked before anything is written."""

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.script import Script
from alembic.script.revision import MultipleHeads, RevisionError
from alembic.util import CommandError

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.written import NewRevision
from agent_factory.migrate.project.history import Project, find_branches, is_known, version_folders
from agent_factory.migrate.project.refusals import is_refused_write
from agent_factory.migrate.revisions.faults import describe_heads
from agent_factory.plain_text import text_of

_NOT_IN_IDS = "@+-'\""


def place(project: Project, target: Target, new: NewRevision) -> Mapping[str, Any]:
    """Return the arguments with which ``command.revision`` writes it there.

    Raises UsageError for what Alembic would refuse, and for what it would write and could then not read.
    """
    heads = _find(project, target, new.head or "head")
    inner = next((head for head in heads if not head.is_head), None)
    if inner is not None and not new.splice:
        raise _refuse(
            "not-a-head",
            f"{inner.revision} is no head: what follows it would be a second branch",
            f"if that is what you want: {target.again('--splice')}",
        )
    if new.rev_id is not None:
        _require_new_id(project, new.rev_id)
    if new.branch_label is not None:
        _require_new_label(project, new.branch_label)
    for other in new.depends_on:
        _find(project, target, other)
    return {
        "head": new.head or "head",
        "splice": new.splice,
        "branch_label": new.branch_label,
        "version_path": _folder(project, target, new, heads),
        "depends_on": list(new.depends_on) or None,
        "rev_id": new.rev_id,
    }


def _several_heads(project: Project, target: Target) -> UsageError:
    heads, labels = project.heads, find_branches(project, project.heads)
    ways = [f"{label}@head" for label in labels] or heads
    one_of = (
        f"go on with {head}: {target.again(f'--head {shlex.quote(way)}')}"
        for head, way in zip(heads, ways, strict=True)
    )
    join = () if labels else (f"join them: {target.command('merge')}",)
    return _refuse("multiple-heads", describe_heads(heads), *join, *one_of)


def _find(project: Project, target: Target, name: str) -> tuple[Script, ...]:
    """The revisions that are called so; none for ``base``. Raises UsageError where there is none."""
    try:
        found = project.script.revision_map.get_revisions(name)
        return tuple(script for script in found if isinstance(script, Script))
    except MultipleHeads as error:
        raise _several_heads(project, target) from error
    except (RevisionError, AssertionError, ValueError) as error:
        said = f": {text_of(error)}" if isinstance(error, RevisionError) else ""
        raise _refuse(
            "unknown-revision",
            f"no revision is called {name!r}{said}",
            f"see the revisions: {target.command('history')}",
        ) from error


def _require_new_id(project: Project, rev_id: str) -> None:
    wrong = next((f"{each!r}" for each in rev_id if each in _NOT_IN_IDS or not each.isprintable()), "")
    if wrong or not rev_id.strip() or "/" in rev_id or "\\" in rev_id:
        raise _refuse(
            "bad-revision-id",
            f"{rev_id!r} cannot be the id of a revision: it is typed, and becomes a part of the file's name",
            "use letters, digits and underscores",
        )
    if is_known(project, rev_id):
        taken = project.script.get_revision(rev_id)
        raise _refuse(
            "bad-revision-id",
            f"{rev_id} is the id of {Path(taken.path).name} already",
            "choose another one, or leave --rev-id away",
        )


def _require_new_label(project: Project, label: str) -> None:
    """Alembic would write the file, and then read none of the files any more."""
    for script in project.script.walk_revisions():
        if label in script.branch_labels or label == script.revision:
            raise _refuse(
                "bad-branch-label",
                f"{label!r} means {script.revision} already, and a branch has each label once",
                f"choose another label, or go on with that branch: --head {label}@head",
            )


def _folder(project: Project, target: Target, new: NewRevision, heads: tuple[Script, ...]) -> str | None:
    """The folder as Alembic spells it; None where it finds the folder by itself."""
    folders = version_folders(project.script)
    listed = ", ".join(str(folder) for folder in folders)
    if new.version_path is None:
        if len(folders) > 1 and not heads:
            raise _refuse(
                "no-such-folder",
                f"the revision follows none, so that its folder has to be named: {listed}",
                target.again(f"--version-path {shlex.quote(str(folders[0]))}"),
            )
        return None
    wanted = new.version_path.resolve()
    found = next((folder for folder in folders if folder.resolve() == wanted), None)
    if found is None:
        raise _refuse(
            "no-such-folder",
            f"{new.version_path} is no folder of revisions in the configuration; these are: {listed}",
            "name one of them, or add it to version_locations",
        )
    return str(found)


@contextlib.contextmanager
def writing_errors() -> Iterator[None]:
    """Raise UsageError for what only shows when the file is written: a template, a hook, a comparison.

    A library may compare its objects by making them, and taking them back. Here nothing is written.
    """
    try:
        yield
    except CommandError as error:
        raise _refuse(
            "cannot-create",
            f"Alembic has not finished the file: {text_of(error)}",
            "correct script.py.mako or [post_write_hooks], delete the file if there is one, and create again",
        ) from error
    except sa.exc.DBAPIError as error:
        if not _is_refused_write(error):
            raise
        statement = " ".join((error.statement or "").split())
        raise _refuse(
            "cannot-create",
            f"what env.py registers to be compared writes to the database while it compares: {statement}",
            "have plain Alembic write the file, on a database that nobody needs: "
            "alembic revision --autogenerate -m MESSAGE",
            "or write it by hand: af-db local create --empty MESSAGE",
        ) from error


def _is_refused_write(error: sa.exc.DBAPIError) -> bool:
    return error.orig is not None and is_refused_write(error.orig)


def _refuse(code: str, message: str, *next_steps: str) -> UsageError:
    return UsageError(code, message, state=NOT_TOUCHED, next_steps=next_steps)
