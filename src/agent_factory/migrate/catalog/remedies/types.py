"""Sequences, enums and domains."""

import re
from collections.abc import Iterator, Sequence

from agent_factory.migrate.catalog.objects import CatalogObject
from agent_factory.migrate.catalog.remedies.clauses import clause, first_words, only_in, statements

_LABEL = re.compile(r"E?'(?:[^']|'')*'")


def make_sequence(one: CatalogObject) -> str:
    unlogged = "UNLOGGED " if one.clauses[0] == "UNLOGGED" else ""
    return f"CREATE {unlogged}SEQUENCE {one.name} {one.definition.removeprefix(unlogged)}"


def change_sequence(wanted: CatalogObject, there: CatalogObject) -> str | None:
    changed = only_in(wanted, there)
    if "UNLOGGED" in changed or "UNLOGGED" in there.clauses:
        return None
    if clause(wanted, "OWNED BY ") is None and clause(there, "OWNED BY ") is not None:
        changed.append("OWNED BY NONE")
    return f"ALTER SEQUENCE {wanted.name} {' '.join(changed)}"


def change_enum(wanted: CatalogObject, there: CatalogObject) -> str | None:
    """ADD VALUE for each label that is missing; one cannot be taken away, nor moved."""
    labels, others = (_LABEL.findall(one.definition) for one in (wanted, there))
    if [label for label in labels if label in others] != others:
        return None
    return statements(*_added_labels(wanted.name, labels, others))


def _added_labels(name: str, labels: Sequence[str], others: Sequence[str]) -> Iterator[str]:
    for place, label in enumerate(labels):
        if label in others:
            continue
        where = f" AFTER {labels[place - 1]}" if place else f" BEFORE {others[0]}" if others else ""
        yield f"ALTER TYPE {name} ADD VALUE {label}{where}"


def change_domain(wanted: CatalogObject, there: CatalogObject) -> str | None:
    changed = first_words((*only_in(wanted, there), *only_in(there, wanted)))
    if changed == {"DEFAULT"}:
        default = clause(wanted, "DEFAULT ")
        return f"ALTER DOMAIN {wanted.name} {f'SET {default}' if default else 'DROP DEFAULT'}"
    if changed == {"NOT"}:
        return f"ALTER DOMAIN {wanted.name} {'SET' if clause(wanted, 'NOT NULL') else 'DROP'} NOT NULL"
    return None
