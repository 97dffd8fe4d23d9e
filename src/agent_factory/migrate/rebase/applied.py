"""Which revisions of a branch a database has: by its version table, for ids of two files by the journal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent_factory.migrate.journal.read import Entry
from agent_factory.migrate.revisions.normalise import normalised, source_sha256
from agent_factory.migrate.revisions.parse import RevisionFile


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """``ours`` are those of the branch. ``unclear`` are rows that no file has, or that two files could be."""

    ours: tuple[RevisionFile, ...]
    unclear: tuple[str, ...]


def find_applied(
    ours: Sequence[RevisionFile],
    theirs: Sequence[RevisionFile],
    rows: Sequence[str],
    entries: Mapping[str, Entry],
) -> Applied:
    """Tell from the rows of the version table and the journal's entries what has run.

    Of two files with one id the journal knows which one ran. What one of ours builds on is one of ours where
    both sides have that id: when it was written, the other was not there.
    """
    own = {file.id: file for file in ours if file.id is not None}
    other = {file.id: file for file in theirs if file.id is not None}
    found: dict[str, RevisionFile] = {}
    unclear: list[str] = []
    reached: list[RevisionFile] = []
    for row in rows:
        files = [side[row] for side in (own, other) if row in side]
        entry = entries.get(row)
        if len(files) > 1 and entry is not None:
            files = [file for file in files if _sha256(file) == entry.source_sha256]
        if len(files) == 1:
            reached.append(files[0])
        else:
            unclear.append(row)
    seen = set()
    for file in reached:
        if file.path in seen:
            continue
        seen.add(file.path)
        is_ours = file.id is not None and own.get(file.id) is file
        if is_ours:
            found[file.id or ""] = file
        sides = (own, other) if is_ours else (other,)
        for name in (*file.parents, *file.depends_on):
            reached += [side[name] for side in sides if name in side][:1]
    return Applied(ours=tuple(found.values()), unclear=tuple(unclear))


def _sha256(file: RevisionFile) -> str:
    return source_sha256(normalised(file.source))
