"""Project code that would end the process of a run without a word: that is its own failure."""

import contextlib
import os
from collections.abc import Iterator
from typing import NoReturn


class EndsProcessError(BaseException):
    """Project code has called ``os._exit()``, of which no ``except Exception`` is to hear."""

    code = "revision-failed"
    hint = "have the revision raise an exception that says what is wrong"

    def __init__(self, status: object) -> None:
        super().__init__(f"it ends the process itself: os._exit({status!r})")


@contextlib.contextmanager
def exits_refused() -> Iterator[None]:
    """Have ``os._exit()`` raise EndsProcessError for the block; in a fork of this process it ends that."""
    here, leave = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != here:
            leave(status)
        raise EndsProcessError(status)

    os._exit = refuse
    try:
        yield
    finally:
        os._exit = leave
