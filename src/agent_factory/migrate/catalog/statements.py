"""What the statements of several kinds of object have in common."""

from collections.abc import Iterable

from agent_factory.migrate.catalog.kind import Field, Make
from agent_factory.migrate.catalog.objects import CatalogObject


def create(words: str) -> Make:
    """Return what makes a kind of object by CREATE, these words, its name and its definition."""
    return lambda one: f"CREATE {words} {one.name} {one.definition}"


def drop(words: str) -> Make:
    """Return what drops a kind of object by DROP, these words and its name."""
    return lambda one: f"DROP {words} {one.name}"


def run_definition(one: CatalogObject) -> str:
    """Make an object whose definition is the statement."""
    return one.definition


def statements(*some: str | None) -> str | None:
    """Return several statements as one text; None when one of them is not known."""
    known = [statement for statement in some if statement is not None]
    return ";\n".join(known) if known and len(known) == len(some) else None


def own_name(one: CatalogObject) -> str:
    """Return the name without that of the table or domain it is part of."""
    of = one.table or (one.parent[1] if one.parent else "")
    return one.name.removeprefix(f"{of}.")


def only_in(one: CatalogObject, other: CatalogObject) -> list[str]:
    """Return the clauses of the first that the second lacks."""
    return [text for text in one.clauses if text not in other.clauses]


def changed_fields(fields: Iterable[Field], wanted: CatalogObject, there: CatalogObject) -> tuple[Field, ...]:
    """Return the fields in which the two objects differ."""
    return tuple(field for field in fields if field.of(wanted) != field.of(there))
