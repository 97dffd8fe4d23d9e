"""The driver's connections that cannot write: the database itself refuses it, whatever project code does.

PostgreSQL lets nobody make a transaction READ WRITE that began READ ONLY and in which a query has run
(its manual, SET TRANSACTION; measured, PostgreSQL 15). So each of their transactions begins like that. No
setting of the session does: behind a transaction pooler it would stay with the application's next session.
"""

import contextlib
import functools
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn, cast

import psycopg2
import psycopg2.extensions
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT, TRANSACTION_STATUS_IDLE

from agent_factory.migrate.db.driver import (
    AnnouncingCursor,
    Cursor,
    FetchingCursor,
    Values,
    WatchedConnection,
)
from agent_factory.migrate.db.sql import blanked
from agent_factory.migrate.db.transaction_control import border_of, only_begins

_SINGLE_QUERY = re.compile(r"\s*(?:SELECT|VALUES|WITH)\b[^;]*;?\s*\Z", re.IGNORECASE)
_SINGLE_MODE = re.compile(r"\s*SET\s+TRANSACTION\b(?!.*\bWRITE\b)[^;]*;?\s*\Z", re.IGNORECASE | re.DOTALL)
"""What has to come before the first query of a transaction, and has none itself."""

_READS = re.compile(
    r"\s*(?:SELECT|VALUES|WITH|TABLE|SHOW|SET|RESET|EXPLAIN|SAVEPOINT|RELEASE)\b", re.IGNORECASE
)
_SAVEPOINT = re.compile(r"(?:\A|;)\s*SAVEPOINT\b", re.IGNORECASE)
_GOES_ON = re.compile(r"(?:\A|;)\s*(?:SAVEPOINT|DECLARE|LOCK|SET\s+(?:LOCAL|TRANSACTION))\b", re.IGNORECASE)
"""What means nothing but to the statements that follow in its transaction."""
_SETS = re.compile(r"(?:\A|;)\s*(?:SET|RESET)\b|\bset_config\b", re.IGNORECASE)
"""What a rollback would take back, though it writes nothing."""

_NOT_MADE = (
    psycopg2.errors.UndefinedTable,
    psycopg2.errors.UndefinedObject,
    psycopg2.errors.InvalidSchemaName,
)
"""What a statement gets that is about what an earlier one, which did nothing, would have made."""

_connection = psycopg2.extensions.connection


class NotReadOnlyError(psycopg2.errors.ReadOnlySqlTransaction):
    """A statement was not sent: it would end, begin or open a transaction, and af-db only reads there."""


