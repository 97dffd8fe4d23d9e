"""What the error of a statement means: the cause in one sentence, and what to type next.

PostgreSQL's are distinguished by SQLSTATE. SQLite has no codes that SQLAlchemy hands on: there the stable
fragments of the messages decide. Source: PostgreSQL manual, appendix A.
"""

import re
import shlex
from dataclasses import dataclass

from agent_factory.migrate.db.spelled_secrets import masked_sql
from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.model.target import Target
from agent_factory.plain_text import text_of
from agent_factory.redaction import MASK
from agent_factory.row_values import value


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A cause by its name for machines, in words, and what to do.

    ``{...}`` are filled from the target and from the database's message. ``is_outside`` says that the cause
    is outside of the revision, which can run as it is once that has gone.
    """

    code: str
    what: str
    next_steps: tuple[str, ...]
    is_outside: bool = False


_DATA = "correct or remove the rows that violate it, in a revision of its own before this one"

STATEMENT_CAUSES: dict[str, Cause] = {
    "42701": Cause(
        code="column-exists",
        what="the column already exists",
        next_steps=(
            "show it: {show}",
            "if it is what the revision adds: add it only where sa.inspect(op.get_bind()) has none",
            "if it is not: rename or drop it first, in a revision of its own",
        ),
    ),
    "42P07": Cause(
        code="object-exists",
        what="a table or index of that name already exists",
        next_steps=(
            "show it: {show}",
            "if it is what the revision makes: make it only where sa.inspect(op.get_bind()) has none",
        ),
    ),
    "42710": Cause(
        code="object-exists",
        what="an object of that name already exists",
        next_steps=("find it, and make it in the revision only where it is missing: {show_all}",),
    ),
    "42P01": Cause(
        code="no-such-table",
        what="there is no table of that name in the schemas that search_path names",
        next_steps=("list the tables: {show_all}",),
    ),
    "42P01 file": Cause(
        code="no-such-table",
        what="there is no table of that name",
        next_steps=("list the tables: {show_all}",),
    ),
    "3F000": Cause(
        code="no-such-schema",
        what="the schema does not exist",
        next_steps=("make it in a revision before this one, or correct the name",),
    ),
    "3F000 none": Cause(
        code="no-schema-selected",
        what="search_path names no schema that is there, so there is none to make tables in",
        next_steps=(
            "see who sets it: SELECT setting, source FROM pg_settings WHERE name = 'search_path'",
            "for a role: ALTER ROLE {user} RESET search_path; for the database: "
            "ALTER DATABASE {database} RESET search_path",
        ),
    ),
    "42703": Cause(
        code="no-such-column",
        what="there is no column of that name",
        next_steps=("see which there are: {show}",),
    ),
    "42501": Cause(
        code="permission-denied",
        what="the role has no permission for this",
        next_steps=(
            "use the role that owns the schema, or let the owner run: "
            "GRANT USAGE, CREATE ON SCHEMA {schema} TO {user}",
            "for the journal and the environment name: GRANT CREATE ON DATABASE {database} TO {user}",
            "a table may be altered only by its owner: ALTER TABLE ... OWNER TO {user}",
        ),
        is_outside=True,
    ),
    "23502": Cause(
        code="data-violates-not-null",
        what="rows hold NULL where the revision no longer allows it",
        next_steps=("fill the column in a revision of its own before this one, or give it a server default",),
    ),
    "23503": Cause(
        code="data-violates-foreign-key",
        what="rows refer to rows that do not exist",
        next_steps=(_DATA,),
    ),
    "23505": Cause(
        code="data-violates-unique",
        what="rows hold the same value where the revision wants it unique",
        next_steps=(_DATA,),
    ),
    "23514": Cause(
        code="data-violates-check",
        what="rows violate the new CHECK constraint",
        next_steps=(_DATA,),
    ),
    "23P01": Cause(
        code="data-violates-exclusion",
        what="rows violate the new exclusion constraint",
        next_steps=(_DATA,),
    ),
    "57014": Cause(
        code="statement-cancelled",
        what="an administrator cancelled the statement",
        next_steps=("ask who did, then run the command again",),
        is_outside=True,
    ),
    "57014 timeout": Cause(
        code="statement-timeout",
        what="the statement ran longer than statement_timeout allows",
        next_steps=(
            "allow it more time: --statement-timeout 4h",
            "or split what it does over several revisions",
        ),
        is_outside=True,
    ),
    "55P03": Cause(
        code="lock-timeout",
        what="a lock was not granted in time: another transaction uses the table",
        next_steps=("see who: SELECT pid, state, query FROM pg_stat_activity WHERE state <> 'idle'",),
        is_outside=True,
    ),
    "40P01": Cause(
        code="deadlock",
        what="the statement and another transaction waited for each other",
        next_steps=("run the command again when the application is less busy",),
        is_outside=True,
    ),
    "25006": Cause(
        code="read-only",
        what="this is a replica, or a read-only session",
        next_steps=("set DATABASE_URL to the primary",),
        is_outside=True,
    ),
    "53100": Cause(
        code="disk-full",
        what="the server's disk is full",
        next_steps=("free or add space, then run the command again",),
        is_outside=True,
    ),
    "55P04": Cause(
        code="enum-value-in-use",
        what="a new enum value cannot be used in the transaction that adds it",
        next_steps=(
            "add the value in one revision, inside op.get_context().autocommit_block(); use it in the next",
        ),
    ),
    "25001": Cause(
        code="needs-autocommit",
        what="the statement cannot run inside a transaction",
        next_steps=("put it alone in a revision, inside op.get_context().autocommit_block()",),
    ),
    "22001": Cause(
        code="value-too-long",
        what="a value is longer than its column (alembic_version holds ids of at most 32 characters)",
        next_steps=("shorten the value, or the revision's id",),
    ),
    "2BP01": Cause(
        code="has-dependents",
        what="other objects depend on what the revision drops",
        next_steps=(
            "drop or change the dependents in the revision first; CASCADE would do it without naming them",
        ),
    ),
    "2BP01 SQLite": Cause(
        code="has-dependents",
        what="a view or a trigger names what the revision drops or renames, or what is not there",
        next_steps=("drop it in the revision first, and make it again at the end; it is in: {show_all}",),
    ),
    "42804": Cause(
        code="cannot-convert",
        what="the column cannot be converted to the new type by itself",
        next_steps=("say how: op.alter_column(..., postgresql_using='column::type')",),
    ),
}

_REFUSED_SCHEMA = re.compile(r"permission denied for schema (.+)")
_RELATION = re.compile(r'relation "([^"]+)"|table ([\w.]+) already exists|no such table: ([\w.]+)')

_SQLITE_CAUSES: tuple[tuple[str, str], ...] = (
    (r"error in (?:view|trigger) ", "2BP01 SQLite"),
    (r"duplicate column name", "42701"),
    (r"already exists", "42P07"),
    (r"no such table", "42P01 file"),
    (r"no such column", "42703"),
    (r"NOT NULL constraint failed", "23502"),
    (r"FOREIGN KEY constraint failed", "23503"),
    (r"UNIQUE constraint failed", "23505"),
    (r"CHECK constraint failed", "23514"),
    (r"readonly database", "25006"),
    (r"disk is full", "53100"),
    (r"database is locked|table is locked", "55P03"),
)


_OUTSIDE_CLASSES = ("08", "40", "53", "57", "58", "XX")
"""SQLSTATE classes: connection, rollback, resources, an operator, the system, an error within the server."""
_RAISES = ("exec_stmt_raise", "exec_stmt_assert")
"""The server's functions behind RAISE and ASSERT of PL/pgSQL."""
_SHOWS_THE_ROW = ("23502", "23514")
"""NOT NULL and CHECK: "Failing row contains (...)", in the server's language, is a whole row."""
_QUOTED_VALUE = re.compile('["\u201c\u201e\u00ab].*["\u201c\u201d\u00bb]|0x.*', re.DOTALL)
"""What a data exception (class 22) quotes, in the quotation marks of the server's language."""


