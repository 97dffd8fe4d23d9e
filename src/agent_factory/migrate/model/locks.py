"""PostgreSQL's table-level lock modes: how strong each is, what it is called, whom it keeps waiting.

https://www.postgresql.org/docs/current/explicit-locking.html#LOCKING-TABLES has the conflicts.
"""

from enum import IntEnum, StrEnum


class Blocks(StrEnum):
    """What other sessions cannot do with a table while a lock on it is held."""

    NOTHING = "nothing"
    DDL = "only DDL"
    WRITES = "writes"
    READS_AND_WRITES = "reads and writes"


class LockMode(IntEnum):
    """The eight modes, in the order in which PostgreSQL numbers them: a later one conflicts with more."""

    ACCESS_SHARE = 1
    ROW_SHARE = 2
    ROW_EXCLUSIVE = 3
    SHARE_UPDATE_EXCLUSIVE = 4
    SHARE = 5
    SHARE_ROW_EXCLUSIVE = 6
    EXCLUSIVE = 7
    ACCESS_EXCLUSIVE = 8

    @classmethod
    def from_pg_locks(cls, mode: str) -> "LockMode":
        """Return the mode that ``pg_locks`` calls this. Raises KeyError for one that no table lock has."""
        return _FROM_PG_LOCKS[mode]

    @property
    def sql(self) -> str:
        """The name as LOCK TABLE takes it: ``ACCESS EXCLUSIVE``."""
        return self.name.replace("_", " ")

    @property
    def pg_locks(self) -> str:
        """The name as ``pg_locks`` shows it: ``AccessExclusiveLock``."""
        return self.name.title().replace("_", "") + "Lock"

    @property
    def blocks(self) -> Blocks:
        """Whom a holder keeps waiting: readers hold ACCESS SHARE, writers ROW EXCLUSIVE."""
        if self is LockMode.ACCESS_EXCLUSIVE:
            return Blocks.READS_AND_WRITES
        if self >= LockMode.SHARE:
            return Blocks.WRITES
        return Blocks.DDL if self is LockMode.SHARE_UPDATE_EXCLUSIVE else Blocks.NOTHING


_FROM_PG_LOCKS = {mode.pg_locks: mode for mode in LockMode}
