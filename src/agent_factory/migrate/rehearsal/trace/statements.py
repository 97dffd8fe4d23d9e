"""What a trace hands over: statements with the locks, rewrites, scans and changes that each of them made."""

from dataclasses import dataclass
from enum import StrEnum

from agent_factory.migrate.model.locks import LockMode


class ChangeKind(StrEnum):
    """What happened to an object. The order is the one in which a statement's changes are listed."""

    CREATE_TABLE = "create table"
    DROP_TABLE = "drop table"
    RENAME_TABLE = "rename table"
    TRUNCATE = "truncate"
    ATTACH_PARTITION = "attach partition"
    DETACH_PARTITION = "detach partition"
    CREATE_VIEW = "create view"
    DROP_VIEW = "drop view"
    RENAME_VIEW = "rename view"
    CHANGE_VIEW = "change view"
    ADD_COLUMN = "add column"
    DROP_COLUMN = "drop column"
    RENAME_COLUMN = "rename column"
    CHANGE_TYPE = "change type"
    SET_NOT_NULL = "set not null"
    DROP_NOT_NULL = "drop not null"
    CHANGE_DEFAULT = "change default"
    ADD_CHECK = "add check"
    ADD_FOREIGN_KEY = "add foreign key"
    ADD_UNIQUE = "add unique"
    ADD_PRIMARY_KEY = "add primary key"
    ADD_EXCLUSION = "add exclusion"
    VALIDATE_CONSTRAINT = "validate constraint"
    CHANGE_CONSTRAINT = "change constraint"
    RENAME_CONSTRAINT = "rename constraint"
    DROP_CONSTRAINT = "drop constraint"
    ADD_INDEX = "add index"
    RENAME_INDEX = "rename index"
    DROP_INDEX = "drop index"
    ADD_TRIGGER = "add trigger"
    DROP_TRIGGER = "drop trigger"
    ADD_POLICY = "add policy"
    DROP_POLICY = "drop policy"
    ENABLE_ROW_SECURITY = "enable row security"
    DISABLE_ROW_SECURITY = "disable row security"
    ADD_ENUM_VALUE = "add enum value"
    RENAME_ENUM_VALUE = "rename enum value"


BUILDS_INDEX = frozenset(
    {ChangeKind.ADD_INDEX, ChangeKind.ADD_UNIQUE, ChangeKind.ADD_PRIMARY_KEY, ChangeKind.ADD_EXCLUSION}
)
"""The changes for which every row of a table goes into a new index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change to a schema object.

    ``table`` is what it belonged to before the statement, quoted as SQL needs (``public.users``); the type
    for a value of an enum. ``name`` is the column, constraint, index, trigger, policy or value, unquoted
    and under its old name; None for the table itself.

    ``before`` and ``after`` are definitions as PostgreSQL prints them, None where there is none: of a type
    ``character varying(50)``; of a column its type, then ``NOT NULL``, then ``DEFAULT ...`` or
    ``GENERATED ...``, each where it applies; of a constraint ``CHECK ((a > 0)) NOT VALID``; of an index
    ``CREATE INDEX ...``. A rename has the old and the new name. ``SET_NOT_NULL`` has ``NOT NULL``, or
    ``NOT NULL NOT VALID`` (PostgreSQL 18). A constraint made of an index that was there
    (``USING INDEX``) has the index's definition as ``before``.
    """

    kind: ChangeKind
    table: str
    name: str | None = None
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEffect:
    """What one statement did to one table, view or sequence of its own.

    ``table`` is its name before the statement, quoted as SQL needs. ``lock`` is the strongest that this
    statement took, or needed again while an earlier one of the transaction held it. An index's lock is its
    table's, and so is that of a sequence that a column owns.
    ``rewrites``: all its rows are written to a new file; ``scans``: it is read from end to end.
    ``is_new``: it was made since the trace began.
    ``held_since`` is the number, from 1, of the earlier statement of the transaction that already took a
    lock at least as strong; 0 for one from before the first statement; None when there is none.
    ``first_name`` is its name when the trace began, where that differs.
    """

    table: str
    lock: LockMode
    rewrites: bool = False
    scans: bool = False
    is_new: bool = False
    held_since: int | None = None
    first_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldLock:
    """A lock that blocks at least DDL and that statement ``since`` of the transaction took.

    It is on a table that was there when the trace began. ``since`` is 0 when nothing traced took it.
    """

    table: str
    lock: LockMode
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedStatement:
    """A statement as it was executed, and what it did.

    ``sql`` is what the server was sent, parameters filled in. ``command`` is the server's command tag
    without numbers: ``ALTER TABLE``; of several statements in one text, that of the last.
    ``transactional`` is False for one that ran outside a transaction. ``held`` are the locks that earlier
    statements hold while this one runs. ``times`` is how often it ran with parameters of which ``sql`` has
    the first (``executemany``). ``seconds`` is how long it took where it was traced; what cannot
    run in a transaction is held up there.
    """

    sql: str
    command: str
    transactional: bool
    effects: tuple[TableEffect, ...] = ()
    held: tuple[HeldLock, ...] = ()
    changes: tuple[Change, ...] = ()
    times: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedRead:
    """A statement of which the revision has read rows.

    ``what`` is what it reads: ``rows`` of ``tables``, which were there when the trace began, or ``a
    setting``, ``the clock``, ``a random value``. ``rows`` is how many there were, where that is known.
    ``line`` is the one in the revision's file; ``sent`` how many statements it had sent by then, this one
    included.
    """

    sql: str
    what: str
    tables: tuple[str, ...] = ()
    rows: int | None = None
    line: int | None = None
    sent: int = 0
