"""The environment of project code that runs on a copy: what names the original's server names the copy."""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from agent_factory.migrate.db.libpq import keywords
from agent_factory.migrate.project import addresses
from agent_factory.url import DatabaseURL

_URL = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]*)://\S+")
_OF_LIBPQ = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGDATABASE": "dbname",
}
_ELSEWHERE = ("PGHOSTADDR", "PGSERVICE")
"""What libpq prefers to the others."""


@contextlib.contextmanager
def naming(copy: DatabaseURL, *, instead_of: DatabaseURL | None) -> Iterator[None]:
    """Have DATABASE_URL, PG* and each variable that names the original's server name the copy, for the block.

    Nothing else of the environment is taken away.
    """
    changed = _changed(dict(os.environ), copy, instead_of)
    before = {name: os.environ.get(name) for name in changed}
    _set(changed)
    try:
        yield
    finally:
        _set(before)


def _set(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _changed(
    environment: Mapping[str, str], copy: DatabaseURL, original: DatabaseURL | None
) -> dict[str, str | None]:
    changed: dict[str, str | None] = {}
    for name, value in environment.items():
        if name == "DATABASE_URL" or (original is not None and _names(value, original)):
            changed[name] = _spelled_as(value, copy)
    if copy.backend != "postgresql":
        return changed
    values = keywords(copy)
    if original is not None and original.backend == "postgresql":
        changed |= _parts(environment, values, original)
    changed |= {name: values.get(keyword) for name, keyword in _OF_LIBPQ.items()}
    changed |= {name: None for name in _ELSEWHERE if name in environment}
    if "PGSSLMODE" in environment and "sslmode" not in values:
        changed["PGSSLMODE"] = "prefer"  # the copy's server is this machine's, and may have no TLS
    return changed


def _names(value: str, original: DatabaseURL) -> bool:
    """Say whether a value is a URL of the original's server: of any database there, with any driver."""
    if not (match := _URL.fullmatch(value.strip())):
        return False
    if original.backend == "sqlite":
        path = value.partition(":///")[2].partition("?")[0]
        return match["scheme"].startswith("sqlite") and addresses.of_file(path) == addresses.of_url(original)
    rest = value.partition("://")[2].partition("?")[0].rpartition("@")[2]
    host, _, port = (
        rest.partition("/")[0].rpartition(":")
        if re.search(r":\d+(?:/|$)", rest)
        else (
            rest.partition("/")[0],
            "",
            "",
        )
    )
    found = addresses.of_keywords({"host": host or "localhost", "port": port or "5432", "dbname": "any"})
    its = addresses.of_url(original)
    return match["scheme"].startswith("postgres") and (found.host, found.port) == (its.host, its.port)


def _spelled_as(value: str, copy: DatabaseURL) -> str:
    """The copy's URL with the driver that the value names."""
    scheme = value.strip().partition("://")[0] if "://" in value else ""
    if copy.host is not None and copy.host.startswith("/"):
        # A socket's folder is no host of a URL: libpq and SQLAlchemy both read it from the query.
        where = (("host", copy.host), ("port", str(copy.port or addresses.DEFAULT_PORT)))
        copy = replace(copy, host=None, port=None, options=(*copy.options, *where))
    url = copy.to_sqlalchemy().set(drivername=copy.backend)
    if scheme.partition("+")[0] in {copy.backend, "postgres"}:
        url = url.set(drivername=scheme)
    return url.render_as_string(hide_password=False)


def _parts(
    environment: Mapping[str, str], values: Mapping[str, str], original: DatabaseURL
) -> dict[str, str | None]:
    """Variables such as DB_HOST and DB_NAME: groups of which the host and another part are the original's."""
    its = keywords(original)
    its.setdefault("port", str(addresses.DEFAULT_PORT))
    changed: dict[str, str | None] = {}
    for name, value in environment.items():
        prefix, underscore, last = name.rpartition("_")
        if not underscore or "HOST" not in last.upper() or value != its.get("host"):
            continue
        group = {other: text for other, text in environment.items() if other.startswith(f"{prefix}_")}
        if not any(
            text in (its["port"], its.get("dbname")) for other, text in group.items() if other != name
        ):
            continue
        for other, text in group.items():
            for keyword in ("host", "port", "dbname", "user", "password"):
                if text and text == its.get(keyword):
                    changed[other] = values.get(keyword, "")
                    break
    return changed
