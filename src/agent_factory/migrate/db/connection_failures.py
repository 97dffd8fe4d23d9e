"""Why no connection was made: the cause in one sentence, and what to type next.

The server's SQLSTATE decides where psycopg2 hands it on; of what fails before a session begins it does not.
There the stable fragments of the messages decide, with every name taken out: a database may be called
``sasl``, and a host ``pg-tls``. Sources: PostgreSQL manual, appendix A; libpq's fe-connect.c; the messages of
servers 16 and 18, of PgBouncer 1.18 and of SQLite as measured.
"""

import itertools
import os
import re

from agent_factory.migrate.db.failures import Cause, filled, message_of
from agent_factory.migrate.model.errors import NOT_TOUCHED, CannotConnectError
from agent_factory.migrate.model.target import Target

_CHECK_URL = "check the host and port in DATABASE_URL"

_WRONG_PASSWORD = Cause(
    code="wrong-password",
    what="the server did not accept the password of {user}",
    next_steps=(
        "check user and password in DATABASE_URL (special characters need no encoding)",
        "a managed PostgreSQL shows the connection string in its console",
    ),
)
_NO_SUCH_DATABASE = Cause(
    code="no-such-database",
    what="the server has no database {database}",
    next_steps=("createdb {connection} {database}", "or correct the last part of DATABASE_URL"),
)
_NO_SUCH_ROLE = Cause(
    code="no-such-role",
    what="the server has no role {user}",
    next_steps=("correct the user in DATABASE_URL", "or make the role: createuser -P {user}"),
)
_MAY_NOT_CONNECT = Cause(
    code="may-not-connect",
    what="{user} may not connect to the database {database}",
    next_steps=(
        "GRANT CONNECT ON DATABASE {database} TO {user}",
        "and, where it may not: ALTER ROLE {user} LOGIN",
    ),
)
_TLS = Cause(
    code="tls",
    what="no encrypted connection could be made",
    next_steps=(
        "check sslmode and sslrootcert in DATABASE_URL (a remote host gets sslmode=require)",
        "a server without TLS, on a private network: ?sslmode=disable, knowing that it is plain text",
    ),
)
_NOT_ALLOWED_IN = Cause(
    code="not-allowed-in",
    what="the server's pg_hba.conf does not accept {user} from this address",
    next_steps=("allow this address in the server's or the provider's access list",),
)
_TOO_MANY_CONNECTIONS = Cause(
    code="too-many-connections",
    what="the server has no free connection for {user}",
    next_steps=("close idle sessions or raise the limit, then run the command again",),
)
_UNKNOWN_HOST = Cause(
    code="unknown-host",
    what="the host name {host} cannot be resolved",
    next_steps=(_CHECK_URL, "is this machine online, and on the VPN if one is needed?"),
)
_REFUSED = Cause(
    code="connection-refused",
    what="no server answers at {where}",
    next_steps=("is the server running? pg_isready {connection}", _CHECK_URL),
)
_UNREACHABLE = Cause(
    code="unreachable",
    what="{where} cannot be reached",
    next_steps=(
        "check firewall, access list and network; " + _CHECK_URL,
        "a direct address may be IPv6 only: take the provider's session pooler, which has IPv4",
    ),
)
_NOT_READY = Cause(
    code="server-not-ready",
    what="the server is starting or stopping",
    next_steps=("wait a little, then run the command again",),
)
_UNKNOWN_OPTION = Cause(
    code="unknown-url-option",
    what="DATABASE_URL has an option that PostgreSQL's client does not know",
    next_steps=("remove it from the end of DATABASE_URL (?pgbouncer=true is for another client)",),
)
_LIMITED = Cause(
    code="session-limits",
    what="the limits that {user} or {database} has for sessions end one before it answers, and a pooler "
    "in between lets nobody lift them",
    next_steps=(
        "use the direct address of the server",
        "or see them: SELECT setrole::regrole, setconfig FROM pg_db_role_setting; "
        "to take one away: ALTER ROLE {user} RESET statement_timeout",
    ),
)
_NOT_A_DATABASE = Cause(
    code="not-a-database",
    what="the file {database} is not a SQLite database",
    next_steps=("correct the path in DATABASE_URL",),
)
_CANNOT_OPEN = Cause(
    code="cannot-open-file",
    what="the file {database} cannot be opened or made",
    next_steps=("does its folder exist, and may you write there? Check the path in DATABASE_URL",),
)
_FILE_LOCKED = Cause(
    code="file-locked",
    what="another process is writing to {database}",
    next_steps=("stop it or wait for it, then run the command again",),
)
_UNKNOWN = Cause(code="cannot-connect", what="the connection failed", next_steps=("check DATABASE_URL",))

