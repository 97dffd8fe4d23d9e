"""Whether the revision files make one history, and are named and numbered by the rule that they have."""

import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from agent_factory.migrate.model.findings import Finding, finding
from agent_factory.migrate.project import HistoryFiles
from agent_factory.migrate.revisions.config_file import INSTALLED
from agent_factory.migrate.revisions.faults import by_id, describe_heads, find_faults, find_heads
from agent_factory.migrate.revisions.parse import RevisionFile

LONGEST_ID = 32
"""alembic_version.version_num is VARCHAR(32) (alembic.ddl.impl, 1.20)."""


def check_history(history: HistoryFiles) -> tuple[Finding, ...]:
    """Return what is wrong with the revision files: with the history that they make, then with their form.

    Nobody corrects the form of files that are installed with a package: nothing is said of it.
    """
    faults = find_faults(history.files)
    own = [file for file in history.files if INSTALLED.isdisjoint(file.path.parts)]
    if not faults and history.refusal is not None:
        faults = (finding("broken-project", history.refusal.message, file=history.config_path.absolute()),)
    return (
        *faults,
        # With a file missing, everything is a branch; and a wrong id or parent is no matter of style.
        *(
            ()
            if faults
            else (*find_branches(history.files), *(_numbers(own) if len(own) == len(history.files) else ()))
        ),
        *_long_ids(history.files),
        *_file_names(own, history.file_template),
        *_functions(history.files),
    )


def find_branches(files: Sequence[RevisionFile]) -> tuple[Finding, ...]:
    """Return where a history without faults has several heads or beginnings though no label says so."""
    parts = _parts(files)
    return (*_unlabelled_parts(parts), *(found for part in parts for found in _heads_of_a_branch(part)))


def _parts(files: Sequence[RevisionFile]) -> list[list[RevisionFile]]:
    """The histories that have nothing to do with each other, the largest first."""
    neighbours: dict[str, set[str]] = defaultdict(set)
    for file in files:
        for parent in file.parents:
            neighbours[parent].add(file.id or "")
            neighbours[file.id or ""].add(parent)
    parts: list[list[RevisionFile]] = []
    left = by_id(sorted(files, key=lambda file: file.id or ""))
    while left:
        reached = [left.popitem()[1]]
        for file in reached:
            reached += [left.pop(name) for name in sorted(neighbours[file.id or ""]) if name in left]
        parts.append(sorted(reached, key=lambda file: file.id or ""))
    return sorted(parts, key=lambda part: (-len(part), part[0].id))


def _unlabelled_parts(parts: Sequence[Sequence[RevisionFile]]) -> Iterator[Finding]:
    """All but the largest of the histories whose beginnings have no label."""
    bases = [[file for file in part if not file.parents] for part in parts]
    main, *others = [part for part in bases if not any(base.labels for base in part)] or [[]]
    for part in others:
        first = part[0]
        yield finding(
            "multiple-bases",
            f"{first.name} ({first.id}) builds on nothing and has no branch label, but the history begins "
            f"with {', '.join(f'{base.name} ({base.id})' for base in main)}",
            file=first.path,
            line=first.line("down_revision"),
            details=tuple(
                f"{base.place('down_revision')}: {base.id} builds on nothing" for base in (*main, *part)
            ),
        )


