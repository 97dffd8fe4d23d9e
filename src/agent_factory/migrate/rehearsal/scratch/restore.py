"""A dumped schema, made again in a scratch database as far as that server can."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import psycopg2
from psycopg2 import sql

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.db.cursors import autocommit_cursor
from agent_factory.migrate.db.driver import Cursor
from agent_factory.migrate.db.sql import NAME, in_quotes
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.rehearsal.scratch.access import (
    is_superuser,
    let_roles_do_everything,
    make_roles,
    roles_there,
    set_rights_on_database,
)
from agent_factory.migrate.rehearsal.scratch.entries import OF_RIGHTS, SETTING, Entry, read_entries
from agent_factory.migrate.rehearsal.scratch.original import Original
from agent_factory.migrate.rehearsal.scratch.stand_ins import has_functions, stand_in
from agent_factory.plain_text import text_of

_AT_ONCE = 100
_NAMED_AT_MOST = 5

_NOT_INSTALLED = re.compile("is not available|could not open extension control file")

_CONNECTS = frozenset({"SERVER", "FOREIGN DATA WRAPPER"})
"""What says where other servers are, and maybe how to log in there."""


@dataclass(slots=True, kw_only=True)
class _Failure:
    """An entry that could not be made, and those that could not be made without it."""

    entry: Entry
    reason: str
    followers: list[Entry] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the server's messages have it; types of an extension are often called like it."""
        return f"{self.entry.schema}.{self.entry.name}" if self.entry.schema else self.entry.name

    @property
    def lacking(self) -> tuple[str, ...]:
        """What an earlier gap may have said: the reason, and the names that it lacks, also without schema."""
        names = re.findall(r'"([^"]+)"|(?:function|aggregate|procedure) (\S.*) does not exist', self.reason)
        full = [quoted or called for quoted, called in names]
        return (self.reason, *full, *(name.rpartition(".")[2] for name in full))

    def __str__(self) -> str:
        missing = f"; therefore also missing: {_listed(self.followers)}" if self.followers else ""
        return f"{self.entry}: {self.reason}{missing}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """``gaps`` are what is missing or differs, for people; ``failed`` the names of the objects of which the
    server has refused a statement, with their schemas and unquoted."""

    gaps: tuple[str, ...]
    failed: frozenset[str]


def restore(dump: str, original: Original, target: Target, *, is_own: bool) -> Restored:
    """Make every object of the dump that the server can make; say what is missing or differs.

    Roles and settings are production's too, also where the dump is empty; owners and rights are, of the
    database and of what is in it, where our role there is a superuser.
    ``is_own`` says that the server too is a throwaway one: what its databases share may be made.
    """
    entries, gaps = _tame(read_entries(dump))
    gaps += [f"subscription {name}: left out, since it would connect" for name in original.subscriptions]
    with connect(target) as connection, autocommit_cursor(connection) as cursor:
        gaps += _prepare(cursor, original, is_own=is_own)
        if entries:
            gaps += _prepare_rights(cursor, entries, original, is_own=is_own)
        if entries and not original.has_public:
            cursor.execute("DROP SCHEMA IF EXISTS public")
        failures = _make(cursor, entries, original, is_own=is_own)
        gaps += _named(failures, is_own=is_own)
    # In a session of its own: the dump has emptied search_path in that one.
    with connect(target) as connection, autocommit_cursor(connection) as cursor:
        gaps += _match_settings(cursor, original)
        gaps += _fill_views(cursor, original)
    return Restored(
        gaps=tuple(gap.encode("utf-8", "surrogateescape").decode(errors="replace") for gap in gaps),
        failed=frozenset(failure.name for failure in failures if failure.entry.type not in OF_RIGHTS),
    )


def prepare_empty(original: Original, target: Target, *, is_own: bool) -> tuple[str, ...]:
    """Give an empty database production's roles and settings, for who migrates it from its beginning.

    What a role may do in production hangs on grants that no migration makes; so it may do everything here.
    Returns what is missing or differs.
    """
    gaps = restore("", original, target, is_own=is_own).gaps
    if is_own:
        with connect(target) as connection, autocommit_cursor(connection) as cursor:
            let_roles_do_everything(cursor, original.access)
    return gaps


def _tame(entries: Iterable[Entry]) -> tuple[list[Entry], list[str]]:
    """Return the entries without what would reach out of the database or act on its own, and what that is."""
    tamed, gaps = [], []
    for entry in entries:
        if entry.type == "USER MAPPING":
            gaps.append(f"{entry.name}: left out, since it holds a login")
        elif entry.type in _CONNECTS and entry.without_options != entry.sql:
            gaps.append(f"{entry}: made without its options, so that nothing connects")
            tamed.append(replace(entry, sql=entry.without_options))
        elif entry.type == "EVENT TRIGGER":
            gaps.append(f"{entry}: disabled, so what it does at each statement is not seen")
            name = re.search(rf"CREATE EVENT TRIGGER ({NAME})", entry.sql)
            disable = f"ALTER EVENT TRIGGER {name[1]} DISABLE;\n" if name else ""
            tamed.append(replace(entry, sql=entry.sql + disable))
        else:
            tamed.append(replace(entry, sql=entry.with_known_column_options))
    return tamed, gaps


def _prepare(cursor: Cursor, original: Original, *, is_own: bool) -> list[str]:
    """Make what a server's databases share, where the server is ours; return what another one lacks."""
    cursor.execute("SET synchronous_commit = off")
    roles = sorted(set(original.access.names) - roles_there(cursor))
    cursor.execute("SELECT spcname FROM pg_tablespace")
    tablespaces = sorted(set(original.tablespaces) - {name for (name,) in cursor.fetchall()})
    if not is_own:
        missing = [f"role {name}" for name in roles] + [f"tablespace {name}" for name in tablespaces]
        return [f"{_listed(missing)}: not on the server of --scratch-url"] if missing else []
    make_roles(cursor, original.access)
    for name in tablespaces:
        cursor.execute("SET allow_in_place_tablespaces = on")
        cursor.execute(sql.SQL("CREATE TABLESPACE {} LOCATION ''").format(sql.Identifier(name)))
    return []