NOT_IN_VERSION_TABLE = "is not in the version table"
"""The end of af-db's own words, which the server quotes as a value: what moves the version row says it so."""
_OWN_WORDS = re.compile(rf'"([^"]* {NOT_IN_VERSION_TABLE})"')


def explain_statement_failure(
    error: Exception, target: Target, role: str | None = None
) -> tuple[str, str, tuple[str, ...]]:
    """Return the cause's code, the sentence that says what happened, and the next steps."""
    said = message_of(error)
    original = getattr(error, "orig", error)
    cause = STATEMENT_CAUSES.get(_state_of(error, said))
    if cause is None:
        return "statement-failed", said, ()
    named = _RELATION.search(said)
    table = getattr(getattr(original, "diag", None), "table_name", None)
    said_name = next(name for name in named.groups() if name) if named else "NAME"
    relation = quoted(table) if table else said_name
    refused = _REFUSED_SCHEMA.search(said)
    schema = refused[1] if refused else "public"

    def fill(words: str) -> str:
        return filled(words, target, relation=relation, role=role, schema=schema)

    return cause.code, f"{fill(cause.what)} ({said})", tuple(map(fill, cause.next_steps))


def is_outside_of_revision(error: Exception) -> bool:
    """Say whether a statement has failed for something that no other text of its revision would change."""
    state = _state_of(error, message_of(error))
    cause = STATEMENT_CAUSES.get(state)
    return cause.is_outside if cause else state[:2] in _OUTSIDE_CLASSES


