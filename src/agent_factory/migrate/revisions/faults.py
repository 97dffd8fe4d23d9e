"""What keeps revision files from being a history: found in the files, also where Alembic gives up."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agent_factory.migrate.model.findings import Finding, finding
from agent_factory.migrate.revisions.parse import RevisionFile

_MEANT_OTHERWISE = "@:+-"
"""Characters that Alembic reads as something else than a part of an id (alembic.script.revision, 1.20)."""


def find_faults(files: Sequence[RevisionFile]) -> tuple[Finding, ...]:
    """Return everything for which Alembic would refuse these files, the cause before what follows from it."""
    return (
        *_broken(files),
        *_undeclared(files),
        *_wrong_ids(files),
        *_duplicates(files),
        *_own_parents(files),
        *_cycles(files),
        *_missing(files),
        *_duplicate_labels(files),
    )


def by_id(files: Iterable[RevisionFile]) -> dict[str, RevisionFile]:
    """Return the files by their ids; of two with one id the last, as Alembic takes it."""
    return {file.id: file for file in files if file.id is not None}


def find_heads(files: Sequence[RevisionFile]) -> tuple[RevisionFile, ...]:
    """Return the files that no other one builds on, in the order of their ids."""
    followed = {parent for file in files for parent in file.parents}
    known = by_id(files)
    return tuple(known[revision] for revision in sorted(known.keys() - followed))


def describe_heads(heads: Sequence[str]) -> str:
    """Return what is said of a history with several heads, where one is meant."""
    return f"the history has {len(heads)} heads: {', '.join(heads)}"


def _broken(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    for file in files:
        if file.broken is not None:
            line = f", line {file.broken.line}" if file.broken.line else ""
            yield finding(
                "broken-revision-file",
                f"{file.name}{line}: {file.broken.why}",
                file=file.path,
                line=file.broken.line,
                remedy=file.broken.remedy,
            )


def _undeclared(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    for file in files:
        if file.broken is not None:
            continue
        line = file.line("revision")
        if file.id is None and "revision" not in file.computed:
            message = f"{file.name} declares no revision"
            yield finding("no-revision-id", message, file=file.path, line=line)
        elif "down_revision" not in file.defines:
            message = f"{file.name} declares no down_revision"
            yield finding("no-down-revision", message, file=file.path, line=line)


def _wrong_ids(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    for file in files:
        if file.broken is not None:
            continue
        wrong = " and ".join(sorted(set(file.id or "") & set(_MEANT_OTHERWISE)))
        message = f"the id {file.id} of {file.name} has {wrong} in it" if wrong else ""
        if "revision" in file.computed or file.id == "":
            message = f"the id of {file.name} is not a string"
        if message:
            yield finding("bad-revision-id", message, file=file.path, line=file.line("revision"))


def _duplicates(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    same: dict[str, list[RevisionFile]] = defaultdict(list)
    for file in files:
        if file.id is not None:
            same[file.id].append(file)
    for revision, found in same.items():
        if len(found) > 1:
            yield finding(
                "duplicate-revision",
                f"revision {revision} is the id of several files: {_names(found)}",
                file=found[-1].path,
                line=found[-1].line("revision"),
                details=tuple(f"{file.place('revision')}: revision = {revision!r}" for file in found),
            )


def _own_parents(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    for file in files:
        for declaration, named in _named(file):
            if file.id in named:
                yield finding(
                    "own-parent",
                    f"{file.name} names itself, {file.id}, in {declaration}",
                    file=file.path,
                    line=file.line(declaration),
                )


def _cycles(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    known = by_id(files)
    labels = {label: file.id for file in known.values() for label in file.labels}
    edges = {
        revision: {
            labels.get(name) or name
            for _declaration, named in _named(file)
            for name in named
            if name != revision
        }
        & known.keys()
        for revision, file in known.items()
    }
    for circle in _circles(edges):
        found = [known[revision] for revision in circle]
        yield finding(
            "revision-cycle",
            f"the revisions {', '.join(circle)} build on each other in a circle",
            file=found[0].path,
            line=found[0].line("down_revision"),
            details=tuple(_shown(file) for file in found),
        )


def _missing(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    if any(file.broken is not None and file.id is None for file in files):
        return  # what is named may be the file that cannot be read
    ids = by_id(files).keys()
    names = ids | {label for file in files for label in file.labels}
    for code, declaration, words, known in (
        ("missing-parent", "down_revision", "builds on", ids),
        ("unknown-dependency", "depends_on", "depends on", names),
    ):
        for file in files:
            for name in dict(_named(file))[declaration]:
                if name not in known:
                    yield finding(
                        code,
                        f"{file.name} ({file.id}) {words} {name}, which no file has",
                        file=file.path,
                        line=file.line(declaration),
                    )


def _duplicate_labels(files: Sequence[RevisionFile]) -> Iterator[Finding]:
    known = by_id(files)
    same: dict[str, list[RevisionFile]] = defaultdict(list)
    for file in known.values():
        for label in file.labels:
            same[label].append(file)
    for label, found in same.items():
        found = [*([known[label]] if label in known else []), *found]
        if len(found) > 1:
            yield finding(
                "duplicate-branch-label",
                f"the branch label {label} is used more than once: {_names(found)}",
                file=found[-1].path,
                line=found[-1].line("branch_labels"),
                details=tuple(file.place("branch_labels") for file in found),
            )


def _named(file: RevisionFile) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("down_revision", file.parents), ("depends_on", file.depends_on)


def _names(files: Iterable[RevisionFile]) -> str:
    return ", ".join(file.name for file in files)


def _shown(file: RevisionFile) -> str:
    on = ", ".join(repr(name) for name in (*file.parents, *file.depends_on))
    return f"{file.place('down_revision')}: {file.id} builds on {on}"


def _circles(edges: Mapping[str, set[str]]) -> list[list[str]]:
    """The sets of names from each of which every other one of the set is reached, each set sorted.

    Kosaraju's algorithm, without recursion: a history may be longer than Python's stack.
    """
    backward: dict[str, set[str]] = {name: set() for name in edges}
    for name, others in edges.items():
        for other in others:
            backward[other].add(name)
    order = [name for tree in _trees(edges, edges) for name in tree]
    return [sorted(tree) for tree in _trees(backward, reversed(order)) if len(tree) > 1]


def _trees(edges: Mapping[str, set[str]], starts: Iterable[str]) -> Iterator[list[str]]:
    """What each start reaches that no earlier one did, in the order in which it is left for good."""
    seen: set[str] = set()
    for start in starts:
        if start in seen:
            continue
        seen.add(start)
        tree: list[str] = []
        path = [(start, iter(sorted(edges[start])))]
        while path:
            name, others = path[-1]
            step = next((other for other in others if other not in seen), None)
            if step is None:
                tree.append(name)
                path.pop()
            else:
                seen.add(step)
                path.append((step, iter(sorted(edges[step]))))
        yield tree
