"""Every way by which Python reaches a database or starts a program, with a question put before it.

libpq raises no audit event, so what leads to it is replaced for the time of the block: by name where Python
looks it up by name. What opens a socket, a SQLite file or a program is seen by an audit hook, which
cannot be taken away: it is added once, when it is needed first, and asks nobody outside of a block.
"""

import contextlib
import functools
import os
import re
import sqlite3
import sqlite3.dbapi2
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast
from urllib.parse import unquote
from weakref import WeakKeyDictionary

import psycopg2.extensions
import sqlalchemy as sa
from alembic.operations import AbstractOperations
from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from agent_factory.migrate.db.libpq import keywords
from agent_factory.migrate.db.own import asked_first, is_own, own
from agent_factory.migrate.db.psycopg2_internals import connect_in_c, modules_that_connect
from agent_factory.migrate.db.read_only import ReadOnlyFile, read_only_connection, read_only_file
from agent_factory.migrate.db.sqlalchemy_internals import NOT_CLOSED, give_listeners
from agent_factory.migrate.project.addresses import Address, of_file, of_keywords
from agent_factory.migrate.project.asynchronous import (
    AsyncPsycopg2,
    AsyncPysqlite,
    OfAsyncEngine,
    run_async,
    wait_a_moment,
)
from agent_factory.migrate.project.lending import Asked, user_of
from agent_factory.migrate.project.python_internals import original, what_starts_programs
from agent_factory.url import DatabaseURL


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a connection is answered with: one to ``url``, on which nothing can be written if ``read_only``.

    Without a URL it is made as it was asked for.
    """

    url: DatabaseURL | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Who is asked at each door, in the thread that wants to pass; what it raises is raised there.

    ``connection``: a connection to a database. ``socket``: one to this host or path and port. ``program``: a
    program, by its name and as it would be started. ``refuse``: a connection that a door cannot give as
    it was answered, and why. ``lend``: what an engine is about to open, with SQLAlchemy's record of it; the
    driver's connection that is lent instead, None where none is.
    """

    connection: Callable[[Address], Answer]
    socket: Callable[[str, int], None]
    program: Callable[[str], None]
    refuse: Callable[[str, str], None]
    lend: Callable[[Asked, Any], Any] = lambda _asked, _record: None


_lock = threading.Lock()
_guards: list[Guard] = []
_left: WeakKeyDictionary[threading.Thread, Guard] = WeakKeyDictionary()
"""The threads that began in a block and did not end with it: for them its guard is asked to their end."""
_answered: list[tuple[Guard, Any]] = []
"""SQLAlchemy's records of connections that a guard was asked about. They may lead to a copy, so no pool may
hand them out after its block."""
_undo: contextlib.ExitStack = contextlib.ExitStack()
_is_installed = False
_is_hooked = False


@contextlib.contextmanager
def watched_by(guard: Guard) -> Iterator[None]:
    """Have this guard, and none of the blocks around this one, asked at every door."""
    global _is_installed
    with _lock:
        if not _is_installed:
            _install()
            _is_installed = True
        _guards.append(guard)
        before = set(threading.enumerate())
    try:
        yield
    finally:
        with _lock:
            _guards.remove(guard)
            for thread in set(threading.enumerate()) - before:
                _left.setdefault(thread, guard)
            for asked, record in _answered:
                if asked is guard:
                    # Its connection may be closed, or lost.
                    with contextlib.suppress(*NOT_CLOSED):
                        record.invalidate()
            _answered[:] = [(asked, record) for asked, record in _answered if asked is not guard]
            if not _guards and not any(thread.is_alive() for thread in _left):
                _left.clear()
                _undo.close()
                _is_installed = False


def _guard() -> Guard | None:
    """Return who is to be asked in this thread now; None for what af-db does itself."""
    if is_own():
        return None
    if _left and (guard := _left.get(threading.current_thread())) is not None:
        return guard
    try:
        return _guards[-1]
    except IndexError:
        return None


def _install() -> None:
    global _is_hooked
    if not _is_hooked:
        sys.addaudithook(_audit)
        _is_hooked = True
    whole, in_c = modules_that_connect()
    for module in (whole, in_c):
        _replace(module, "_connect", _connect_psycopg2)
    for module in (psycopg2.extensions, in_c):
        _replace(module, "connection", _Connection)
    for module in (sqlite3, sqlite3.dbapi2):
        _replace(module, "connect", _connect_sqlite3)
    for (module, name), door in zip(what_starts_programs(), (_fork_exec, _spawn), strict=False):
        _replace(module, name, functools.partial(door, original(module, name)))
    sa.event.listen(sa.Engine, "do_connect", _do_connect)
    _undo.callback(sa.event.remove, sa.Engine, "do_connect", _do_connect)
    _undo.enter_context(asked_first(_do_connect))
    _replace(sa.Engine, "connect", _connect_engine)
    for dialect, asynchronous in (
        (PGDialect_psycopg2, AsyncPsycopg2),
        (SQLiteDialect_pysqlite, AsyncPysqlite),
    ):
        _replace(dialect, "get_async_dialect_cls", classmethod(lambda _cls, _url, it=asynchronous: it))
    _replace(AbstractOperations, "run_async", run_async)


