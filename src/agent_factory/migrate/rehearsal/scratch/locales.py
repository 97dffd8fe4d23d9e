"""How a database spells and sorts its text, and a database made like it on another server."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import psycopg2
import sqlalchemy as sa
from psycopg2 import sql

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import Cursor

_PROVIDERS = {"c": "libc", "i": "icu", "b": "builtin"}
"""``pg_database.datlocprovider``; the column is there since PostgreSQL 15."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locale:
    """Encoding and locale of a database. ``name`` is the locale of ICU or of PostgreSQL's own provider."""

    encoding: str = "UTF8"
    provider: str = "libc"
    collate: str = "C"
    ctype: str = "C"
    name: str | None = None
    rules: str | None = None

    def __str__(self) -> str:
        name = self.name or (self.collate if self.collate == self.ctype else f"{self.collate}/{self.ctype}")
        return f"{name} ({self.provider}), {self.encoding}"


def read_locale(connection: sa.Connection) -> Locale:
    """Return the locale of the connection's database."""
    with own_cursor(connection) as cursor:
        # As JSON, since the columns have changed their names from version to version.
        cursor.execute(
            "SELECT to_jsonb(d), pg_encoding_to_char(encoding) FROM pg_database d"
            " WHERE datname = current_database()"
        )
        ((row, encoding),) = cursor.fetchall()
    return Locale(
        encoding=encoding,
        provider=_PROVIDERS.get(row.get("datlocprovider", "c"), "libc"),
        collate=row["datcollate"],
        ctype=row["datctype"],
        name=row.get("datlocale") or row.get("daticulocale"),
        rules=row.get("daticurules"),
    )


def create_database(cursor: Cursor, name: str, wanted: Locale, *, major: int) -> str | None:
    """Make an empty database on this server, as like ``wanted`` as it can be; return what is not, or None.

    ``cursor`` is one in autocommit, ``major`` the server's. Raises psycopg2.Error when there is no database.
    """
    for locale in _candidates(wanted, major):
        try:
            cursor.execute(_statement(name, locale, major))
        except psycopg2.errors.InsufficientPrivilege:
            raise
        except (psycopg2.ProgrammingError, psycopg2.NotSupportedError, psycopg2.DataError) as error:
            refused = error
        else:
            if str(locale) == str(wanted):  # what else libc is asked for matters little beside it
                return None
            return f"text sorts as in {locale} there, in production as in {wanted}"
    raise refused


def _candidates(wanted: Locale, major: int) -> Iterator[Locale]:
    """The locale itself, and what is nearest to it on a server that does not have it."""
    if wanted.provider == "libc" or major >= (17 if wanted.provider == "builtin" else 15):
        yield wanted
        if wanted.provider != "libc":
            yield replace(wanted, collate="C", ctype="C")
    for encoding in dict.fromkeys((wanted.encoding, "UTF8")):
        yield Locale(encoding=encoding, collate="C.UTF-8", ctype="C.UTF-8")
        if major >= 17:
            yield Locale(encoding=encoding, provider="builtin", name="C.UTF-8")
        yield Locale(encoding=encoding)


def _statement(name: str, locale: Locale, major: int) -> sql.Composed:
    clauses = {"ENCODING": locale.encoding, "LC_COLLATE": locale.collate, "LC_CTYPE": locale.ctype}
    if major >= 15:
        clauses["LOCALE_PROVIDER"] = locale.provider
    if locale.name is not None:
        clauses["ICU_LOCALE" if locale.provider == "icu" else "BUILTIN_LOCALE"] = locale.name
    if locale.rules is not None and major >= 16:
        clauses["ICU_RULES"] = locale.rules
    options = [sql.SQL("{} {}").format(sql.SQL(key), sql.Literal(value)) for key, value in clauses.items()]
    return sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
        sql.Identifier(name), sql.SQL(" ").join(options)
    )
