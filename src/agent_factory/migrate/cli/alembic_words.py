"""What a person types who knows Alembic or another tool, and which command of af-db does it."""

from collections.abc import Callable, Mapping

_OF_BOTH = (
    *("upgrade", "downgrade", "history", "plan", "environment", "adopt", "schema"),
    *("status", "show"),
)
_OF_LOCAL = ("create", "merge", "rebase", "redo")

_Words = Callable[[str], tuple[str, ...]]


def _history(group: str) -> tuple[str, ...]:
    return (f"heads, branches and their labels are in: af-db {group} history",)


def _stamp(group: str) -> tuple[str, ...]:
    return (
        f"for a database whose schema is there already: af-db {group} adopt, or adopt REVISION",
        f"af-db records a revision when it runs it: af-db {group} upgrade",
    )


def _create(_group: str) -> tuple[str, ...]:
    return ("from the models, or empty with --empty: af-db local create MESSAGE",)


def _sql(group: str) -> tuple[str, ...]:
    return (
        f"the SQL of a plan, without running it: af-db {group} plan --format sql",
        f"of one revision: af-db {group} show REVISION",
    )


def _dry_run(group: str) -> tuple[str, ...]:
    return (f"what it would do, without doing it: af-db {group} plan",)


def _upgrade(group: str) -> tuple[str, ...]:
    return (f"af-db {group} upgrade",)


def _back(group: str) -> tuple[str, ...]:
    return (f"one revision back: af-db {group} downgrade -1",)


def _reset(_group: str) -> tuple[str, ...]:
    return ("all of it back: af-db local downgrade base; then: af-db local upgrade",)


def _check(group: str) -> tuple[str, ...]:
    return (
        f"the database against its migrations: af-db {group} check",
        "the project's files: af-db check",
    )


_WORDS: Mapping[str, _Words] = {
    "stamp": _stamp,
    **dict.fromkeys(("heads", "branches", "log"), _history),
    **dict.fromkeys(("revision", "--autogenerate", "new", "generate", "makemigrations"), _create),
    **dict.fromkeys(("--sql", "sql", "sqlmigrate"), _sql),
    **dict.fromkeys(("--dry-run", "--dryrun"), _dry_run),
    **dict.fromkeys(("up", "migrate", "apply", "push"), _upgrade),
    **dict.fromkeys(("down", "rollback", "undo"), _back),
    "reset": _reset,
    **dict.fromkeys(("diff", "doctor", "validate", "verify"), _check),
}


def commands_for(word: str, path: str) -> tuple[str, ...]:
    """Return what to type in place of a word of Alembic's, or another tool's, behind ``path``.

    That is how the command began; where it names neither group, the answers are for both. Nothing for a word
    that is none of these.
    """
    named = path.split()[1:2]
    groups = named if named in (["local"], ["prod"]) else ["local", "prod"]
    if word in _WORDS:
        return tuple(dict.fromkeys(step for group in groups for step in _WORDS[word](group)))
    if word in _OF_LOCAL:
        return (f"af-db local {word}",)
    if word in _OF_BOTH:
        return tuple(f"af-db {each} {word}" for each in ("local", "prod"))
    return ()
