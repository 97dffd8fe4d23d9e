"""Production's schema as text: pg_dump, run so that it holds nobody up and shows no password."""

import contextlib
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import psycopg2.extensions

from agent_factory.migrate.db.driver import count_rolled_back
from agent_factory.migrate.db.libpq import APPLICATION_NAME, CONNECT_TIMEOUT_S, LIBPQ_OPTIONS
from agent_factory.url import DatabaseURL

LOCK_WAIT_MS = 2000
DUMP_TIMEOUT_S = 120

_HANDED_ON = re.compile(
    r"""PATH | HOME | LD_LIBRARY_PATH | DYLD_LIBRARY_PATH | SSL_CERT_(FILE|DIR) | KRB5\w*
        | PG(SSL|GSS|KRB|REQUIRE|CHANNEL|MINPROTOCOL|MAXPROTOCOL|TARGET)\w*""",
    re.VERBOSE,
)
"""What pg_dump gets of the environment, so that it connects as this process did; the rest may be secret."""

_SERVICE = "af_db"


class CannotCopyError(Exception):
    """The schema cannot be copied; ``reason`` says why, in words for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class MayNotReadError(CannotCopyError):
    """The role may not read all of it."""


def dump_schema(
    pg_dump: Path,
    url: DatabaseURL,
    login: psycopg2.extensions.ConnectionInfo,
    options: str | None = None,
    *,
    role: str | None = None,
    more: Sequence[str] = (),
) -> str:
    """Return ``pg_dump --schema-only`` of this database.

    A database without an encoding may hold bytes that are no UTF-8; they are surrogates (PEP 383).

    ``login`` is how a connection to it was made, password included, wherever that came from; ``options`` are
    libpq's for the session, where they are to be others than the URL's; ``role`` is who reads, the login
    where None, and ``more`` are further options of pg_dump. It reads in a transaction that cannot write and
    waits at most ``LOCK_WAIT_MS`` for a table. Raises CannotCopyError, and MayNotReadError where only another
    role could.
    """
    arguments = [
        *(str(pg_dump), "--schema-only", "--no-password"),
        *("--no-subscriptions", "--no-security-labels", "--no-tablespaces", "--exclude-schema=af_db"),
        *(f"--lock-wait-timeout={LOCK_WAIT_MS}", f"--dbname=service={_SERVICE}"),
    ]
    if role is not None:
        arguments.append(f"--role={role}")
    arguments += more
    if login.parameter_status("server_encoding") != "SQL_ASCII":
        arguments.append("--encoding=UTF8")
    with _nameless(_service(url, login, options)) as service, _nameless(_password(login)) as password:
        environment = {
            **{name: value for name, value in os.environ.items() if _HANDED_ON.fullmatch(name)},
            "LC_ALL": "C",  # its messages are read below
            "PGSERVICEFILE": f"/dev/fd/{service.fileno()}",
            "PGPASSFILE": f"/dev/fd/{password.fileno()}",
        }
        try:
            finished = subprocess.run(
                arguments,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                env=environment,
                pass_fds=(service.fileno(), password.fileno()),
                timeout=DUMP_TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CannotCopyError(f"pg_dump did not finish in {DUMP_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise CannotCopyError(f"pg_dump cannot be run: {error}") from error
    count_rolled_back(login)  # pg_dump leaves without ending its transaction
    if finished.returncode != 0:
        raise _refusal(finished.stderr.decode(errors="replace"), role or login.user)
    return finished.stdout.decode("utf-8", "surrogateescape")


@contextlib.contextmanager
def _nameless(text: str) -> Iterator[IO[bytes]]:
    """A file with mode 0600 and no name: only who inherits it can read it, and no kill leaves it behind."""
    with tempfile.TemporaryFile() as file:
        file.write(text.encode())
        file.flush()
        file.seek(0)
        yield file


def _service(url: DatabaseURL, login: psycopg2.extensions.ConnectionInfo, session: str | None) -> str:
    """A connection service file: where libpq is to connect, as the URL says, without the password.

    It is a file, and not arguments, since there are other secrets among libpq's options, such as
    ``sslpassword``.
    """
    options: Mapping[str, Any] = {
        "connect_timeout": str(CONNECT_TIMEOUT_S),
        **LIBPQ_OPTIONS,
        **dict(url.options),
        **({"options": session} if session else {}),
        "application_name": APPLICATION_NAME,
        "host": login.host,
        "port": login.port,
        "user": login.user,
        "dbname": login.dbname,
    }
    lines = [f"{name}={value}" for name, value in options.items() if value is not None]
    if any("\n" in line for line in lines):
        raise CannotCopyError("a part of its URL has a line break in it")
    return "\n".join([f"[{_SERVICE}]", *lines, ""])


def _password(login: psycopg2.extensions.ConnectionInfo) -> str:
    """A password file with one line (libpq-pgpass): any host, port, database, user."""
    if not login.password:
        return ""
    return "*:*:*:*:" + re.sub(r"([\\:])", r"\\\1", login.password) + "\n"


def _refusal(said: str, user: str) -> CannotCopyError:
    """Say what pg_dump's last words mean."""
    denied = re.search(r"permission denied for (schema|materialized view|foreign table|\w+) (.+)", said)
    if denied:
        right = "USAGE" if denied[1] == "schema" else "SELECT"
        return MayNotReadError(
            f"{user} may not read {denied[1]} {denied[2]}, and pg_dump needs {right} on all of them"
        )
    if "canceling statement due to statement timeout" in said or "lock timeout" in said:
        table = re.search(r"LOCK TABLE (?:ONLY )?(\S+?)(?:,| IN )", said)
        named = f", such as {table[1]}" if table else ""
        return CannotCopyError(
            f"a table was locked by another session for more than {LOCK_WAIT_MS / 1000:g} s{named}"
        )
    lines = [line for line in said.splitlines() if line.strip()]
    error = next((line.partition("error: ")[2] for line in lines if "error: " in line), " ".join(lines))
    return CannotCopyError(f"pg_dump failed: {error or 'it gave no reason'}")
