"""What af-db does itself while project code runs: marked where it is done, so that nothing is guessed."""

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

_IS_OWN: ContextVar[bool] = ContextVar("af_db_is_own", default=False)


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
