"""The schema of a database as a text: written to be kept, or compared with what was kept."""

import difflib
import re
from pathlib import Path

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.whole_file import write_whole
from agent_factory.migrate.model.written import SchemaResult
from agent_factory.migrate.project import Project
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.rehearsal.schema_text import schema_text
from agent_factory.migrate.rehearsal.scratch import CannotCopyError
from agent_factory.redaction import secrets_known

_ANY_WORD = re.compile(r"[a-z_]{1,11}")
"""What may be a password, and is as likely a name of the schema: ``postgres``, ``secret``."""


def schema(project: Project, target: Target, *, out: Path | None, compares: bool) -> SchemaResult:
    """Return the schema of the database, which is only read; with ``out`` it is written there.

    With ``compares`` nothing is written: the file is compared with it. Raises RefusedError where the schema
    cannot be read whole, or has a secret of the connection in it, and UsageError for the file.
    """
    with connect(target, read_only=True) as connection:
        table = alembic_project.read_position(project, connection).table
        try:
            sql = schema_text(
                target, connection, table, read_configuration(settings_root(project.setup)).schemas
            )
        except CannotCopyError as error:
            raise RefusedError(
                "schema-not-read",
                f"the schema cannot be written: {error.reason}",
                state=UNCHANGED,
                next_steps=("pip install 'agent-factory[rehearsal]' brings pg_dump",),
            ) from error
    _refuse_inexact(sql)
    difference = None
    if out is not None and compares:
        difference = _difference(_read(out), sql, out.name)
    elif out is not None:
        _write(sql, out)
    return SchemaResult(
        database=str(target), sql=sql if out is None else None, path=out, difference=difference
    )


def _refuse_inexact(sql: str) -> None:
    """Raise RefusedError for a text that may not be kept, or cannot be."""
    if any(secret in sql for secret in secrets_known() if not _ANY_WORD.fullmatch(secret)):
        raise RefusedError(
            "secrets-in-sql",
            "a password or key of the environment stands in the schema, which is not whole without it",
            state=UNCHANGED,
            next_steps=("take it out of the schema: who may read that, has it",),
        )
    try:
        sql.encode()
    except UnicodeEncodeError as error:
        raise RefusedError(
            "schema-not-read",
            "the schema holds bytes that are no text: the database has no encoding (SQL_ASCII)",
            state=UNCHANGED,
            next_steps=("pg_dump --schema-only writes the bytes as they are",),
        ) from error


def _difference(kept: str, now: str, name: str) -> str:
    lines = difflib.unified_diff(
        kept.splitlines(), now.splitlines(), fromfile=name, tofile="the database", lineterm=""
    )
    return "\n".join(lines)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or "it is no UTF-8 text"
        raise _no_file(path, f"cannot be read: {why}") from error


def _write(sql: str, path: Path) -> None:
    try:
        write_whole(sql, path)
    except OSError as error:
        raise _no_file(path, f"cannot be written: {error.strerror}") from error


def _no_file(path: Path, why: str) -> UsageError:
    return UsageError(
        "schema-file", f"{path} {why}", state=UNCHANGED, next_steps=("name another file: --out schema.sql",)
    )
