"""The environment of project code that runs on a copy: what names the original's server names the copy."""

import contextlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace

import psycopg2
import psycopg2.extensions

from agent_factory.migrate.db.libpq import keywords
from agent_factory.migrate.project import addresses
from agent_factory.migrate.project.addresses import Address
from agent_factory.url import DatabaseURL, MalformedURLError, parse_url

_OF_LIBPQ = {
    "PGHOST": "host",
    "PGPORT": "port",
    "PGUSER": "user",
    "PGPASSWORD": "password",
    "PGDATABASE": "dbname",
}
_OPTIONS_OF_LIBPQ = {
    "PGAPPNAME": "application_name",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGGSSENCMODE": "gssencmode",
    "PGOPTIONS": "options",
    "PGSSLCERT": "sslcert",
    "PGSSLKEY": "sslkey",
    "PGSSLMODE": "sslmode",
    "PGSSLROOTCERT": "sslrootcert",
}
_FOR_ASYNCIO = ("asyncpg", "psycopg_async", "aiosqlite")
_ELSEWHERE = ("PGHOSTADDR", "PGSERVICE")
"""What libpq prefers to the others."""


@contextlib.contextmanager
def naming(copy: DatabaseURL, *, instead_of: DatabaseURL | None) -> Iterator[None]:
    """Have DATABASE_URL, PG* and each variable that names the original's server name the copy, for the block.

    Nothing else of the environment is taken away. DATABASE_URL names the copy of whatever kind that is; what
    else names a database of another kind keeps its value: who reads it would be refused at the original.
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
        where = _address(value)
        if where is None:
            continue
        if where.backend != copy.backend:
            if name == "DATABASE_URL":
                changed[name] = _named(_of_kind(copy.backend, value), copy)
            continue
        if name == "DATABASE_URL" or (original is not None and _is_at(where, original)):
            changed[name] = _spelled_as(value, copy)
    if copy.backend != "postgresql":
        return changed
    values = keywords(copy)
    if original is not None and original.backend == "postgresql":
        changed |= _parts(environment, values, original)
    changed |= {name: values.get(keyword) for name, keyword in _OF_LIBPQ.items()}
    changed |= {name: values[option] for name, option in _OPTIONS_OF_LIBPQ.items() if option in values}
    changed |= {name: None for name in _ELSEWHERE if name in environment}
    if "PGSSLMODE" in environment and "sslmode" not in values:
        changed["PGSSLMODE"] = "prefer"  # the copy's server is this machine's, and may have no TLS
    return changed


def _address(value: str) -> Address | None:
    """Return where a value leads that is a URL, with any driver, or keywords of libpq; None for another."""
    scheme, separator, rest = value.strip().partition("://")
    if separator:
        with contextlib.suppress(MalformedURLError):
            return addresses.of_url(parse_url(f"{scheme.partition('+')[0]}://{rest}"))
    try:
        given = psycopg2.extensions.parse_dsn(value.strip())
    except (psycopg2.Error, ValueError):
        return None
    return addresses.of_keywords(given) if separator or {"host", "hostaddr", "dbname"} & set(given) else None


def _is_at(where: Address, original: DatabaseURL) -> bool:
    """Say whether this is the original's file, or any database of its server."""
    its = addresses.of_url(original)
    return where == (its if its.backend == "sqlite" else replace(its, database=where.database))


def _spelled_as(value: str, copy: DatabaseURL) -> str:
    """The copy as the value names a database: a URL with the same driver, or keywords."""
    scheme, separator, _ = value.strip().partition("://")
    if not separator:
        return str(psycopg2.extensions.make_dsn(**keywords(copy)))
    return _named(scheme, copy)


def _named(scheme: str, copy: DatabaseURL) -> str:
    """The copy as a URL to which ``?options=...`` may be added as text, as to the original's.

    So it has no query: what would stand there, a socket's folder too, is in PG* variables, from which libpq
    and asyncpg take what a URL does not say. A second question mark would be a part of the value before it.
    """
    if copy.backend == "postgresql":
        copy = replace(copy, options=())
        if copy.host is not None and copy.host.startswith("/"):
            copy = replace(copy, host=None, port=None)
    return spelled_as(scheme, copy)


def _of_kind(backend: str, value: str) -> str:
    """Return the scheme of a database of this kind, for asyncio where the value, of another kind, is so."""
    _, _, driver = value.strip().partition("://")[0].partition("+")
    if driver not in _FOR_ASYNCIO:
        return backend
    return f"{backend}+{'aiosqlite' if backend == 'sqlite' else 'asyncpg'}"


def spelled_as(scheme: str, copy: DatabaseURL) -> str:
    """Return the URL as SQLAlchemy reads it, with this dialect and driver."""
    if copy.host is not None and copy.host.startswith("/"):
        # A socket's folder is no host of a URL: libpq and SQLAlchemy both read it from the query.
        where = (("host", copy.host), ("port", str(copy.port or addresses.DEFAULT_PORT)))
        copy = replace(copy, host=None, port=None, options=(*copy.options, *where))
    return copy.to_sqlalchemy().set(drivername=scheme).render_as_string(hide_password=False)


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
