"""What a person who knows Alembic types, and which command of af-db does it."""

from collections.abc import Callable, Mapping

_OF_BOTH = ("upgrade", "downgrade", "history", "plan", "environment", "adopt", "schema")
_OF_LOCAL = ("create", "merge", "rebase")


def _history(group: str) -> tuple[str, ...]:
    return (f"heads, branches and their labels are in: af-db {group} history",)


def _show(group: str) -> tuple[str, ...]:
    return (
        f"what it is, and whether it is applied: af-db {group} history",
        f"what it does: af-db {group} plan REVISION",
    )


def _stamp(group: str) -> tuple[str, ...]:
    return (
        f"for a database whose schema is there already: af-db {group} adopt, or adopt REVISION",
        f"af-db records a revision when it runs it: af-db {group} upgrade",
    )


def _create(_group: str) -> tuple[str, ...]:
    return ("from the models, or empty with --empty: af-db local create MESSAGE",)


def _sql(group: str) -> tuple[str, ...]:
    return (f"the SQL of a plan, without running it: af-db {group} plan --format sql",)


_WORDS: Mapping[str, Callable[[str], tuple[str, ...]]] = {
    "stamp": _stamp,
    "heads": _history,
    "branches": _history,
    "show": _show,
    "revision": _create,
    "--autogenerate": _create,
    "--sql": _sql,
}


def commands_for(word: str, path: str) -> tuple[str, ...]:
    """Return what to type in place of a word of Alembic's behind ``path``, which is how the command began.

    Nothing for a word that is none of Alembic's.
    """
    group = "prod" if path.split()[1:2] == ["prod"] else "local"
    if word in _WORDS:
        return _WORDS[word](group)
    if word in _OF_LOCAL:
        return (f"af-db local {word}",)
    if word in _OF_BOTH:
        return tuple(f"af-db {each} {word}" for each in ("local", "prod"))
    return ()
