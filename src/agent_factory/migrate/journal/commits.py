"""Of which commits the files of revisions are, as git says."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from agent_factory.migrate.journal.origin import ask_git
from agent_factory.migrate.model.origin import Commit

_COMMIT = "\x01"
_FIELD = "\x02"


def find_commits(root: Path, paths: Sequence[Path]) -> Mapping[Path, Commit | None] | None:
    """Return the last commit of each of these files, None for one that is in none.

    None where ``root`` is in no repository, or git does not answer.
    """
    named = [str(path) for path in paths]
    logged = ask_git(
        root, "log", f"--format={_COMMIT}%h{_FIELD}%an{_FIELD}%as", "--name-only", "-z", "--", *named
    )
    changed = ask_git(root, "status", "--porcelain", "-z", "--no-renames", "--", *named)
    top = ask_git(root, "rev-parse", "--show-toplevel")
    if logged is None or changed is None or top is None:
        return None
    folder = Path(top.rstrip("\n")).resolve()
    differing = {folder / line[3:] for line in changed.split("\0") if line}
    found: dict[Path, Commit] = {}
    for entry in logged.split(_COMMIT)[1:]:
        facts, _, names = entry.partition("\0")
        id_, author, date = facts.split(_FIELD)
        for name in filter(None, names.strip("\n").split("\0")):
            path = folder / name.strip("\n")
            if path not in found:
                found[path] = Commit(id=id_, author=author, date=date, is_changed=path in differing)
    return {path: found.get(path.resolve()) for path in paths}