def _prepare_rights(cursor: Cursor, entries: list[Entry], original: Original, *, is_own: bool) -> list[str]:
    """Give the database its owner and rights; take those out of the entries where they cannot be given."""
    if is_own or is_superuser(cursor):
        set_rights_on_database(cursor, original.access)
        return []
    said = [entry for entry in entries if entry.type in OF_RIGHTS and entry.owner != original.role]
    entries[:] = [entry for entry in entries if entry.type not in OF_RIGHTS]
    if not said:
        return []
    return ["owners and rights: not production's, since the role of --scratch-url is no superuser"]


def _named(failures: Sequence[_Failure], *, is_own: bool) -> list[str]:
    """Say what is missing, and in one line what of owners and rights differs.

    On another server these hang on its roles, of which it has been said which are not there.
    """
    causes = _find_causes(failures)
    gaps = [str(cause) for cause in causes if cause.entry.type not in OF_RIGHTS]
    rights = [cause for cause in causes if cause.entry.type in OF_RIGHTS] if is_own else []
    if rights:
        others = f", and {len(rights) - 1} more" if len(rights) > 1 else ""
        gaps.append(f"owners and rights that cannot be set: {rights[0]}{others}")
    return gaps


def _make(cursor: Cursor, entries: Sequence[Entry], original: Original, *, is_own: bool) -> list[_Failure]:
    """Make the entries, many at once while all goes well; return those that failed."""
    failures = []
    for start in range(0, len(entries), _AT_ONCE):
        batch = entries[start : start + _AT_ONCE]
        if _execute(cursor, "".join(entry.sql for entry in batch)) is None:
            continue
        for entry in batch:
            reason = _make_one(cursor, entry)
            if reason is None:
                continue
            if entry.type == "EXTENSION":
                reason = _without_extension(cursor, entry, reason, original, is_own=is_own)
            # An older server need not know all that pg_dump sets for its own session.
            if entry.type != SETTING or "default_table_access_method" in entry.sql:
                failures.append(_Failure(entry=entry, reason=reason))
    return failures


