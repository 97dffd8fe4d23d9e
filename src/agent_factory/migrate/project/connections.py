"""Connections that are not af-db's: for each one is decided here whether it is answered, and with what.

Project code that is not the run itself reaches the database that it is given, and no other: under the
original's address it finds the copy, or a connection that only reads. In a run it may connect as it
likes, and that is reported.
"""

import contextlib
import inspect
import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import sqlalchemy as sa
from alembic.script import write_hooks

from agent_factory.migrate.db.own import own
from agent_factory.migrate.db.spelled_secrets import without_literals
from agent_factory.migrate.project import addresses
from agent_factory.migrate.project.addresses import Address
from agent_factory.migrate.project.doors import Answer, Guard, is_temporary, watched_by
from agent_factory.migrate.project.exits import exits_refused
from agent_factory.migrate.project.history import Project
from agent_factory.migrate.project.lending import Asked, Lending, NotLentError, user_of
from agent_factory.migrate.project.own_folders import OwnFolders
from agent_factory.migrate.project.python_internals import STARTS_BY_ITSELF
from agent_factory.migrate.project.variables import naming
from agent_factory.url import DatabaseURL, MalformedURLError, parse_url

if TYPE_CHECKING:
    from agent_factory.migrate.project.configuration import Configuration

_DATABASE_PORTS = frozenset({5432, 6543})
_SHELLS = frozenset({"bash", "cmd", "csh", "dash", "fish", "ksh", "powershell", "pwsh", "sh", "tcsh", "zsh"})
_THAT_START = STARTS_BY_ITSELF | {str(write_hooks.__file__)}
"""The files of libraries that start programs which project code has not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConnection:
    """A connection, or a program, that project code has opened by itself: ``to`` is where, without secrets.

    ``why`` says in words why a connection is refused.
    ``file`` and ``line`` are the project's innermost, None where none of its files is on the stack.
    """

    to: str
    file: Path | None
    line: int | None
    is_program: bool
    is_refused: bool
    why: str = ""

    @property
    def is_shell(self) -> bool:
        """Say whether it is a program that starts any other that a line names."""
        return self.is_program and Path(self.to).stem.lower() in _SHELLS

    @property
    def is_of_another_kind(self) -> bool:
        """Say whether it is to the very database that is meant, which this one of another kind stands for."""
        return self.why == _OF_ANOTHER_KIND

    @property
    def where(self) -> str:
        return f"{self.file.name}, line {self.line}" if self.file else "outside of the project's files"


_ANOTHER = "this is not the database that af-db works on"
_OF_ANOTHER_KIND = "this is a database of another kind"
_UNNAMED = "`programs` of [tool.af-db] does not name it"
_NONE = "af-db works on no database here"
_ONLY_LOADED = "files that are only loaded reach no database but that of DATABASE_URL, and only read there"
_UNKEPT = "af-db can keep only psycopg2 from writing, so this connection is refused here"

Seen = Callable[[OwnConnection], None]
Lend = Callable[[Asked, object], object]


class OwnConnectionError(PermissionError):
    """Project code was about to reach another database than that which it is given, or to start a program."""

    def __init__(self, own: OwnConnection) -> None:
        super().__init__(
            f"{own.to} is not started here: {own.why}"
            if own.is_program
            else f"no connection to {own.to} is made here: {own.why}"
        )
        self.own = own


@dataclass(slots=True, kw_only=True)
class _State:
    """What holds for the blocks that are open now."""

    original: DatabaseURL | None = None
    """The database in the place of which project code is given another."""
    seen_in_run: Seen | None = None
    """Who is called in a real run; None outside of one."""
    copies: set[Address] = field(default_factory=set)
    """What was given in the original's place so far: who keeps such an address means the original."""
    said: set[str] = field(default_factory=set)
    """What was said already of what project code would do."""
    lending: Lending | None = None
    """What env.py may borrow while it runs; None where it does not run."""
    refused_program: "OwnConnection | None" = None
    """The last program that was refused. A library may keep it to itself and fail by it later."""


