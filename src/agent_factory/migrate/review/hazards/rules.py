"""The hazards that af-db knows by name, when each is serious, and what to do instead: the one list."""

from dataclasses import dataclass
from enum import StrEnum

NOTICE_S = 0.1
HIGH_S = 1.0
"""How long reads or writes of a table wait. People notice nothing below the first, and keep their flow of
thought below the second (Nielsen, Usability Engineering, 1993)."""
NOTICE_ROWS_S = 1.0
HIGH_ROWS_S = 5.0
"""The same for single rows that an UPDATE locks until it commits: only their own writers wait."""
FEW_ROWS = 1_000
"""As few as these are not waited for often enough to tell."""
HELD_NOTICE_S = 0.2
"""For locks that are held while something else runs."""
SHORT_S = 0.02
"""Statements as short as this, however many, are no serious hazard: a revision may well have dozens."""


class Severity(StrEnum):
    """``HIGH`` stops an upgrade until the hazard is allowed by name."""

    NOTICE = "notice"
    HIGH = "high"


class HazardCode(StrEnum):
    """What people allow, search for and write into continuous integration: these never change."""

    BLOCKS_READS = "blocks-reads"
    BLOCKS_WRITES = "blocks-writes"
    REWRITES_TABLE = "rewrites-table"
    SCANS_TABLE = "scans-table"
    DELETES_DATA = "deletes-data"
    BREAKS_RUNNING_CODE = "breaks-running-code"
    FAILS_ON_DATA = "fails-on-data"
    NEEDS_AUTOCOMMIT = "needs-autocommit"
    INVALID_INDEX_LEFT = "invalid-index-left"
    IRREVERSIBLE = "irreversible"
    LOCK_HELD_THROUGH_STATEMENTS = "lock-held-through-statements"


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardRule:
    """``text``: what it is. ``high``: when its severity is high. ``remedy``: what to do instead, in general;
    where a safe form of the very statement is known, that is told."""

    text: str
    high: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard:
    """``statement`` is its number in the revision, from 1, None for the revision as a whole; ``table`` is
    the one that it is mostly about, as production calls it. ``remedy`` may have several lines."""

    code: HazardCode
    severity: Severity
    revision: str
    statement: int | None
    table: str | None
    message: str
    remedy: str


RULES: dict[HazardCode, HazardRule] = {
    HazardCode.BLOCKS_READS: HazardRule(
        text="nobody can read or write a table while the statement works through its rows",
        high=f"for an estimated {HIGH_S:g} s or more",
        remedy="do the long part under a weaker lock first, so that the strong one is held for an instant",
    ),
    HazardCode.BLOCKS_WRITES: HazardRule(
        text="nobody can write to a table, or to the rows that an UPDATE changes, while the statement works",
        high=f"for an estimated {HIGH_S:g} s or more; {HIGH_ROWS_S:g} s where only single rows are locked",
        remedy="do the long part under a weaker lock first, or in batches that are committed one by one",
    ),
    HazardCode.REWRITES_TABLE: HazardRule(
        text="all rows and indexes of a table are written anew: disk space, WAL, replicas that lag",
        high=f"when reads or writes wait for an estimated {HIGH_S:g} s or more",
        remedy="add a new column, fill it in batches, and put it in the old one's place",
    ),
    HazardCode.SCANS_TABLE: HazardRule(
        text="all rows of a table are checked while others wait for it",
        high="never: what waits, and for how long, is blocks-reads or blocks-writes",
        remedy="add the constraint as NOT VALID, and VALIDATE it in the next revision",
    ),
    HazardCode.DELETES_DATA: HazardRule(
        text="rows or values of production are gone afterwards: DROP, DELETE, TRUNCATE, a narrower type",
        high="whenever there are any, or they could not be counted",
        remedy="keep a copy until nobody misses it",
    ),
    HazardCode.BREAKS_RUNNING_CODE: HazardRule(
        text="the code that is deployed, and runs until the next one is, uses what is renamed or dropped",
        high="for a rename in a table that has rows, when nothing takes the old name's place",
        remedy="expand and contract: add the new, deploy code that uses it, and only then drop the old",
    ),
    HazardCode.FAILS_ON_DATA: HazardRule(
        text="rows that production has violate what the statement demands of them",
        high="when a count on production found such rows",
        remedy="mend the rows in an earlier revision",
    ),
    HazardCode.NEEDS_AUTOCOMMIT: HazardRule(
        text="a statement that cannot run in a transaction, in one, or in a revision with other statements",
        high="when PostgreSQL refuses it",
        remedy="put it alone into a revision of its own, in op.get_context().autocommit_block()",
    ),
    HazardCode.INVALID_INDEX_LEFT: HazardRule(
        text="an index that is built CONCURRENTLY stays behind INVALID when the build fails",
        high="when an INVALID index of this name is there already",
        remedy="drop it, and build it again once what made it fail is mended",
    ),
    HazardCode.IRREVERSIBLE: HazardRule(
        text="downgrade() is empty or raises although upgrade() changes something",
        high="never",
        remedy="write downgrade(), or have it say why there is no way back",
    ),
    HazardCode.LOCK_HELD_THROUGH_STATEMENTS: HazardRule(
        text="a lock that one statement took is held while later ones of its transaction work",
        high=f"when reads or writes wait for an estimated {HIGH_S:g} s or more because of it",
        remedy="put the statement that takes the lock into a revision of its own, or last",
    ),
}
