"""A database URL, understood without a library.

Libraries' errors about a malformed URL repeat it, password included; this module's never do.
It reads more than RFC 3986 allows, since people paste URLs: a password may hold ``@``, ``/``, ``:``,
``?`` or ``%`` without percent-encoding.
"""

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from agent_factory.plain_text import without_nul
from agent_factory.redaction import register_secret

if TYPE_CHECKING:
    import sqlalchemy as sa

DEFAULT_DATABASE_URL = "sqlite:///./agent_factory.db"

_POSTGRESQL_SCHEMES = frozenset({"postgres", "postgresql"})
_OF_LIBPQ = re.compile(
    r"ssl\w+|gss\w+|krb\w+|channel_binding|require\w+|options|\w*application_name|connect_timeout|client_encoding"
    r"|keepalives\w*|tcp_user_timeout|target_session_attrs|load_balance_hosts|min_protocol_version|passfile"
)
"""Options that mean the same to libpq where another driver's URL has them."""
_SSL = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
"""What drivers say as ``ssl`` that libpq calls otherwise as ``sslmode``; the rest are modes themselves."""

# The user ends at the first colon. The password is as short as it can be with the rest still a host, a port,
# a database and an option list, so an "@" or "/" inside the password is taken as part of it.
_AUTHORITY = re.compile(
    r"""
    (?: (?P<user> [^:@/?]* ) (?: : (?P<password> .*? ) )? @ )?
    (?P<host> \[ [0-9a-fA-F:.%]+ \] | [^@:/?\#\[\]\s]* )
    (?: : (?P<port> \d* ) )?
    (?: / (?P<database> [^@/?\#]* ) )?
    (?: \? (?P<query> (?: [A-Za-z_]+ = [^&]* (?: & | $ ) )* ) )?
    """,
    re.VERBOSE,
)
_LIBPQ_NAMES = {"user": "user", "password": "password", "host": "host", "port": "port", "dbname": "database"}


class MalformedURLError(ValueError):
    """The text is not a database URL that this project can use. The message never repeats the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseURL:
    """Where a database is and how to log in.

    ``backend`` is ``postgresql`` or ``sqlite``. For SQLite ``database`` is the path of the file (empty for
    a database in memory) and the login fields are unset. ``options`` are libpq parameters such as
    ``sslmode``. ``password`` is left out of the repr.
    """

    backend: str
    database: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    options: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        """The target as a person names it: ``user@host:port/database``, or ``sqlite:///path``."""
        if self.backend == "sqlite":
            return f"sqlite:///{self.database}" if self.database else "sqlite://"
        host = self.host or "local socket"
        host = f"[{host}]" if ":" in host else host
        login = f"{self.user}@" if self.user else ""
        return f"{login}{host}:{self.port or 5432}/{self.database}"

    def with_option(self, name: str, value: str) -> "DatabaseURL":
        """Return a copy with one libpq parameter set."""
        options = (*(item for item in self.options if item[0] != name), (name, value))
        return DatabaseURL(
            backend=self.backend,
            database=self.database,
            user=self.user,
            password=self.password,
            host=self.host,
            port=self.port,
            options=options,
        )

    def option(self, name: str) -> str | None:
        """Return the value of a libpq parameter, or None when the URL does not set it."""
        return dict(self.options).get(name)

    def to_sqlalchemy(self) -> "sa.URL":
        """Return SQLAlchemy's URL, with its driver named: SQLAlchemy 2.1 changed the default."""
        from sqlalchemy import URL

        if self.backend == "sqlite":
            return URL.create("sqlite+pysqlite", database=self.database, query=dict(self.options))
        return URL.create(
            "postgresql+psycopg2",
            username=self.user,
            password=self.password,
            host=self.host,
            port=self.port,
            database=self.database,
            query=dict(self.options),
        )


