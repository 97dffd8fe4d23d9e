"""The journal that a database has: whether it is af-db's, its format, and what this role may do with it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent_factory.migrate.db.rights import HIDES_ROWS, MAY_READ, MAY_WRITE
from agent_factory.migrate.db.version_tables import refuse_hidden
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.migrate.model.version import af_db_version

if TYPE_CHECKING:
    from agent_factory.migrate.db.driver import Cursor

FORMAT = 2
"""1 had no columns for the version table: a row's history is to be found out. 2 has."""

REMARK = f"af-db journal, format {FORMAT}"
"""The comment on the table, which every role may read. Without one, as in a dump that leaves comments out,
the columns tell the format."""

_FORMAT_IN_REMARK = re.compile(r"af-db journal, format (\d+)")

_FIRST = {
    "id": "bigint",
    "run_id": "uuid",
    **dict.fromkeys(("revision", "direction", "state", "source_sha256", "source", "accepted_sha256"), "text"),
    "statements": "text[]",
    **dict.fromkeys(("db_role", "os_user", "host", "git_commit"), "text"),
    "git_dirty": "boolean",
    **dict.fromkeys(("ci_url", "af_db_version", "alembic_version"), "text"),
    "started_at": "timestamp with time zone",
    "duration_s": "double precision",
    "error": "text",
}
_SECOND = {"version_schema": "text", "version_table": "text"}
_ADDED = {"arguments": "text[]", "checklist": "text[]"}
"""What came later, may be NULL, and is no other format: an older af-db leaves it out, and goes on."""
_EXPECTED = {
    "journal": _FIRST,
    "environment": {
        "only_row": "boolean",
        "name": "text",
        "set_at": "timestamp with time zone",
        "set_by": "text",
    },
}

_FIND = f"""
SELECT c.relname AS name, c.relkind::text AS kind, {HIDES_ROWS} AS hides_rows, {MAY_READ} AS may_read,
       {MAY_WRITE} AS may_write, pg_has_role(c.relowner, 'USAGE') AS may_alter,
       quote_ident(current_user) AS role, coalesce(obj_description(c.oid, 'pg_class'), '') AS remark,
       (SELECT array_agg(array[a.attname::text, format_type(a.atttypid, NULL),
                               (a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')::text])
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'af_db' AND c.relname IN ('journal', 'environment')
ORDER BY c.relname DESC
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJournal:
    """A journal of af-db's in a format that this version knows. ``role`` is this one, as SQL writes it.

    ``may_alter`` is the right to bring it to another format, which its owner has. ``added`` are the columns
    that it has of those that came later.
    """

    format: int
    role: str
    may_read: bool
    may_write: bool
    may_alter: bool
    added: frozenset[str]

    @property
    def names_version_tables(self) -> bool:
        """Whether its rows can say of which version table they are."""
        return self.format > 1

    @property
    def missing_columns(self) -> frozenset[str]:
        """The columns that this version writes and it does not have."""
        of_version_tables = () if self.names_version_tables else _SECOND
        return frozenset(of_version_tables) | (_ADDED.keys() - self.added)

    @property
    def is_newest(self) -> bool:
        """Whether it has all that this version writes."""
        return self.format == FORMAT and not self.missing_columns


def find_journal(cursor: "Cursor") -> FoundJournal | None:
    """Return the journal of the database, or None where it has none; its rows are not read.

    Raises RefusedError for one that is not af-db's or is damaged, one of a newer format, and one whose rows
    are hidden from this role.
    """
    cursor.execute(_FIND)
    names = [column[0] for column in cursor.description or ()]
    tables = {row[0]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()}
    if not tables:
        return None
    format_ = _format_of(tables["journal"]) if "journal" in tables else FORMAT
    if missing := _EXPECTED.keys() - tables.keys():
        raise _foreign("schema af_db", f"lacks the table {missing.pop()}")
    journal = tables["journal"]
    for table in tables.values():
        what = f"af_db.{table['name']}"
        why = "what ran here, and what this database is, cannot be read"
        refuse_hidden(what, what, table["kind"], table["role"], why, hides_rows=table["hides_rows"])
        _check_columns(table, format_)
    return FoundJournal(
        format=format_,
        role=journal["role"],
        may_read=all(table["may_read"] for table in tables.values()),
        may_write=all(table["may_write"] for table in tables.values()),
        may_alter=journal["may_alter"],
        added=frozenset(_ADDED) & {name for name, *_ in journal["columns"] or ()},
    )


def _format_of(journal: dict[str, Any]) -> int:
    """The format of a table that may be a journal. Raises RefusedError for a newer one."""
    said = _FORMAT_IN_REMARK.fullmatch(journal["remark"])
    if said is not None and int(said[1]) > FORMAT:
        raise RefusedError(
            "newer-journal",
            f"af_db.journal has the format {said[1]}, and this af-db, {af_db_version()}, knows those up to "
            f"{FORMAT}: a newer af-db was here",
            state=UNCHANGED,
            next_steps=("use the af-db that migrates this database, or a newer one",),
        )
    if said is not None:
        return int(said[1])
    return 2 if any(name in _SECOND for name, *_ in journal["columns"] or ()) else 1


def _check_columns(table: dict[str, Any], format_: int) -> None:
    """Raise RefusedError where columns that af-db reads and writes are missing or of another type."""
    what = f"af_db.{table['name']}"
    expected = _EXPECTED[table["name"]]
    if table["name"] == "journal" and format_ > 1:
        expected = expected | _SECOND
    found = {name: type_ for name, type_, _is_needed in table["columns"] or ()}
    if table["name"] == "journal":
        expected = expected | {name: type_ for name, type_ in _ADDED.items() if name in found}
    for name, type_ in expected.items():
        if name not in found:
            raise _foreign(what, f"has no column {name} ({type_})")
        if found[name] != type_:
            raise _foreign(what, f"has a column {name} of the type {found[name]}, not {type_}")
    for name, _type, is_needed in table["columns"] or ():
        if is_needed == "true" and name not in expected:
            raise _foreign(what, f"has a column {name} that is NOT NULL, and that af-db does not write")


def _foreign(what: str, why: str) -> RefusedError:
    return RefusedError(
        "foreign-journal",
        f"{what} is not as af-db makes it: it {why}",
        state=UNCHANGED,
        next_steps=(
            "is it somebody else's? rename it: ALTER SCHEMA af_db RENAME TO af_db_before",
            "is it af-db's and damaged? restore it from a backup, or rename it likewise: af-db begins a new "
            "one, and the environment name has to be given again",
        ),
    )
