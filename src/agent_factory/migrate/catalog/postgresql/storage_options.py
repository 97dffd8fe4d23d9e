"""Changing what stands in WITH (...): the storage options of a table, a view or a column."""


def set_and_reset(wanted: str | None, there: str | None) -> list[str]:
    """Return SET (...) and RESET (...) that turn the second clause ``WITH (...)`` into the first."""
    after, before = _options(wanted), _options(there)
    changed = [f"{name}={value}" for name, value in after.items() if before.get(name) != value]
    gone = [name for name in before if name not in after]
    return [f"{word} ({', '.join(listed)})" for word, listed in (("SET", changed), ("RESET", gone)) if listed]


def _options(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    pairs = (pair.partition("=") for pair in text.removeprefix("WITH (").removesuffix(")").split(", "))
    return {name: value for name, _, value in pairs}
