"""Where a database is, in one form whoever spells it: a URL, libpq's keywords, PG* variables, a file."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent_factory.url import DatabaseURL

DEFAULT_PORT = 5432
_DEFAULT_SOCKETS = frozenset({"/var/run/postgresql", "/run/postgresql", "/tmp"})  # noqa: S108 - libpq's
_HERE = "localhost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``host`` is in small letters, one word for all names of this machine; ``port`` is 0 for a file.

    ``shown`` is how people read it, and takes no part in a comparison.
    """

    backend: str
    host: str
    port: int
    database: str
    shown: str = field(compare=False)


def of_url(url: DatabaseURL) -> Address:
    """Return where this URL leads."""
    if url.backend == "sqlite":
        return of_file(url.database)
    port = str(url.port) if url.port else None
    return of_keywords({"host": url.host, "port": port, "dbname": url.database, "user": url.user})


def of_keywords(given: Mapping[str, object]) -> Address:
    """Return where libpq connects with these keywords, and the environment's for those that are not given."""

    def word(keyword: str, variable: str) -> str:
        return str(given.get(keyword) or os.environ.get(variable) or "")

    user = word("user", "PGUSER")
    host = word("hostaddr", "PGHOSTADDR") or word("host", "PGHOST")
    port = word("port", "PGPORT")
    database = word("dbname", "PGDATABASE") or user
    where = f"{host or 'local socket'}:{port or DEFAULT_PORT}/{database}"
    return Address(
        backend="postgresql",
        host=f"service {given['service']}" if given.get("service") else _host(host),
        port=int(port) if port.isdigit() else DEFAULT_PORT,
        database=database,
        shown=f"service {given['service']}" if given.get("service") else where,
    )


def of_file(path: str) -> Address:
    """Return where this SQLite file is; empty for a database in memory."""
    whole = str(Path(path).resolve()) if path else ""
    return Address(backend="sqlite", host="", port=0, database=whole, shown=path or ":memory:")


def _host(host: str) -> str:
    name = host.lower().rstrip(".") if not host.startswith("/") else host.rstrip("/")
    if not name or name == _HERE or name in _DEFAULT_SOCKETS:
        return _HERE
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name
    mapped = getattr(address, "ipv4_mapped", None) or address
    return _HERE if mapped.is_loopback or mapped.is_unspecified else str(mapped)