class ReadOnlyConnection(WatchedConnection):
    """psycopg2's connection on which nothing can be written.

    Who switches to autocommit, or to read and write, reads on in READ ONLY transactions. As in autocommit
    each is over after its statement then, so that no lock outlives it: unless it has a savepoint, a cursor
    whose rows the server keeps, or what else the next statement needs it for.

    ``note_unsent``: where it is set, a statement that writes does nothing, and this is called with it, as it
    was before its values were filled in; one that then misses what that would have made, such as a LOCK, does
    nothing too. Not in autocommit, where nothing can be taken back alone.
    """

    note_unsent: Callable[[str], None] | None = None
    _has_unsent = False
    _pretends_autocommit = False
    _is_fixed = False
    _has_savepoint = False
    _goes_on = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        super().set_session(readonly=True)
        if type(self) is not ReadOnlyConnection:
            cast(Any, self).cursor_factory = None  # the other class may have cursors of its own

    def cursor(self, name: Any = None, cursor_factory: Any = None, *rest: Any, **options: Any) -> Any:
        factory = cursor_factory or cast(Any, self.cursor_factory) or Cursor
        return super().cursor(name, _read_only_class(factory), *rest, **options)

    @contextlib.contextmanager
    def reading(self, texts: Sequence[str], *, said: str, is_named: bool = False) -> Iterator[None]:
        """Around the sending of these texts: in a transaction that nothing in them can have write.

        ``said`` is the statement without its values; ``is_named``: the cursor has a name, so the server keeps
        its rows for as long as the transaction. Raises NotReadOnlyError for a text that ends, begins or
        opens a transaction.
        """
        plain = [self._plain(text) for text in texts]
        for text in plain:
            if border := border_of(text):
                raise NotReadOnlyError(
                    f"{border} was not sent: af-db only reads here, in a transaction of its own"
                )
        if self.info.transaction_status == TRANSACTION_STATUS_IDLE:
            if super().autocommit or not super().readonly:  # a project's class went past this one's methods
                super().set_session(readonly=True, autocommit=False)
            self._is_fixed = self._has_savepoint = self._goes_on = False
        is_mode = len(plain) == 1 and _SINGLE_MODE.match(plain[0]) is not None
        if not (self._is_fixed or is_mode):
            if self.lift_sql or not (len(plain) == 1 and _SINGLE_QUERY.match(plain[0])):
                Cursor(self).execute(f"SELECT {self.lift_sql}")
            self._is_fixed = True
        self._has_savepoint = self._has_savepoint or any(map(_SAVEPOINT.search, plain))
        self._goes_on = self._goes_on or is_named or any(map(_GOES_ON.search, plain))
        may_write = self.note_unsent is not None and not self._pretends_autocommit and not is_mode
        may_write = may_write and not all(map(_READS.match, plain))
        if may_write:
            Cursor(self).execute("SAVEPOINT af_db_reads")
        try:
            yield
        except psycopg2.Error as error:
            misses_unsent = self._has_unsent and isinstance(error, _NOT_MADE)
            is_unsent = misses_unsent or isinstance(error, psycopg2.errors.ReadOnlySqlTransaction)
            if may_write and is_unsent and self.note_unsent is not None:
                self._has_unsent = True
                Cursor(self).execute("ROLLBACK TO SAVEPOINT af_db_reads")
                self.note_unsent(said)
                return
            if (
                self._pretends_autocommit
                and not self._has_savepoint
                and not self.closed
                and not isinstance(error, psycopg2.errors.ReadOnlySqlTransaction)
            ):
                super().rollback()
            raise
        if self._pretends_autocommit and not self._goes_on:
            if any(map(_SETS.search, plain)):
                super().commit()
            else:
                super().rollback()

    def lifts_before(self, query: object) -> bool:  # noqa: ARG002 - ``send`` does it, whatever begins
        return False

    def _plain(self, text: str) -> str:
        # Without standard strings what looks like one may be none, so nothing counts as quoted.
        is_standard = self.get_parameter_status("standard_conforming_strings") != "off"
        return blanked(text) if is_standard else text.replace("'", ";")

    @property
    def autocommit(self) -> bool:
        return False

    @autocommit.setter
    def autocommit(self, wanted: bool) -> None:
        self._pretends_autocommit = wanted

    @property
    def readonly(self) -> bool:
        return True

    @readonly.setter
    def readonly(self, wanted: object) -> None:
        pass

    def set_isolation_level(self, level: int | None) -> None:
        self._pretends_autocommit = level == ISOLATION_LEVEL_AUTOCOMMIT
        if self._pretends_autocommit:
            self.rollback()  # as psycopg2 does
        else:
            super().set_isolation_level(cast(int, level))

    def set_session(
        self,
        isolation_level: Any = None,
        readonly: Any = None,  # noqa: ARG002 - it is as it is
        deferrable: Any = None,
        autocommit: bool = False,
    ) -> None:
        self._pretends_autocommit = autocommit
        super().set_session(isolation_level=isolation_level, readonly=True, deferrable=deferrable)

    def reset(self) -> None:
        super().reset()
        super().set_session(readonly=True)

    def lobject(self, *_arguments: Any, **_options: Any) -> NoReturn:
        raise NotReadOnlyError("a large object is not opened: af-db only reads here")

    def tpc_begin(self, *_arguments: Any) -> NoReturn:
        raise NotReadOnlyError("no two-phase transaction: af-db only reads here")

    tpc_prepare = tpc_commit = tpc_rollback = tpc_recover = tpc_begin


