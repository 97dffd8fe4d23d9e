"""The history of an Alembic project: its revisions, and the path between two of them."""

import contextlib
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import MultipleHeads, RangeNotAncestorError, ResolutionError, RevisionError
from alembic.util import CommandError, pyc_file_from_path

from agent_factory.migrate.model.errors import NOT_TOUCHED, RefusedError, UsageError
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.project.alembic_internals import AMBIGUOUS, OVERLAPS, PAST_THE_END, RELATIVE
from agent_factory.migrate.project.loader import ProjectCode
from agent_factory.migrate.project.opened_files import OpenedFiles
from agent_factory.migrate.project.own_folders import OwnFolders
from agent_factory.migrate.revisions.config_file import root_of
from agent_factory.migrate.revisions.contents import content_of, is_bytecode
from agent_factory.migrate.revisions.faults import describe_heads
from agent_factory.migrate.revisions.graph import own_labels
from agent_factory.migrate.revisions.normalise import content_sha256
from agent_factory.plain_text import text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An Alembic project that was opened with ``setup``. ``root`` is the folder of its configuration.

    ``folders`` are those of its own files. ``code`` knows which of these were executed, ``opened`` which
    others its revisions have read.
    """

    setup: Setup
    config: Config
    script: ScriptDirectory
    folders: OwnFolders
    code: ProjectCode
    opened: OpenedFiles

    @property
    def root(self) -> Path:
        return root_of(self.setup.config_path)

    @property
    def heads(self) -> tuple[str, ...]:
        """The newest revisions; one, unless branches were not merged."""
        return tuple(sorted(self.script.get_heads()))

    @property
    def effective_heads(self) -> tuple[str, ...]:
        """The heads that no other revision depends on: what a database that has everything is at."""
        # get_heads(consider_depends_on=True) says the same, from Alembic 1.18.5 on.
        return tuple(sorted(head.revision for head in self.script.get_revisions("heads")))


def version_folders(script: ScriptDirectory) -> tuple[Path, ...]:
    """The folders of the revision files; Alembic tells where they are only if it has been given just one."""
    each = [ScriptDirectory(script.dir, version_locations=[one]) for one in script.version_locations or ()]
    return tuple(Path(one.versions) for one in each or [script])


def env_py(project: Project) -> Path:
    """Return the path of the project's env.py, or of its bytecode where Alembic takes that in its place."""
    path = Path(project.script.env_py_location)
    return path if path.is_file() else pyc_file_from_path(path) or path


def used_files(project: Project) -> tuple[Path, ...]:
    """Return the project's files that were imported or read so far, besides env.py and the revisions."""
    known = {str(env_py(project).absolute()), *(script.path for script in project.script.walk_revisions())}
    used = (*project.code.executed, *project.opened.paths)
    return tuple(Path(path) for path in used if path not in known)


def used_sha256(project: Project, path: Path) -> str | None:
    """Return the SHA-256 of a file of the project as it was first read; None where there is no such file.

    Whoever imports or reads it later gets what it held then, or an error.
    """
    if path.suffix not in (".py", ".pyc", ".pyo"):
        return project.opened.sha256(os.path.abspath(path))  # noqa: PTH100 - as it is opened
    try:
        return content_sha256(content_of(path))
    except OSError:
        return None


def revisions(project: Project) -> tuple[Revision, ...]:
    """Return every revision, newest first."""
    return tuple(as_revision(script) for script in project.script.walk_revisions())


def ancestors(project: Project, current: Sequence[str]) -> frozenset[str]:
    """Return the revisions that a database at ``current`` has applied; ones without a file are left out."""
    found: set[str] = set()
    for revision in current:
        if is_known(project, revision):
            # One by one: rows of which one builds on another are an error to Alembic, and a fact here.
            line = project.script.iterate_revisions(
                revision, "base", inclusive=True, assert_relative_length=False
            )
            found.update(script.revision for script in line if script is not None)
    return frozenset(found)


def applied_revisions(project: Project, current: Sequence[str]) -> tuple[Revision, ...]:
    """Return the revisions that a database at ``current`` has applied, newest first."""
    applied = ancestors(project, current)
    if not applied:
        return ()
    scripts = project.script.walk_revisions()
    return tuple(as_revision(script) for script in scripts if script.revision in applied)


