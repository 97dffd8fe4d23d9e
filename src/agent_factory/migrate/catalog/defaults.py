"""Defaults that are computed when a revision runs: the time, a random token. Each run makes another one."""

import re
from collections.abc import Collection
from dataclasses import replace

from agent_factory.migrate.catalog.objects import Catalog, CatalogObject, Key

_DEFAULT = "DEFAULT "
_CONSTANT = re.compile(
    r"""DEFAULT[ ] \(? (?: E?'(?P<text>(?:[^']|'')*)' | (?P<number>-?\d[\d.]*) ) \)?
        (?P<type> ::[^'(]+ (?:\([\d,]+\)[^'(]*)? )?""",
    re.VERBOSE,
)
"""A literal, and the type that PostgreSQL prints behind it."""


def find_constant_defaults(catalog: Catalog) -> dict[Key, str]:
    """Return the constants that objects have as their default, as they are written, without quotes."""
    constants = ((one.key, _constant(_default(one))) for one in catalog.objects)
    return {key: constant for key, constant in constants if constant is not None}


def find_other_constants(expected: Catalog, found: Catalog) -> frozenset[Key]:
    """Return the objects that both have with a constant of one type as default, and not the same one."""
    others = {one.key: _default(one) for one in expected.objects}
    return frozenset(
        one.key
        for one in found.objects
        if (default := _default(one)) is not None
        and (other := others.get(one.key)) is not None
        and default != other
        and _type(default) == _type(other) is not None
    )


def with_defaults_of(expected: Catalog, found: Catalog, keys: Collection[Key]) -> Catalog:
    """Return what was found, with the constants of ``expected`` in the defaults of these objects."""
    keys = find_other_constants(expected, found) & frozenset(keys) if keys else frozenset()
    if not keys:
        return found
    others = {one.key: _default(one) for one in expected.objects}
    objects = (
        _with_default(one, others.get(one.key) or "") if one.key in keys else one for one in found.objects
    )
    return replace(found, objects=tuple(objects))


def _default(one: CatalogObject) -> str | None:
    return next((clause for clause in one.clauses if clause.startswith(_DEFAULT)), None)


def _with_default(one: CatalogObject, default: str) -> CatalogObject:
    clauses = (default if clause.startswith(_DEFAULT) else clause for clause in one.clauses)
    return replace(one, clauses=tuple(clauses))


def _constant(default: str | None) -> str | None:
    found = _CONSTANT.fullmatch(default) if default is not None else None
    if found is None:
        return None
    return found["number"] if found["text"] is None else found["text"].replace("''", "'")


def _type(default: str) -> str | None:
    """Return the type of a constant, None for what is none."""
    found = _CONSTANT.fullmatch(default)
    if found is None:
        return None
    return found["type"] or ("number" if found["text"] is None else "text")
