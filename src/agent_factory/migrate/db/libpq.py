"""How this tool connects through libpq, whoever asks: SQLAlchemy, psycopg2 or pg_dump."""

import re
import shlex
from collections.abc import Mapping

from agent_factory.url import DatabaseURL

CONNECT_TIMEOUT_S = 10
APPLICATION_NAME = "af-db"

LIBPQ_OPTIONS = {
    # A network that drops packets is noticed after 30 + 3 * 10 seconds instead of hours.
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
}


def connect_options(
    application_name: str = APPLICATION_NAME, timeout_s: int = CONNECT_TIMEOUT_S
) -> dict[str, str]:
    """Return the libpq parameters of a connection; ``timeout_s`` is for connecting."""
    return {"application_name": application_name, "connect_timeout": str(timeout_s), **LIBPQ_OPTIONS}


def with_options(url: DatabaseURL, options: Mapping[str, str]) -> DatabaseURL:
    """Return the URL with these parameters, where it does not choose itself."""
    for name, value in options.items():
        if url.option(name) is None or name == "application_name":  # by its name a lost session is found
            url = url.with_option(name, value)
    return url


def keywords(url: DatabaseURL) -> dict[str, str]:
    """Return what psycopg2.connect takes for this URL; what it does not name is left to libpq."""
    named = {
        "host": url.host,
        "port": str(url.port) if url.port else None,
        "user": url.user,
        "password": url.password,
        "dbname": url.database,
    }
    return {name: value for name, value in named.items() if value} | dict(url.options)


_SHOWN_OPTIONS = (
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslnegotiation", "channel_binding", "gssencmode"),
    "target_session_attrs",
)
"""Options that decide whether a connection is made, and hold no secret."""


def psql_command(url: DatabaseURL) -> str:
    """Return the command line by which psql tries the same connection; it asks for the password itself."""
    options = {name: value for name, value in url.options if name in _SHOWN_OPTIONS}
    words = {name: value for name, value in keywords(url).items() if name not in dict(url.options)}
    words = {name: value for name, value in words.items() if name != "password"} | options
    if url.host:
        words.setdefault("port", "5432")  # PGPORT of the shell is not af-db's
    said = " ".join(f"{name}={_as_conninfo(value)}" for name, value in words.items())
    return f"psql {shlex.quote(said)}"


def _as_conninfo(value: str) -> str:
    if re.fullmatch(r"[^\s'\\]+", value):
        return value
    escaped = value.replace("\\", r"\\").replace("'", r"\'")
    return f"'{escaped}'"