def newest(project: Project, applied: Iterable[str]) -> tuple[str, ...]:
    """Return those of the revisions that no other one of them builds on or depends on.

    These are the rows that Alembic keeps in ``alembic_version``.
    """
    applied = frozenset(applied)
    scripts = [project.script.get_revision(revision) for revision in applied]
    return tuple(sorted(applied.difference(*(_needed(project, script) for script in scripts))))


def _needed(project: Project, script: Script) -> tuple[str, ...]:
    """The revisions that this one builds on, and those that it depends on: each by its id, not by a label."""
    depends_on = project.script.get_revisions(script.dependencies) if script.dependencies else ()
    return (*_parents(script), *(other.revision for other in depends_on))


def _parents(script: Script) -> tuple[str, ...]:
    parents = script.down_revision
    return (parents,) if isinstance(parents, str) else tuple(parents or ())


def is_known(project: Project, revision: str) -> bool:
    """Say whether a file of this checkout has exactly this id."""
    try:
        script = project.script.get_revision(revision)
    except CommandError:
        return False
    return script is not None and script.revision == revision


def plan(
    project: Project, target: Target, direction: Direction, revision: str, current: tuple[str, ...]
) -> Plan:
    """Return what leads a database from ``current`` to ``revision``, which is read as Alembic reads it.

    Raises UsageError for a revision that means nothing, for several heads where one is meant, and
    RefusedError when this checkout does not know where the database is.
    """
    require_known(project, current)
    if direction is Direction.DOWNGRADE and len(current) > 1 and re.fullmatch(r"-\d+", revision):
        raise UsageError(
            "multiple-heads",
            f"the database has {len(current)} heads, {', '.join(current)}: {revision} could mean either",
            state=NOT_TOUCHED,
            next_steps=_say_which(project, target, current, direction, revision),
        )
    with _revision_errors(project, target, direction, revision, current):
        if direction is Direction.UPGRADE:
            found = list(project.script.iterate_revisions(revision, current, implicit_base=True))[::-1]
        elif not current and revision == "base":
            found = []
        else:
            found = list(project.script.iterate_revisions(current, revision, select_for_downgrade=True))
        steps = tuple(as_revision(script) for script in found)
        return Plan(
            direction=direction,
            target=revision,
            before=current,
            after=_heads_after(project, direction, current, steps),
            steps=steps,
            arguments=project.setup.arguments,
        )


def require_known(project: Project, current: Sequence[str]) -> None:
    """Raise RefusedError when the database is at a revision that no file of this checkout has."""
    unknown = tuple(head for head in current if not is_known(project, head))
    if unknown:
        raise RefusedError(
            "database-ahead",
            f"the database is at {', '.join(unknown)}, which no file of this checkout has",
            state=f"unchanged, at {', '.join(current)}",
            next_steps=(
                "is this an older checkout than the one that migrated? Update it: git pull",
                "is the revision on another branch? Switch to it, or bring its file here",
            ),
        )


def warn_of_bytecode(plan: Plan) -> tuple[Warned, ...]:
    """Warn of the revisions of which there is only bytecode: no text says what they do."""
    ids = [step.id for step in plan.steps if is_bytecode(str(step.path))]
    if not ids:
        return ()
    message = f"{', '.join(ids)}: bytecode without its source; what is hashed and kept is the bytecode"
    return (Warned(code="no-source", message=message),)


def find_branches(project: Project, heads: Sequence[str]) -> tuple[str, ...]:
    """Return a label for each of these heads, where each has one of its own: they are meant to stay apart."""
    return own_labels([project.script.get_revision(head).branch_labels for head in heads])


def _say_which(
    project: Project,
    target: Target,
    heads: Sequence[str],
    direction: Direction,
    step: str,
    *,
    all_of_them: bool = False,
) -> tuple[str, ...]:
    """Return what to type where one of several heads is meant; ``step`` is what stands behind ``LABEL@``."""
    branches = find_branches(project, heads)
    of_all = (f"all of them: {target.command(f'{direction} heads')}",) if all_of_them else ()
    if not branches:
        which = target.command(f"{direction} BRANCH@{step}")
        return ("join them: af-db local merge", *of_all, f"or say which: {which}, or a revision's id")
    commands = (
        (label, target.command(f"{direction} {shlex.quote(_step_of(label, head, step))}"))
        for label, head in zip(branches, heads, strict=True)
    )
    return (*of_all, *(f"{label} alone: {command}" for label, command in commands))