def _heads_of_a_branch(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    """Several heads, unless each has a label that no other one has: such branches are meant to be."""
    known = by_id(files)
    labels = {head: _labels(head, known) for head in find_heads(files)}
    uses = Counter(label for found in labels.values() for label in found)
    own = {head: sorted(label for label in found if uses[label] == 1) for head, found in labels.items()}
    unlabelled = [head for head, found in own.items() if not found]
    if len(own) > 1 and unlabelled:
        newest = unlabelled[-1]
        is_partly = len(unlabelled) < len(own)
        yield finding(
            "multiple-heads",
            f"{describe_heads([head.id or '' for head in own])}; an upgrade without a REVISION is refused",
            file=newest.path,
            line=newest.line("down_revision"),
            details=tuple(
                _shown(head) + (_of_label(found) if is_partly else "") for head, found in own.items()
            ),
            remedy="af-db local merge",
        )


def _shown(head: RevisionFile) -> str:
    on = ", ".join(head.parents) or "nothing"
    return f"{head.place('down_revision')}: {head.id} builds on {on}"


def _of_label(labels: Sequence[str]) -> str:
    return f", with the label {', '.join(labels)}" if labels else ", and has no label of its own"


def _labels(head: RevisionFile, known: dict[str, RevisionFile]) -> frozenset[str]:
    seen = {head.id: head}
    line = [head]
    for file in line:
        for parent in file.parents:
            if parent in known and parent not in seen:
                seen[parent] = known[parent]
                line.append(known[parent])
    return frozenset(label for file in line for label in file.labels)


def _long_ids(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    for file in files:
        if file.id is not None and len(file.id) > LONGEST_ID:
            yield finding(
                "long-revision-id",
                f"the id {file.id} of {file.name} has {len(file.id)} characters",
                file=file.path,
                line=file.line("revision"),
            )


def _numbers(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    """Ids that are not numbers where the others are; and numbers that do not rise."""
    ids = [file.id for file in files if file.id]
    widths = Counter(len(revision) for revision in ids if re.fullmatch("[0-9]+", revision))
    width = max(widths, key=lambda found: (widths[found], found), default=0)

    def follows(revision: str) -> bool:
        # One that has outgrown the zeros, as 1000 after 999, is still the next number.
        grown = len(revision) > width and not revision.startswith("0")
        return re.fullmatch("[0-9]+", revision) is not None and (len(revision) == width or grown)

    followers = {revision for revision in ids if follows(revision)}
    odd = [file for file in files if file.id and file.id not in followers]
    if widths[width] < 2 or len(odd) > max(1, len(ids) // 10):
        return
    for file in odd:
        yield finding(
            "odd-revision-id",
            f"the id {file.id} of {file.name} is not a number of {width} digits; the "
            f"other {len(followers)} are",
            file=file.path,
            line=file.line("revision"),
        )
    for file in files:
        late = [parent for parent in file.parents if {parent, file.id} <= followers]
        late = [parent for parent in late if int(parent) > int(file.id or 0)]
        if late:
            yield finding(
                "revision-order",
                f"{file.name} ({file.id}) builds on {', '.join(late)}, which has the greater number",
                file=file.path,
                line=file.line("down_revision"),
            )


def _file_names(files: Sequence[RevisionFile], template: str) -> Iterator[Finding]:
    yield from _names_without_id(files, template.rpartition("/")[2])
    same: dict[str, list[RevisionFile]] = defaultdict(list)
    for file in files:
        same[file.path.name.casefold()].append(file)
    for found in same.values():
        if len(found) > 1:
            yield finding(
                "duplicate-file-name",
                f"several files have the same name: {', '.join(file.name for file in found)}",
                file=found[-1].path,
                details=tuple(f"{file.name}: {file.id}" for file in found),
            )


def _names_without_id(files: Sequence[RevisionFile], template: str) -> Iterator[Finding]:
    if "%(rev)s" not in template:
        return
    is_first = template.startswith("%(rev)s")
    for file in files:
        if file.id is None or file.broken is not None:
            continue
        stem = file.path.stem
        whole = rf"(?<![0-9A-Za-z]){re.escape(file.id)}(?![0-9A-Za-z])"
        if re.match(whole, stem) if is_first else re.search(whole, stem):
            continue
        where = "begin with it" if is_first else "hold it"
        yield finding(
            "file-name",
            f"{file.name} has the id {file.id}, and its name does not {where}",
            file=file.path,
            line=file.line("revision"),
            remedy=_rename(file) if is_first else None,
        )


def _rename(file: RevisionFile) -> str | None:
    words = re.sub("^[0-9a-f]*[0-9][0-9a-f]*_", "", file.path.stem)
    new = file.path.with_name(f"{file.id}_{words}.py")
    if new.exists():
        return None
    return shlex.join(["git", "mv", file.name, file.name.removesuffix(file.path.name) + new.name])


def _functions(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    for file in files:
        for unfit in file.unfit:
            message = f"{file.name} ({file.id}): {unfit.name} is {unfit.why}"
            yield finding(f"bad-{unfit.name}", message, file=file.path, line=unfit.line)
        if file.broken is not None or file.id is None or not file.source or "*" in file.defines:
            continue
        for name in ("upgrade", "downgrade"):
            if name not in file.defines:
                message = f"{file.name} ({file.id}) has no {name}()"
                yield finding(f"no-{name}", message, file=file.path, line=file.line("revision"))