_state = _State()


@contextlib.contextmanager
def _holding(**facts: object) -> Iterator[None]:
    """Have these facts hold for the block, whatever held before."""
    before = {name: getattr(_state, name) for name in facts}
    for name, fact in facts.items():
        setattr(_state, name, fact)
    try:
        yield
    finally:
        for name, fact in before.items():
            setattr(_state, name, fact)


def copied(original: DatabaseURL) -> AbstractContextManager[None]:
    """Say for the block that the databases which project code is given stand for this one."""
    return _holding(original=original)


@contextlib.contextmanager
def lending(project: Project, connection: sa.Connection) -> Iterator[Lending]:
    """Have env.py borrow this connection for the block, where its own engine would open one like it."""
    lent = Lending(
        connection,
        lambda sql: _say_unsent(project, sql),
        place=lambda: _place_in_words(project),
        may_lend=lambda: _configured(project).lends,
    )
    with _holding(lending=lent):
        try:
            yield lent
        finally:
            lent.end()


def _say_unsent(project: Project, sql: str) -> None:
    """Say once what env.py would write, without what would be in the rows."""
    written = " ".join(without_literals(sql).split())
    said = f"note: {_place_in_words(project)}: not done here, where af-db only reads: {written}"
    if said not in _state.said:
        _state.said.add(said)
        print(said, file=sys.stderr)  # noqa: T201 - what project code does is shown as what it prints


def _place_in_words(project: Project) -> str:
    file, line = _place(project.folders)
    return f"{file.name if file else 'env.py'}, line {line or '?'}"


def is_given_copy() -> bool:
    """Say whether what project code is given now stands for another database."""
    return _state.original is not None


@contextlib.contextmanager
def real_run(seen: Seen) -> Iterator[None]:
    """Say for the block that ``commands.run`` is the run itself; call ``seen`` with what is opened there.

    Nothing but a fork may end the process there by ``os._exit()``: that would be taken for success.
    """
    with _holding(seen_in_run=seen), exits_refused():
        yield


@contextlib.contextmanager
def guarded(
    project: Project, connection: sa.Connection | None, *, read_only: bool = False, seen: Seen | None = None
) -> Iterator[None]:
    """Have what runs in the block reach the database of ``connection`` and no other; with None, none at all.

    What is asked for is answered ``read_only``, or refused with OwnConnectionError; ``seen`` is called with
    both. In a ``real_run``, unless ``read_only``, nothing is refused.
    """
    if _state.seen_in_run is not None and connection is not None and not read_only:
        with watched_by(_announcing(project, connection, _state.seen_in_run)):
            yield
        return
    given = named_url(connection) if connection is not None else None
    original = _state.original or _of_environment()
    answered = url_of(connection) if connection is not None else None
    guard = _refusing(
        project, given, original, answered, read_only=read_only, seen=seen or (lambda _own: None)
    )
    environment: AbstractContextManager[None] = contextlib.nullcontext()
    if given and original and addresses.of_url(given) != addresses.of_url(original):
        _state.copies.add(addresses.of_url(given))
        environment = naming(given, instead_of=original)
    with environment, watched_by(guard):
        yield


@contextlib.contextmanager
def only_loaded(project: Project, target: DatabaseURL | None) -> Iterator[None]:
    """Have files that are loaded in the block read ``target`` at most, and SQLite files.

    None is the database of DATABASE_URL. Nothing can be written; any other is refused.
    """
    original = target or _state.original or _of_environment()
    with watched_by(_loading(project, original)):
        yield


def refused_in(error: BaseException | None) -> OwnConnection | None:
    """Return the connection that was refused, where that is why an error was raised."""
    known: set[int] = set()
    while error is not None and id(error) not in known:
        known.add(id(error))
        if isinstance(error, OwnConnectionError):
            return error.own
        error = error.__cause__ or error.__context__
    return None