def _step_of(label: str, head: str, step: str) -> str:
    """Return what means this step of a branch; Alembic takes ``team-2@head`` for two before a revision."""
    of_label = f"{label}@{step}"
    return head if step == "head" and RELATIVE.match(of_label) else of_label


def _heads_after(
    project: Project, direction: Direction, current: Sequence[str], steps: Sequence[Revision]
) -> tuple[str, ...]:
    """The rows that ``alembic_version`` will hold."""
    applied = ancestors(project, current)
    moved = {step.id for step in steps}
    return newest(project, applied | moved if direction is Direction.UPGRADE else applied - moved)


def as_revision(script: Script) -> Revision:
    """Return Alembic's script as plain data."""
    return Revision(
        id=script.revision,
        message=script.doc,
        path=Path(script.path),
        parents=_parents(script),
        branch_labels=tuple(sorted(script.branch_labels)),
        is_head=script.is_head,
    )


@contextlib.contextmanager
def _revision_errors(
    project: Project, target: Target, direction: Direction, revision: str, current: Sequence[str]
) -> Iterator[None]:
    """Translate what Alembic says of a revision that leads nowhere."""
    at = ", ".join(current) or "base"
    see = (f"see the revisions: {target.command('history')}",)
    try:
        yield
    except MultipleHeads as error:
        next_steps = _say_which(project, target, project.heads, direction, "head", all_of_them=True)
        raise UsageError(
            "multiple-heads", describe_heads(project.heads), state=NOT_TOUCHED, next_steps=next_steps
        ) from error
    except ResolutionError as error:
        raise UsageError(
            "unknown-revision",
            f"no revision is called {revision!r}",
            state=NOT_TOUCHED,
            next_steps=see,
        ) from error
    except RangeNotAncestorError as error:
        raise UsageError(
            "not-on-the-way",
            f"{revision} cannot be reached from {at} in this direction",
            state=NOT_TOUCHED,
            next_steps=see,
        ) from error
    except (RevisionError, CommandError, AssertionError, KeyError, ValueError, TypeError) as error:
        # Alembic asserts what it does not expect to be typed.
        said = text_of(error) if isinstance(error, RevisionError | CommandError) else ""
        if OVERLAPS in said:
            raise UsageError(
                "overlapping-rows",
                f"alembic_version holds {at}, though one of them builds on another",
                state=NOT_TOUCHED,
                next_steps=(
                    *see,
                    "keep the newest row, once it is certain that it is applied: "
                    "DELETE FROM alembic_version WHERE version_num = '...'",
                ),
            ) from error
        if direction is Direction.DOWNGRADE and (joined := _joined_on(project, revision, current)):
            raise UsageError(
                "no-such-step",
                f"{joined[0]} joins {' and '.join(joined[1])}, so {revision} does not say which way back",
                state=NOT_TOUCHED,
                next_steps=_ways_back(project, target, joined[1]),
            ) from error
        if PAST_THE_END.search(said):
            said = f"from {at}, {revision} goes past the end of the history"
        if not said or AMBIGUOUS in said:
            said = f"{revision!r} names no revision that can be reached from {at}"
        raise UsageError("no-such-step", said, state=NOT_TOUCHED, next_steps=see) from error


def _joined_on(project: Project, typed: str, current: Sequence[str]) -> tuple[str, tuple[str, ...]] | None:
    """Return the merge that ``-N`` would go back over, with its parents; None where there is none."""
    if len(current) != 1 or not re.fullmatch(r"-\d+", typed):
        return None
    at: str | None = current[0]
    for _step in range(int(typed[1:])):
        parents = _parents(project.script.get_revision(at)) if at else ()
        if len(parents) > 1:
            return str(at), parents
        at = parents[0] if parents else None
    return None


def _ways_back(project: Project, target: Target, parents: Sequence[str]) -> tuple[str, ...]:
    """Return the commands that undo a merge, and that go back behind the branches which it joins."""
    shared = frozenset.intersection(*(ancestors(project, [parent]) for parent in parents))
    fork = newest(project, shared)
    behind = fork[0] if len(fork) == 1 else "base"
    return (
        f"undo the merge alone, back to {' and '.join(parents)}: {target.command(f'downgrade {parents[0]}')}",
        f"undo the branches too, back to {behind}: {target.command(f'downgrade {behind}')}",
    )
