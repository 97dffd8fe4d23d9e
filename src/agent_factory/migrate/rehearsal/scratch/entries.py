"""pg_dump's text, cut into its entries: one object each, so that each can fail alone."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent_factory.migrate.db.definitions import COLUMN_OPTIONS
from agent_factory.migrate.db.sql import NAME, QUALIFIED, bare, blanked

_MARK = re.compile(
    r"""
      ^--\n--\ Name:\ (?P<name>[^\n]*);\ Type:\ (?P<type>[A-Z\ ]+)
             ;\ Schema:\ (?P<schema>[^\n]*);\ Owner:\ [^\n]*\n--\n
    | ^\\(?P<psql>(?:un)?restrict)\b[^\n]*\n
    | ^(?P<setting>SET\ \w+\ =\ [^\n]*;\n|SELECT\ pg_catalog\.set_config\([^\n]*\);\n)
    """,
    re.VERBOSE | re.MULTILINE,
)
_SETS_COLUMN_OPTIONS = re.compile(
    rf"(?P<alter>\s*ALTER (?:FOREIGN )?TABLE (?:ONLY )?{QUALIFIED} ALTER COLUMN {NAME}) "
    r"SET \((?P<options>[^()]*)\);\n"
)

_GIVES_AWAY = re.compile(r"^ALTER [^;\n]* OWNER TO [^;\n]*;\n", re.MULTILINE)
"""What pg_dump writes last of an object, with all that is in quotes blank."""

SETTING = ""
"""The type of an entry that sets something for the entries after it."""

OWNER = "OWNER"
"""The type of an entry that gives an object to its owner; pg_dump has that at the object's own."""

OF_RIGHTS = frozenset({OWNER, "ACL", "DEFAULT ACL"})
"""Entries that say who owns what, and what roles may do."""

_OF_SEVERAL_STATEMENTS = frozenset(
    {
        "ACL",
        "DEFAULT ACL",
        "TABLE",
        "FOREIGN TABLE",
        "VIEW",
        "MATERIALIZED VIEW",
        "INDEX",
        "CONSTRAINT",
        "SEQUENCE",
        "TYPE",
        "DOMAIN",
    }
)
"""What is made by one statement and given its attributes by more. A function's or a rule's own statements
may stand between semicolons too, and are one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An object as pg_dump writes it; ``type`` is pg_dump's word for its kind, or SETTING."""

    type: str
    schema: str | None
    name: str
    sql: str

    def __str__(self) -> str:
        if self.type == SETTING:
            return self.sql.strip()
        return f"{self.type.lower()} {f'{self.schema}.' if self.schema else ''}{self.name}"

    @property
    def owner(self) -> str | None:
        """The role that an entry of an owner names; None of all others."""
        named = re.search(rf" OWNER TO ({NAME});\n\Z", self.sql) if self.type == OWNER else None
        return bare(named[1]) if named else None

    @property
    def statements(self) -> tuple[str, ...]:
        """What can be run one by one; the first makes the object."""
        if self.type not in _OF_SEVERAL_STATEMENTS:
            return (self.sql,)
        ends = [end.end() for end in re.finditer(";\n", blanked(self.sql))]
        parts = [self.sql[start:end] for start, end in zip([0, *ends], [*ends, None], strict=True)]
        return tuple(part for part in parts if _says_something(part))

    @property
    def with_known_column_options(self) -> str:
        """The statements without the column options that are PostgreSQL's own affair.

        pg_dump from before a release that keeps one there writes it out, and a server from before it refuses
        the statement, the options that people set included.
        """
        if self.type not in _OF_SEVERAL_STATEMENTS or " SET (" not in self.sql:
            return self.sql
        return "".join(map(_with_known_column_options, self.statements))

    @property
    def without_options(self) -> str:
        """The statement without the ``OPTIONS (...)`` at its end, which say where to connect, or secrets."""
        options = blanked(self.sql).find(" OPTIONS (")
        return self.sql if options < 0 else f"{self.sql[:options]};\n"


def read_entries(dump: str) -> Iterator[Entry]:
    """Cut the text of ``pg_dump --schema-only``; what it says to psql and to people is left out."""
    type_, schema, name = SETTING, None, ""
    text, start = "", 0
    # What is quoted may hold anything, a whole dump included; what opens an entry is a comment itself.
    for mark in _MARK.finditer(blanked(dump, keep={"comment"})):
        text, start = text + dump[start : mark.start()], mark.end()
        if mark["psql"]:
            continue
        yield from _entries_of(Entry(type=type_, schema=schema, name=name, sql=text))
        text = ""
        if mark["setting"]:
            yield Entry(type=SETTING, schema=None, name="", sql=dump[mark.start() : mark.end()])
            continue
        type_, name = mark["type"], mark["name"]
        schema = None if mark["schema"] == "-" else mark["schema"]
    text += dump[start:]
    yield from _entries_of(Entry(type=type_, schema=schema, name=name, sql=text))


def _entries_of(entry: Entry) -> Iterator[Entry]:
    """Yield the entry without its owner, and its owner apart; neither where it says nothing."""
    given = list(_GIVES_AWAY.finditer(blanked(entry.sql)))[-1:] if " OWNER TO " in entry.sql else []
    start, end = given[0].span() if given else (len(entry.sql), len(entry.sql))
    made = replace(entry, sql=entry.sql[:start] + entry.sql[end:])
    if _says_something(made.sql):
        yield made
    if given:
        yield replace(entry, type=OWNER, sql=entry.sql[start:end])


def _with_known_column_options(statement: str) -> str:
    sets = _SETS_COLUMN_OPTIONS.fullmatch(statement)
    if sets is None:
        return statement
    options = sets["options"].split(", ")
    known = [option for option in options if option.partition("=")[0] in COLUMN_OPTIONS]
    return f"{sets['alter']} SET ({', '.join(known)});\n" if known else ""


def _says_something(sql: str) -> bool:
    return bool(blanked(sql, keep={"literal", "name"}).strip())