_OF_VARIABLES = {
    "timezone": "PGTZ",
    "datestyle": "PGDATESTYLE",
    "client_encoding": "PGCLIENTENCODING",
    "geqo": "PGGEQO",
}
"""Settings that libpq takes from the environment, and sends before a session begins."""

_BY_SQLSTATE = {
    "28P01": _WRONG_PASSWORD,
    "3D000": _NO_SUCH_DATABASE,
    "42501": _MAY_NOT_CONNECT,
    "53300": _TOO_MANY_CONNECTIONS,
    "57P01": _NOT_READY,
    "57P02": _NOT_READY,
    "57P03": _NOT_READY,
    "57014": _LIMITED,
}

_BY_WORDS: tuple[tuple[str, Cause], ...] = (
    (r'\bdatabase "" does not exist|no such database\b', _NO_SUCH_DATABASE),
    (r'\brole "" does not exist|no such user\b|Tenant or user not found', _NO_SUCH_ROLE),
    (r'permission denied for database ""|\brole "" is not permitted to log in', _MAY_NOT_CONNECT),
    (r"too many (connections|clients)|remaining connection slots", _TOO_MANY_CONNECTIONS),
    (r"\bpg_hba\.conf\b|no encryption", _NOT_ALLOWED_IN),
    (r"password authentication failed|no password supplied|\bSCRAM\b|\bSASL\b", _WRONG_PASSWORD),
    (r"could not translate host name|Name or service not known|nodename nor servname", _UNKNOWN_HOST),
    (r"server does not support SSL|\bSSL (error|SYSCALL)|\bcertificate\b|\bsslmode\b|\bTLS\b", _TLS),
    (r"Connection refused|No such file or directory", _REFUSED),
    (r"timeout expired|timed out|Network is unreachable|No route to host", _UNREACHABLE),
    (r"\bis starting up|\bis shutting down|in recovery mode", _NOT_READY),
    (r"invalid (connection option|URI query parameter|dsn)|invalid \w+ value", _UNKNOWN_OPTION),
    (r"file is not a database|file is encrypted", _NOT_A_DATABASE),
    (r"unable to open database file", _CANNOT_OPEN),
    (r"database is locked", _FILE_LOCKED),
)
"""The first that is found decides."""

_QUOTED = re.compile(r'"[^"]*"')
_NAME_AT_END = re.compile(r"\b(no such (?:database|user)):.*", re.DOTALL)
"""PgBouncer quotes no names."""


def explain_connection_failure(error: Exception, target: Target) -> CannotConnectError:
    """Return the error to raise when the database was not reached."""
    said = message_of(error)
    cause = _find_refused_variable(said) or _find_cause(error, _without_names(said, target))
    return CannotConnectError(
        cause.code,
        f"cannot connect to {target}: {filled(cause.what, target)} ({said})",
        state=NOT_TOUCHED,
        next_steps=tuple(filled(step, target) for step in cause.next_steps),
    )


def _find_refused_variable(said: str) -> Cause | None:
    """Return the cause where the server names a setting, and the value that the environment has for it."""
    quoted = [name[1:-1] for name in _QUOTED.findall(said)]
    for setting, variable in _OF_VARIABLES.items():
        value = os.environ.get(variable)
        if value and any(
            name.lower() == setting and following == value for name, following in itertools.pairwise(quoted)
        ):
            return Cause(
                code="refused-setting",
                what=f"the server does not take the value of {variable}",
                next_steps=(f"correct {variable} in the environment, or take it away: unset {variable}",),
            )
    return None


def _find_cause(error: Exception, said: str) -> Cause:
    by_sqlstate = _BY_SQLSTATE.get(getattr(getattr(error, "orig", error), "pgcode", None) or "")
    if by_sqlstate is not None:
        return by_sqlstate
    return next(
        (cause for pattern, cause in _BY_WORDS if re.search(pattern, said, re.IGNORECASE)),
        _UNKNOWN,
    )


def _without_names(said: str, target: Target) -> str:
    """Return a message without what is called by somebody: roles, databases, hosts, files."""
    url = target.url
    # The target's own first: a name may hold quotation marks, and the server doubles none.
    for name in filter(None, (url.user, url.database, url.host)):
        said = said.replace(f'"{name}"', '""')
    return _NAME_AT_END.sub(r"\1", _QUOTED.sub('""', said))