def parse_url(text: str) -> DatabaseURL:
    """Read a ``postgres://``, ``postgresql://`` or ``sqlite://`` URL, and register its password as a secret.

    A driver that the scheme names (``postgresql+asyncpg://``) is dropped, and with it the options that only
    that driver knows: this project connects through psycopg2 and sqlite3.

    Raises MalformedURLError, which names the part that is wrong and shows nothing of the URL but its scheme.
    """
    if without_nul(unquote(text, errors="surrogateescape")) != unquote(text, errors="surrogateescape"):
        raise MalformedURLError("it holds a NUL, or bytes that are no UTF-8")
    scheme, separator, rest = text.strip().partition("://")
    if not separator or not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        raise MalformedURLError("it does not begin with postgresql:// or sqlite:///")
    scheme = scheme.lower()
    backend, _, driver = scheme.partition("+")
    if backend == "sqlite":
        return _parse_sqlite(rest)
    if backend in _POSTGRESQL_SCHEMES:
        return _parse_postgresql(rest, is_of_libpq=driver in ("", "psycopg2", "psycopg2cffi"))
    raise MalformedURLError(f"the scheme {scheme}:// is neither postgresql:// nor sqlite:///")


def _parse_sqlite(rest: str) -> DatabaseURL:
    path, _, query = rest.partition("?")
    if path and not path.startswith("/"):
        raise MalformedURLError(
            "a SQLite URL has three slashes before a relative path, four before an absolute one"
        )
    return DatabaseURL(backend="sqlite", database=path[1:], options=tuple(parse_qsl(query)))


def _parse_postgresql(rest: str, *, is_of_libpq: bool) -> DatabaseURL:
    match = _AUTHORITY.fullmatch(rest)
    if match is None:
        # Whatever stands before the last "@" may be a password; what follows may not, and says what is wrong.
        raise MalformedURLError(_what_is_wrong(rest.rpartition("@")[2]))
    parts = {name: unquote(value) for name, value in match.groupdict().items() if value and name != "query"}
    options: dict[str, str] = {}
    for name, value in parse_qsl(match["query"] or "", keep_blank_values=True):
        if name in _LIBPQ_NAMES:
            parts[_LIBPQ_NAMES[name]] = value
        elif name == "ssl":
            options["sslmode"] = _SSL.get(value.lower(), value)
        elif is_of_libpq or _OF_LIBPQ.fullmatch(name):
            options[name] = value
    password = parts.get("password")
    if password and not any(password in parts.get(part, "") for part in ("user", "database", "host")):
        # One that is part of what every message has to show is no secret, and its removal would mislead.
        register_secret(password)
    port = parts.get("port")
    if port is not None and not (port.isdigit() and 0 < int(port) < 65536):
        raise MalformedURLError("the port is not a number from 1 to 65535")
    if not parts.get("database"):
        raise MalformedURLError("it names no database (postgresql://user:password@host:5432/DATABASE)")
    for name in ("service", "hostaddr"):
        if name in options:
            raise MalformedURLError(f"its option {name} hides which server is meant; name the host itself")
    if "," in parts.get("host", ""):
        raise MalformedURLError("it names several hosts; a migration needs one, the primary")
    return DatabaseURL(
        backend="postgresql",
        database=parts["database"],
        user=parts.get("user"),
        password=password,
        host=parts.get("host", "").strip("[]") or None,
        port=int(port) if port else None,
        options=tuple(options.items()),
    )


def _what_is_wrong(after_login: str) -> str:
    host, _, _ = after_login.partition("/")
    if re.search(r":(?!\d*$)", host.partition("?")[0]) and not host.startswith("["):
        return "the port is not a number, or the password is not followed by @host"
    return "it does not read as postgresql://user:password@host:port/database"


def let_the_url_decide() -> None:
    """Take from the environment what would have libpq connect to another server than the URL names.

    The password that stays there is registered as a secret.
    """
    given = os.environ.get("PGPASSWORD", "")
    if given != "postgres" and given not in os.environ.get("DATABASE_URL", ""):
        # One that is part of what every message has to show is no secret; the URL's own is known already.
        register_secret(given)
    for name in ("PGHOST", "PGHOSTADDR", "PGPORT", "PGDATABASE", "PGSERVICE", "PGSERVICEFILE", "PGOPTIONS"):
        os.environ.pop(name, None)