def _state_of(error: Exception, said: str) -> str:
    """Return the key in STATEMENT_CAUSES of an error, or its SQLSTATE; empty for one that has none."""
    state = getattr(getattr(error, "orig", error), "pgcode", None) or next(
        (state for pattern, state in _SQLITE_CAUSES if re.search(pattern, said)), ""
    )
    if state == "57014" and "statement timeout" in said:
        return "57014 timeout"
    if state == "3F000" and "selected" in said:
        return "3F000 none"
    return str(state)


def _marked(match: re.Match[str]) -> str:
    return value(match[0])


def message_of(error: Exception) -> str:
    """The database's own words, its hint too, on one line, without its position marks."""
    original = getattr(error, "orig", error)
    diagnostics = getattr(original, "diag", None)
    primary = getattr(diagnostics, "message_primary", None)
    if primary and (own_words := _OWN_WORDS.search(primary)):
        return own_words[1]
    if primary:
        detail = getattr(diagnostics, "message_detail", None) or ""
        hint = getattr(diagnostics, "message_hint", None) or ""
        sqlstate = getattr(diagnostics, "sqlstate", None) or ""
        statement = getattr(error, "statement", None) or ""
        if masked_sql(statement) != statement:  # what is wrong in it may be the password
            primary = _QUOTED_VALUE.sub(f'"{MASK}"', primary)
        if getattr(diagnostics, "source_function", None) in _RAISES:
            # Somebody's own words: what of them is a value, nobody can tell.
            primary, detail, hint = value(primary), detail and value(detail), hint and value(hint)
        elif sqlstate.startswith("22"):
            primary, detail = _QUOTED_VALUE.sub(_marked, primary), detail and value(detail)
            hint = _QUOTED_VALUE.sub(_marked, hint)
        elif sqlstate in _SHOWS_THE_ROW:
            detail = detail and value(detail)
        said = f"{primary}: {detail}" if detail else str(primary)
        return " ".join(f"{said}; hint: {hint}".split()) if hint else said
    return " ".join(text_of(original).split())


def filled(
    text: str, target: Target, *, relation: str = "NAME", role: str | None = None, schema: str = "public"
) -> str:
    """Return a text of a cause for this target, with names as SQL has them.

    ``relation`` is the table, and ``schema`` the schema, that the error names. ``role`` is whose rights held,
    by default the login's.
    """
    url = target.url
    user = role or url.user
    host = url.host or "localhost"
    connection = f"-h {host} -p {url.port or 5432}" + (f" -U {shlex.quote(url.user)}" if url.user else "")
    postgresql_shell = f"psql {connection} -d {shlex.quote(url.database)}"
    sqlite_shell = f"sqlite3 {shlex.quote(url.database)}"
    on_postgresql = url.backend == "postgresql"
    return text.format(
        user=quoted(user) if user else "this user",
        database=quoted(url.database) if on_postgresql else url.database,
        schema=quoted(schema),
        host=host,
        where=f"{host}, port {url.port or 5432}" if on_postgresql else url.database,
        connection=connection,
        show=f"{postgresql_shell} -c '\\d {relation}'"
        if on_postgresql
        else f"{sqlite_shell} '.schema {relation}'",
        show_all=f"{postgresql_shell} -c '\\d'" if on_postgresql else f"{sqlite_shell} .schema",
    )
