"""What af-db knows of the inside of psycopg2; no other module does.

It has a test, which fails by its name when a psycopg2 has changed it:
tests/unit/migrate/db/test_psycopg2_internals.py. Read in psycopg2 2.9.10 and 2.9.13.
"""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def import_without_ssl() -> Any:
    """Import psycopg2 without Python's own ssl, and return it.

    It imports ssl only to spare an OpenSSL older than 1.1: 9 ms and 5 MiB, and no option leaves it out.
    libpq's TLS is not Python's: it works as ever, and so does ssl when it is imported later on.
    """
    spared = "ssl" not in sys.modules
    if spared:
        sys.modules["ssl"] = None  # type: ignore[assignment] # None is how an import is refused
    try:
        import psycopg2
    finally:
        if spared:
            del sys.modules["ssl"]
    return psycopg2


def modules_that_connect() -> tuple[ModuleType, ...]:
    """Return the modules from which psycopg2 itself, and whoever imports it, takes ``_connect``."""
    import psycopg2

    return psycopg2, psycopg2._psycopg


def connect_in_c() -> Callable[..., Any]:
    """Return what opens every connection that is made by no call of a class, as ``psycopg2.connect`` does."""
    import psycopg2

    connect: Callable[..., Any] = psycopg2._psycopg._connect
    return connect
