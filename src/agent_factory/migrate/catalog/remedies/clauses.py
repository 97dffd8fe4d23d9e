"""Small questions to the clauses of an object, which the remedies of every kind ask."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from agent_factory.migrate.catalog.objects import CatalogObject

Make: TypeAlias = Callable[[CatalogObject], str | None]
"""Returns what makes the object, or what takes it away."""

Change: TypeAlias = Callable[[CatalogObject, CatalogObject], str | None]
"""Returns what turns the second object, which is there, into the first, which is wanted."""


RECREATE = "drop it and make it again, with its parts"
"""The answer of a Change for an object that cannot be altered in this way."""


def statements(*some: str | None) -> str | None:
    """Return several statements as one text; None when one of them is not known."""
    known = [statement for statement in some if statement is not None]
    return ";\n".join(known) if known and len(known) == len(some) else None


def own_name(one: CatalogObject) -> str:
    """Return the name without that of the table or domain it is part of."""
    of = one.table or (one.parent[1] if one.parent else "")
    return one.name.removeprefix(f"{of}.")


def clause(one: CatalogObject, *beginnings: str) -> str | None:
    """Return the clause that begins so. The first one does not count: a name, a type, a whole definition."""
    return next((text for text in one.clauses[1:] if text.startswith(beginnings)), None)


def both_clauses(
    wanted: CatalogObject, there: CatalogObject, *beginnings: str
) -> tuple[str | None, str | None]:
    return clause(wanted, *beginnings), clause(there, *beginnings)


def option_actions(wanted: CatalogObject, there: CatalogObject) -> list[str]:
    """Return SET (...) and RESET (...) for the clauses WITH (...)."""
    before, after = _options(clause(there, "WITH (")), _options(clause(wanted, "WITH ("))
    changed = [f"{name}={value}" for name, value in after.items() if before.get(name) != value]
    gone = [name for name in before if name not in after]
    return [f"{word} ({', '.join(listed)})" for word, listed in (("SET", changed), ("RESET", gone)) if listed]


def _options(text: str | None) -> dict[str, str]:
    if text is None:
        return {}
    pairs = (pair.partition("=") for pair in text.removeprefix("WITH (").removesuffix(")").split(", "))
    return {name: value for name, _, value in pairs}


def only_in(one: CatalogObject, other: CatalogObject) -> list[str]:
    return [text for text in one.clauses if text not in other.clauses]


def first_words(clauses: Iterable[str]) -> set[str]:
    return {text.split(" ", 1)[0] for text in clauses}