def _refusing(
    project: Project,
    given: DatabaseURL | None,
    original: DatabaseURL | None,
    answered: DatabaseURL | None,
    *,
    read_only: bool,
    seen: Seen,
) -> Guard:
    """``answered`` is the database itself where ``given`` is the file that it stands in the place of."""
    # A throwaway database of another kind cannot stand for the original.
    own_addresses = {
        addresses.of_url(url) for url in (given, original) if url and given and url.backend == given.backend
    }
    if given is not None:
        own_addresses |= {one for one in _state.copies if one.backend == given.backend}
    another = _ANOTHER if given is not None else _NONE
    of_original = addresses.of_url(original) if original is not None else None
    its_ports = {url.port for url in (given, original) if url is not None and url.port}

    note = _noting(project, seen)

    def connection(address: Address) -> Answer:
        is_its_own = address in own_addresses
        is_file = address.backend == "sqlite" and address != of_original
        if not is_its_own and is_file and is_temporary(address.database):
            return Answer()
        means_original = is_its_own and address in _state.copies
        shown = addresses.of_url(original).shown if original and means_original else address.shown
        is_of_another_kind = given is not None and address == of_original
        why = _OF_ANOTHER_KIND if is_of_another_kind else another
        note(shown, why="" if is_its_own else why)
        return Answer(url=answered, read_only=read_only)

    def socket(host: str, port: int) -> None:
        is_its_own = given is not None and _leads_to(given, host, port)
        if port in _DATABASE_PORTS | its_ports and (read_only or not is_its_own):
            note(f"{host}:{port}", why=_UNKEPT if is_its_own else another)

    return Guard(
        connection=connection,
        socket=socket,
        program=_asking_for_program(project, note),
        refuse=lambda to, why: note(to, why=why),
        lend=_lending_to(
            {*own_addresses, *([addresses.of_url(answered)] if answered else [])},
            {_user(url) for url in (given, original) if url},
            note,
        ),
    )


def _lending_to(own_addresses: Collection[Address], users: Collection[str], note: "_Note") -> Lend:
    """Return what lends env.py the connection, where its engine is made for this database and this role."""

    def lend(asked: Asked, record: object) -> object:
        lending = _state.lending
        if lending is None or asked.address not in own_addresses or not lending.is_free:
            return None
        if asked.backend == "postgresql" and asked.user not in users:
            role = " or ".join(sorted(users))
            note(asked.address.shown, why=f"env.py logs in as {asked.user}, and af-db works as {role}")
        try:
            return lending.lend(asked, record)
        except NotLentError as error:
            note(asked.address.shown, why=f"{error}, which cannot be had on the connection that is open")
            raise

    return lend


def _user(url: DatabaseURL) -> str:
    return user_of({"user": url.user})


def _loading(project: Project, target: DatabaseURL | None) -> Guard:
    note = _noting(project, lambda _own: None)

    def connection(address: Address) -> Answer:
        if address.backend == "sqlite":
            if is_temporary(address.database):
                return Answer()
            return Answer(url=DatabaseURL(backend="sqlite", database=address.database), read_only=True)
        if target is None or address != addresses.of_url(target):
            note(address.shown, why=_ONLY_LOADED)
        return Answer(read_only=True)

    def socket(host: str, port: int) -> None:
        is_its_own = target is not None and _leads_to(target, host, port)
        if is_its_own or port in _DATABASE_PORTS:
            note(f"{host}:{port}", why=_UNKEPT if is_its_own else _ONLY_LOADED)

    return Guard(
        connection=connection,
        socket=socket,
        program=_asking_for_program(project, note),
        refuse=lambda to, why: note(to, why=why),
    )


class _Note(Protocol):
    def __call__(self, to: str, *, why: str, is_program: bool = False) -> None: ...