def _make_one(cursor: Cursor, entry: Entry) -> str | None:
    """Make an entry by its statements; return why not, or not wholly."""
    first, *attributes = entry.statements
    reason = _execute(cursor, first)
    if reason is not None:
        return reason
    reasons = [reason for reason in (_execute(cursor, each) for each in attributes) if reason is not None]
    return f"made, but {'; '.join(reasons)}" if reasons else None


def _without_extension(cursor: Cursor, entry: Entry, reason: str, original: Original, *, is_own: bool) -> str:
    """Make what stands in for a missing extension, on a server of our own; return what to report."""
    if not _NOT_INSTALLED.search(reason):
        return reason
    version = original.extensions.get(entry.name, "")
    made = is_own and _execute(cursor, stand_in(entry, version)) is None
    if made and has_functions(entry):
        return "not on the scratch server; stand-in functions of the same names replace its own"
    return "not on the scratch server"


def _execute(cursor: Cursor, statement: str) -> str | None:
    """Run it, and return the server's reason when it refuses.

    The bytes are sent as pg_dump wrote them, whether they are UTF-8 or not: a database may be SQL_ASCII.
    """
    try:
        cursor.execute(statement.encode("utf-8", "surrogateescape"))
    except psycopg2.Error as error:
        if cursor.connection.closed:
            raise
        return error.diag.message_primary or text_of(error).strip()
    return None


def _find_causes(failures: Iterable[_Failure]) -> list[_Failure]:
    """The failures that are not for want of another one; those go with their cause."""
    causes: list[_Failure] = []
    cause_of: dict[str, _Failure] = {}
    for failure in failures:
        cause = next((cause_of[name] for name in failure.lacking if name in cause_of), failure)
        cause_of.setdefault(failure.name, cause)
        if failure.entry.type != "EXTENSION":  # each of those is worth a line
            cause_of.setdefault(failure.reason, cause)
        if cause is failure:
            causes.append(failure)
        elif failure.entry.type not in {"COMMENT", *OF_RIGHTS}:
            cause.followers.append(failure.entry)
    return causes


def _match_settings(cursor: Cursor, original: Original) -> list[str]:
    """Have new sessions of this role in this database begin with production's settings.

    For the role in the database, since that is what PostgreSQL puts above all else of ALTER ROLE and ALTER
    DATABASE. "$user" is written out: the role has another name here.
    """
    cursor.execute("SELECT current_database(), name, reset_val FROM pg_settings")
    rows = cursor.fetchall()
    database, found = sql.Identifier(rows[0][0]), {name: value for _, name, value in rows}
    gaps: dict[str, list[str]] = {}
    for name, value in original.settings.items():
        if name == "search_path":
            value = _written_out(value, original.role)
        if name not in found or found[name] == value:
            continue
        try:
            cursor.execute("SELECT set_config(%s, %s, false)", [name, value])
            cursor.execute(
                sql.SQL("ALTER ROLE CURRENT_USER IN DATABASE {} SET {} FROM CURRENT").format(
                    database, sql.Identifier(name)
                )
            )
        except psycopg2.Error:
            if cursor.connection.closed:
                raise
            gaps.setdefault(value, []).append(name)
    return [f"{', '.join(names)}: {value} is not known there" for value, names in gaps.items()]


def _written_out(search_path: str, role: str) -> str:
    return search_path.replace('"$user"', in_quotes(role))


def _fill_views(cursor: Cursor, original: Original) -> list[str]:
    """Refresh the materialized views that are filled in production, in the order in which they were made.

    An unfilled one could not be read by a revision, nor refreshed CONCURRENTLY.
    """
    cursor.execute(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
        " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'm' ORDER BY c.oid"
    )
    gaps = []
    for (view,) in cursor.fetchall():
        if view in original.filled_views:
            reason = _execute(cursor, f"REFRESH MATERIALIZED VIEW {view}")
            if reason is not None:
                gaps.append(f"materialized view {view}: empty and unreadable, since {reason}")
    return gaps


def _listed(items: Sequence[object]) -> str:
    named = ", ".join(str(item) for item in items[:_NAMED_AT_MOST])
    return named if len(items) <= _NAMED_AT_MOST else f"{named} and {len(items) - _NAMED_AT_MOST} more"