class _OfAnotherClass:
    """The first base of a connection that is of a project's class too: no cursor of that leads around."""

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        cursor = super().cursor(*arguments, **options)  # type: ignore[misc]
        if not isinstance(cursor, _ReadOnlyCursor):
            raise NotReadOnlyError(f"{type(self).__name__} does not call cursor of its base by super()")
        return cursor


class _ReadOnlyCursor(AnnouncingCursor):
    """What each cursor that reads does first, whatever class its maker has asked for."""

    connection: ReadOnlyConnection

    @contextlib.contextmanager
    def around_sending(self, query: Any, *, values: Values | None = None, rows: Any = None) -> Iterator[None]:
        texts = [self._text(query, each) for each in ([values] if rows is None else rows)]
        with (
            super().around_sending(query, values=values, rows=rows),
            self.connection.reading(texts, said=self._text(query, None), is_named=self.name is not None),
        ):
            yield

    def _text(self, query: Any, values: Values | None) -> str:
        """The statement as it is sent: a value may be a piece of SQL."""
        encoding = psycopg2.extensions.encodings[self.connection.encoding]
        return cast(Cursor, self).mogrify(query, values).decode(encoding, "replace")


@functools.cache
def _read_only_class(factory: type[Any]) -> type[Any]:
    """The class of cursors that such a connection makes where this one was asked for."""
    return (
        factory
        if issubclass(factory, _ReadOnlyCursor)
        else type(factory.__name__, (_ReadOnlyCursor, factory), {})
    )


def read_only_connection(factory: object) -> type[ReadOnlyConnection]:
    """Return a class of connections that only read, and that are also ``factory``'s if that is a class."""
    if not (isinstance(factory, type) and issubclass(factory, _connection)):
        return ReadOnlyConnection
    if issubclass(ReadOnlyConnection, factory):
        return ReadOnlyConnection
    # The project's class comes before: it may choose the cursors, and what it chooses is made to only read.
    return type(factory.__name__, (_OfAnotherClass, factory, ReadOnlyConnection), {})


class _FileCursor(FetchingCursor, sqlite3.Cursor):
    connection: "ReadOnlyFile"

    def execute(self, sql: str, *parameters: Any) -> Any:
        if self.connection.is_beginning and only_begins(sql):
            return self
        return super().execute(sql, *parameters)


class ReadOnlyFile(sqlite3.Connection):
    """sqlite3's connection, on which nothing can be written once ``only_read`` was called.

    That is not asked for when the file is opened: what a killed process has left half written is taken back
    by the first who reads it, and that is a write.
    ``is_lent``: project code has it, and closes what is not its own. ``is_beginning``: af-db has begun a
    transaction, and what listens to that may begin it too.
    """

    is_lent = False
    is_beginning = False

    def cursor(self, factory: Any = None) -> Any:
        """As sqlite3's; one of no other class can also be used by a connection for asyncio."""
        return super().cursor(factory or _FileCursor)

    def close(self) -> None:
        if not self.is_lent:
            super().close()

    def only_read(self) -> None:
        self.execute("PRAGMA query_only = ON")
        super().set_authorizer(_keep_read_only_class)

    def set_authorizer(self, *_arguments: Any) -> None:
        pass


def read_only_file(factory: object) -> type[ReadOnlyFile]:
    """Return a class of files that are only read, and that are also ``factory``'s if that is a class."""
    if not (isinstance(factory, type) and issubclass(factory, sqlite3.Connection)):
        return ReadOnlyFile
    if issubclass(ReadOnlyFile, factory):
        return ReadOnlyFile
    return type(factory.__name__, (ReadOnlyFile, factory), {})


_LIFTING_PRAGMAS = frozenset({"query_only", "journal_mode", "writable_schema"})
"""What would allow writes again, or changes the file though they are refused."""


def _keep_read_only_class(action: int, name: str | None, value: str | None, *_where: str | None) -> int:
    is_lifting = action == sqlite3.SQLITE_PRAGMA and str(name).lower() in _LIFTING_PRAGMAS
    return sqlite3.SQLITE_IGNORE if is_lifting and value is not None else sqlite3.SQLITE_OK
