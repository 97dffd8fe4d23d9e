"""af-db's own connection, lent to an env.py that makes an engine of its own.

SQLAlchemy asks before it opens anything, and tells all that the engine was made with. So an engine that is
made for af-db's database gets what af-db has open already: the driver's connection, which stays open
whatever is done with the engine. Alembic then works on af-db's side of it.
"""

import contextlib
import getpass
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard, cast

import sqlalchemy as sa

from agent_factory.migrate.db.driver import WatchedConnection, own_cursor_of, psycopg2_connection
from agent_factory.migrate.db.read_only import ReadOnlyConnection, ReadOnlyFile
from agent_factory.migrate.db.sqlalchemy_internals import (
    NOT_CLOSED,
    has_own_creator,
    with_listeners_of,
)
from agent_factory.migrate.db.transactions import is_idle
from agent_factory.migrate.db.watched_file import WatchedFile
from agent_factory.migrate.project.addresses import Address

Driver = WatchedConnection | WatchedFile | ReadOnlyFile

_KEPT_OPTIONS = ("schema_translate_map",)
"""Options of a connection that decide what a statement means; of the others af-db has its own."""
_OPTION = re.compile(r"(?:-c\s*|--)([\w.-]+)=(.*)", re.DOTALL)
_NO_SETTING = "a word that sets nothing: only -c NAME=VALUE and --NAME=VALUE"
_OF_ANOTHER_CLASS = ("connection_factory", "cursor_factory", "row_factory")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an engine is about to open: ``parameters`` are all that its driver would get."""

    backend: str
    address: Address
    user: str
    parameters: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the session that it is made with. Raises NotLentError for what is none."""
        for name in _OF_ANOTHER_CLASS:
            asked = self.parameters.get(name)
            if asked is not None and not (isinstance(asked, type) and issubclass(asked, WatchedConnection)):
                raise NotLentError(f"connect_args has {name}")
        found = {
            str(name): str(value)
            for name, value in dict(self.parameters.get("server_settings") or {}).items()
        }
        for part in _options(str(self.parameters.get("options") or "")):
            option = _OPTION.fullmatch(part)
            if option is None:  # what it is may be secret
                raise NotLentError(f"connect_args or the URL has `options` with {_NO_SETTING}")
            found[option[1].replace("-", "_")] = option[2]
        found.pop("application_name", None)
        return found


def _options(text: str) -> list[str]:
    """Return the options that libpq's ``options`` has, each whole; ``-c`` may stand apart from its value.

    Raises NotLentError where the text cannot be read.
    """
    try:
        parts = shlex.split(text)
    except ValueError:
        raise NotLentError(
            "connect_args or the URL has `options` with a quotation mark that nothing closes"
        ) from None
    joined: list[str] = []
    for part in parts:
        if joined and joined[-1] == "-c":
            joined[-1] = f"-c{part}"
        else:
            joined.append(part)
    return joined


class NotLentError(Exception):
    """The connection is not lent: what the engine was made with cannot be done to one that is open."""


