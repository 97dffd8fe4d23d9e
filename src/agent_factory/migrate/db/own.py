"""What af-db does itself while project code runs: marked where it is done, so that nothing is guessed."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

_IS_OWN: ContextVar[bool] = ContextVar("af_db_is_own", default=False)
_asked: list[Callable[..., Any]] = []


@contextlib.contextmanager
def own() -> Iterator[None]:
    """Mark what this thread connects to or reads in the block as af-db's; threads that it starts are not."""
    token = _IS_OWN.set(True)
    try:
        yield
    finally:
        _IS_OWN.reset(token)


def is_own() -> bool:
    """Say whether this thread is in such a block."""
    return _IS_OWN.get()


@contextlib.contextmanager
def asked_first(door: Callable[..., Any]) -> Iterator[None]:
    """Have af-db's engines ask this first, for the block: they hear of nothing that is for every engine."""
    _asked.append(door)
    try:
        yield
    finally:
        _asked.remove(door)


def lent_in_place(*facts: Any) -> Any:
    """Return the driver's connection that is lent in place of one that an engine is to open, or None."""
    return next((lent for door in _asked if (lent := door(*facts)) is not None), None)