def _replace(place: ModuleType | type, name: str, door: object) -> None:
    if name in vars(place):
        _undo.callback(setattr, place, name, vars(place)[name])
    else:
        _undo.callback(delattr, place, name)
    setattr(place, name, door)


# PostgreSQL, by psycopg2

_psycopg2_connect = connect_in_c()
_psycopg2_connection = psycopg2.extensions.connection
_OF_ADDRESS = frozenset({"host", "hostaddr", "port", "user", "password", "dbname", "service", "passfile"})


def _connect_psycopg2(dsn: str = "", connection_factory: Any = None, **options: Any) -> Any:
    guard = _guard()
    if guard is None:
        return _psycopg2_connect(dsn, connection_factory=connection_factory, **options)
    answer = guard.connection(of_keywords(psycopg2.extensions.parse_dsn(dsn)))
    made = read_only_connection(connection_factory) if answer.read_only else connection_factory
    if isinstance(made, _Door) and made is not _Connection:
        made = functools.partial(type.__call__, made)  # it has been asked for here
    elif made is _Connection:
        made = None
    return _psycopg2_connect(_dsn(dsn, answer.url), connection_factory=made, **options)


def _dsn(dsn: str, url: DatabaseURL | None) -> str:
    """What was asked for, but at this address."""
    if url is None:
        return dsn
    given = psycopg2.extensions.parse_dsn(dsn)
    kept = {
        name: value
        for name, value in given.items()
        if name not in _OF_ADDRESS and not re.match("ssl|gss|channel_binding|target_session", name)
    }
    return str(psycopg2.extensions.make_dsn(**(kept | keywords(url))))


class _Door(type):
    """Of the name that stands for psycopg2's own class: whatever is made of that is an instance of it."""

    def __instancecheck__(cls, instance: object) -> bool:
        return (
            isinstance(instance, _psycopg2_connection)
            if cls is _Connection
            else super().__instancecheck__(instance)
        )

    def __subclasscheck__(cls, other: type) -> bool:
        return (
            issubclass(other, _psycopg2_connection)
            if cls is _Connection
            else super().__subclasscheck__(other)
        )

    def __call__(cls, dsn: str = "", *arguments: Any, **options: Any) -> Any:
        guard = _guard()
        answer = (
            Answer() if guard is None else guard.connection(of_keywords(psycopg2.extensions.parse_dsn(dsn)))
        )
        made: type = _psycopg2_connection if cls is _Connection else cls
        if answer.read_only:
            made = read_only_connection(made)
        return type.__call__(made, _dsn(dsn, answer.url), *arguments, **options)


class _Connection(_psycopg2_connection, metaclass=_Door):
    pass


# PostgreSQL and others, by SQLAlchemy and a driver that has no door of its own

_WITH_OWN_DOOR = frozenset({"psycopg2", "pysqlite", "aiosqlite", "pysqlcipher", "pysqlite_numeric"})
_OF_AF_DB = {"postgresql": "psycopg2", "sqlite": "pysqlite"}
"""The drivers of the connections that can be lent."""


class _OfOtherDriverError(Exception):
    """What is lent is no connection of the driver that the engine was made for."""


def _do_connect(dialect: Any, record: Any, arguments: Any, parameters: dict[str, Any]) -> Any:
    guard = _guard()
    if guard is None:
        return None
    address = _address(dialect.name, arguments, parameters)
    asked = Asked(backend=dialect.name, address=address, user=user_of(parameters), parameters=parameters)
    if (lent := guard.lend(asked, record)) is not None:
        if dialect.driver != _OF_AF_DB[dialect.name]:
            raise _OfOtherDriverError
        return lent
    _answered.append((guard, record))
    if dialect.driver in _WITH_OWN_DOOR:
        return None
    answer = guard.connection(address)
    if answer.read_only:
        only = "af-db can keep only psycopg2 from writing, so this connection is refused here"
        guard.refuse(address.shown, only)
    if answer.url is not None:
        name = "dbname" if "dbname" in parameters else "database"
        given = keywords(answer.url)
        parameters |= {"host": given["host"], "port": int(given.get("port", "5432")), name: given["dbname"]}
        parameters.pop("password", None)
        parameters |= {key: given[key] for key in ("user", "password") if key in given}
    return None


def _address(backend: str, arguments: Any, parameters: Mapping[str, Any]) -> Address:
    if backend == "postgresql":
        database = parameters.get("dbname") or parameters.get("database")
        return of_keywords({**parameters, "dbname": database})
    if backend == "sqlite":
        return of_file(_sqlite_path(parameters.get("database") or "".join(arguments[:1])) or "")
    where = f"{backend}://{parameters.get('host', '')}"
    return Address(backend=backend, host=where, port=0, database="", shown=where)


_connect_by_engine = sa.Engine.connect