class Lending:
    """Who has borrowed a connection. While a revision runs, nobody borrows: its engines are its own."""

    def __init__(
        self,
        connection: sa.Connection,
        note_unsent: Callable[[str], None],
        *,
        place: Callable[[], str],
        may_lend: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._place = place
        self._may_lend = may_lend
        self._note_unsent = note_unsent
        self._driver: Driver = connection.connection.dbapi_connection  # type: ignore[assignment]
        self._borrowers: dict[Any, str] = {}  # SQLAlchemy's record of each, and where it has borrowed
        self._undo = contextlib.ExitStack()
        self._is_revision = False
        self.is_used = False
        self.given: sa.Connection | None = None
        """What env.py has configured."""

    @property
    def is_free(self) -> bool:
        """Say whether it can be lent: nobody has it, or whoever has it is between two transactions."""
        is_in_use = any(record.in_use for record in self._borrowers)
        return not self._is_revision and self._may_lend() and not (is_in_use and self._is_in_transaction)

    @property
    def _is_in_transaction(self) -> bool:
        if isinstance(self._driver, WatchedConnection):
            return not is_idle(self._driver)
        return self._driver.in_transaction

    def why_not(self, given: object) -> tuple[str, tuple[str, ...]]:
        """Return why what env.py configures is not the lent connection, and what to do; empty if unknown."""
        if not self._may_lend():
            return 'env-py = "strict" in [tool.af-db] forbids to lend it', ()
        if not isinstance(given, sa.Connection):
            return "", ()
        if given.closed or given.invalidated:
            return (
                "it is closed, or was opened by what is imported once",
                ("let env.py open it: engine.connect()",),
            )
        if has_own_creator(given.engine):
            return "its engine has a `creator`, which opens another", ("make the engine without `creator`",)
        if other := _of_another_database(given, self._connection):
            return (
                f"its engine is for {other}, and a command works on one database",
                ('let env.py run the one that the environment names: os.environ["DATABASE_URL"]',),
            )
        for record, place in self._borrowers.items():
            if record.in_use:
                return (
                    f"it has been lent at {place}, which is in a transaction, and has not been given back",
                    ("end or close that one before: connection.commit(), or session.remove()",),
                )
        return "", ()

    def lend(self, asked: Asked, record: Any) -> Driver:
        """Return the driver's connection; ``record`` is SQLAlchemy's of who gets it. Raises NotLentError."""
        settings = asked.settings
        if asked.backend == "postgresql" and settings:
            self._set(settings)
        self._driver.is_lent = True
        if isinstance(self._driver, ReadOnlyConnection):
            self._driver.note_unsent = self._note_unsent
        self._borrowers[record] = self._place()
        self.is_used = True
        return self._driver

    def _set(self, settings: Mapping[str, str]) -> None:
        driver = psycopg2_connection(self._connection)
        is_between = is_idle(driver)
        with own_cursor_of(driver) as cursor:
            for name, value in settings.items():
                cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
        if is_between:
            driver.commit()

    def is_lent_to(self, given: object) -> TypeGuard[sa.Connection]:
        """Say whether this is a connection of SQLAlchemy's whose driver's connection is the lent one."""
        if not isinstance(given, sa.Connection) or given is self._connection or given.closed:
            return False
        return cast("object", given.connection.dbapi_connection) is self._driver

    def adopt(self, given: sa.Connection) -> None:
        """Have af-db's side of the connection mean, and tell its listeners, what ``given`` would."""
        self.given = given
        if given is self._connection:
            self._undo.enter_context(with_listeners_of(None, given))
            return
        kept = {name: given.get_execution_options().get(name) for name in _KEPT_OPTIONS}
        before = {name: self._connection.get_execution_options().get(name) for name in _KEPT_OPTIONS}
        if kept != before:
            self._undo.callback(self._connection.execution_options, **before)
            self._connection.execution_options(**kept)
        if isinstance(self._driver, WatchedConnection) and self._driver.autocommit:
            self._undo.callback(self._transactional_again)
            self._connection.execution_options(isolation_level="AUTOCOMMIT")
        is_its_own = given.engine is not self._connection.engine
        self._undo.enter_context(with_listeners_of(given.engine if is_its_own else None, self._connection))

    def _transactional_again(self) -> None:
        self._connection.rollback()
        self._connection.execution_options(isolation_level=self._connection.default_isolation_level)

    def begin_revision(self) -> None:
        """Have nobody borrow until it has ended; a pool keeps none for later."""
        self._is_revision = True
        self._take_back(record for record in self._borrowers if not record.in_use)

    def end_revision(self) -> None:
        self._is_revision = False

    def _take_back(self, records: Iterator[Any]) -> None:
        for record in list(records):
            with contextlib.suppress(*NOT_CLOSED):
                record.invalidate()
            del self._borrowers[record]

    def end(self) -> None:
        """Take the connection back from whoever still has it."""
        self._undo.close()
        self._take_back(iter(self._borrowers))
        self._driver.is_lent = False
        if isinstance(self._driver, ReadOnlyConnection):
            self._driver.note_unsent = None


def _of_another_database(given: sa.Connection, lent: sa.Connection) -> str:
    """Return the name of the database that it is connected to, empty where that is no other."""
    own, other = lent.engine.url.database or "", given.engine.url.database or ""
    if lent.dialect.name != given.dialect.name:
        return f"{given.dialect.name} {other}"
    if lent.dialect.name == "sqlite":  # a file that is not there yet is read as a database in memory
        own, other = (os.path.realpath(name) if name else "" for name in (own, other))
    return other if own and other and own != other else ""


def user_of(parameters: Mapping[str, Any]) -> str:
    """Return the role that libpq would log in as."""
    given = parameters.get("user") or os.environ.get("PGUSER")
    if given:
        return str(given)
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