def _noting(project: Project, seen: Seen) -> _Note:
    """Return what tells ``seen`` of a connection or program, and raises where there is a reason to refuse."""

    def note(to: str, *, why: str, is_program: bool = False) -> None:
        file, line = _place(project.folders)
        opened = OwnConnection(
            to=to, file=file, line=line, is_program=is_program, is_refused=bool(why), why=why
        )
        seen(opened)
        if why:
            _state.refused_program = opened if is_program else _state.refused_program
            raise OwnConnectionError(opened)

    return note


def refused_program() -> OwnConnection | None:
    """Return the last program that project code was refused, which may be why something else is wrong."""
    return _state.refused_program


def _configured(project: Project) -> "Configuration":
    from agent_factory.migrate.project.configuration import read_configuration, settings_root

    with own():  # the project's code that is asked about does not read the file
        return read_configuration(settings_root(project.setup))


def _asking_for_program(project: Project, note: _Note) -> Callable[[str], None]:
    def program(name: str) -> None:
        if Path(name).name not in _configured(project).programs and not _is_of_a_library():
            note(Path(name).name, is_program=True, why=_UNNAMED)

    return program


def _announcing(project: Project, given: sa.Connection, seen: Seen) -> Guard:
    reported: set[str] = set()
    url = url_of(given)

    def note(to: str, *, is_program: bool = False) -> None:
        file, line = _place(project.folders)
        if to not in reported and file is not None:
            reported.add(to)
            seen(OwnConnection(to=to, file=file, line=line, is_program=is_program, is_refused=False))

    def connection(address: Address) -> Answer:
        if not (address.backend == "sqlite" and is_temporary(address.database)):
            note(address.shown)
        return Answer()

    def socket(host: str, port: int) -> None:
        if port in _DATABASE_PORTS:
            note(f"{host}:{port}")

    return Guard(
        connection=connection,
        socket=socket,
        program=lambda name: note(name, is_program=True),
        refuse=lambda to, _why: note(to),
        lend=_lending_to({addresses.of_url(url)}, {_user(url)}, _noting(project, lambda _own: None)),
    )


def _leads_to(url: DatabaseURL, host: str, port: int) -> bool:
    one = addresses.of_keywords({"host": host, "port": port, "dbname": url.database})
    its = addresses.of_url(url)
    return (one.host, one.port) == (its.host, its.port)


def named_url(connection: sa.Connection) -> DatabaseURL:
    """Return the URL by which project code finds this connection.

    In the place of a SQLite file that is not there yet af-db reads a database in memory. Its URL is that of
    the file, so that an engine which is made of it, once in a module, is right in the run too.
    """
    url = url_of(connection)
    original = _state.original or _of_environment()
    is_in_place = url.backend == "sqlite" and not url.database.removeprefix(":memory:")
    return original if is_in_place and original is not None and original.backend == "sqlite" else url


def url_of(connection: sa.Connection) -> DatabaseURL:
    url = connection.engine.url
    options = {name: value for name, value in url.query.items() if isinstance(value, str)}
    return DatabaseURL(
        backend=url.get_backend_name(),
        database=url.database or "",
        user=url.username,
        password=url.password,
        host=url.host or options.pop("host", None),
        port=url.port,
        options=tuple((name, value) for name, value in options.items() if name != "application_name"),
    )


def _of_environment() -> DatabaseURL | None:
    try:
        return parse_url(os.environ.get("DATABASE_URL", ""))
    except MalformedURLError:
        return None


def _is_of_a_library() -> bool:
    """Say whether Alembic starts what the configuration has it start, or Python what it asks the machine."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_filename in _THAT_START:
            return True
        frame = frame.f_back
    return False


def _place(folders: OwnFolders) -> tuple[Path | None, int | None]:
    """Return the innermost file of the project on this thread's stack, and its line."""
    frame: FrameType | None = inspect.currentframe()
    while frame is not None:
        name = frame.f_code.co_filename
        path = Path(name)
        is_file = not name.startswith("<")  # what a library generates would be one in the working directory
        if is_file and folders.hold(str(path.parent)):
            return path.resolve(), frame.f_lineno
        frame = frame.f_back
    return None, None
