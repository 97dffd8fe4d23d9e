"""Waiting with a bound, for what no event tells."""

import time
from collections.abc import Callable
from typing import TypeVar

PAUSE_S = 0.01
DEFAULT_TIMEOUT_S = 20.0
"""Generous: it is only ever used up by a test that fails."""

Found = TypeVar("Found")


def until(look: Callable[[], Found], what: str, *, timeout_s: float = DEFAULT_TIMEOUT_S) -> Found:
    """Look again and again until what is found is true, and return it."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s:g} s in vain: {what}")
        time.sleep(PAUSE_S)