def _connect_engine(engine: sa.Engine) -> sa.Connection:
    """As SQLAlchemy's; for an engine of another driver one of af-db's is made, which means the same."""
    try:
        connection = _connect_by_engine(engine)
        is_waited_for = isinstance(engine.dialect, OfAsyncEngine)
    except _OfOtherDriverError:
        connection = _connect_by_engine(_as_lent(engine))
        is_waited_for = engine.dialect.is_async
    if is_waited_for:
        sa.event.listen(connection, "before_cursor_execute", wait_a_moment)
    return connection


def _as_lent(engine: sa.Engine) -> sa.Engine:
    name = engine.dialect.name
    own_engine = sa.create_engine(
        engine.url.set(drivername=f"{name}+{_OF_AF_DB[name]}", query={}), poolclass=sa.NullPool
    )
    give_listeners(engine, own_engine)
    own_engine.update_execution_options(**engine.get_execution_options())
    return own_engine


# SQLite

_sqlite3_connect: Callable[..., sqlite3.Connection] = sqlite3.connect
_BY_PLACE = (
    *("timeout", "detect_types", "isolation_level", "check_same_thread"),
    *("factory", "cached_statements", "uri"),
)
"""What sqlite3.connect takes by place, after the file."""


def _connect_sqlite3(database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
    guard = _guard()
    path = None if guard is None else _sqlite_path(database)
    if guard is None or path is None:
        return _sqlite3_connect(database, *arguments, **options)
    answer = guard.connection(of_file(path))
    options |= dict(zip(_BY_PLACE, arguments, strict=False))
    if answer.url is not None:
        database = path = answer.url.database
        options.pop("uri", None)
    with own():
        if not answer.read_only:
            return _sqlite3_connect(database, **options)
        options["factory"] = read_only_file(options.get("factory"))
        connection = _sqlite3_connect(database if Path(path).exists() else ":memory:", **options)
        cast(ReadOnlyFile, connection).only_read()
        return connection


def _sqlite_path(database: Any) -> str | None:
    """Return the file that this opens; None for one that is in memory or temporary."""
    text = os.fsdecode(database) if isinstance(database, bytes | os.PathLike) else str(database)
    if text.startswith("file:"):
        path, _, query = text.removeprefix("file:").partition("?")
        text = unquote(re.sub(r"^//[^/]*", "", path))
        if "mode=memory" in query:
            return None
    if text in {"", ":memory:"}:
        return None
    return text


def is_temporary(path: str) -> bool:
    """Say whether a file is in the folder of temporary ones."""
    import tempfile

    return Path(path).resolve().is_relative_to(Path(tempfile.gettempdir()).resolve())


# What Python announces itself


def _audit(event: str, arguments: Any) -> None:
    if event in _HEARD and (guard := _guard()) is not None:
        _HEARD[event](guard, arguments)


def _hear_socket(guard: Guard, arguments: Any) -> None:
    address = arguments[1]
    if isinstance(address, bytes | str):
        path = os.fsdecode(address)
        if match := re.search(r"/\.s\.PGSQL\.(\d+)$", path):
            guard.socket(path[: match.start()], int(match[1]))
    elif isinstance(address, tuple) and len(address) > 1 and isinstance(address[1], int):
        guard.socket(str(address[0]), address[1])


def _hear_sqlite(guard: Guard, arguments: Any) -> None:
    """What was opened past the door above, so it can be answered with nothing else."""
    path = _sqlite_path(arguments[0])
    if path is not None:
        answer = guard.connection(of_file(path))
        if answer.read_only:
            only = "af-db can keep only sqlite3.connect from writing, so this connection is refused here"
            guard.refuse(path, only)
        elif answer.url is not None:
            only = (
                "af-db can give another database only to sqlite3.connect, so this connection is refused here"
            )
            guard.refuse(path, only)


def _hear_program(guard: Guard, arguments: Any) -> None:
    guard.program(os.fsdecode(arguments[0]))


def _hear_shell(guard: Guard, _arguments: Any) -> None:
    guard.program("sh")


_HEARD: dict[str, Callable[[Guard, Any], None]] = {
    "socket.connect": _hear_socket,
    "sqlite3.connect": _hear_sqlite,
    "subprocess.Popen": _hear_program,
    "os.exec": _hear_program,
    "os.posix_spawn": _hear_program,
    "os.system": _hear_shell,
}


def _spawn(start: Callable[..., int], mode: int, file: Any, *rest: Any) -> int:
    """By this os.spawn* starts a program: in a child, where nobody would hear what its audit event says."""
    if (guard := _guard()) is not None:
        guard.program(os.fsdecode(file))
    return start(mode, file, *rest)


def _fork_exec(start: Callable[..., int], arguments: Any, paths: Any, *rest: Any) -> int:
    """By this multiprocessing starts its processes. subprocess has it under a name of its own."""
    guard = _guard()
    is_tracker = any("resource_tracker" in str(part) for part in arguments)
    if guard is not None and not is_tracker:  # it only removes what Python's own shared memory leaves
        guard.program(os.fsdecode(paths[0]))
    return start(arguments, paths, *rest)
