"""What a CREATE TABLE statement says that SQLite's pragmas do not: names, checks, collations, expressions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agent_factory.migrate.catalog.sqlite.words import spelled, words

_CONSTRAINT_WORDS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN")
_COLUMN_WORDS = (*_CONSTRAINT_WORDS, "NOT", "NULL", "DEFAULT", "COLLATE", "REFERENCES", "GENERATED", "AS")

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableConstraint:
    """A constraint as a table constraint, wherever it was written; ``name`` None when it has none."""

    name: str | None
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnWords:
    """What a statement says of a column besides its default; ``type`` as it is written, empty without one.

    ``expression`` is what a generated column is computed by.
    """

    type: str = ""
    expression: str | None = None
    collation: str | None = None
    generated: str | None = None
    not_null_conflict: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWords:
    """``options`` are WITHOUT ROWID and STRICT; ``columns`` are by name as it is among the words."""

    options: tuple[str, ...] = ()
    columns: dict[str, ColumnWords] = field(default_factory=dict)
    constraints: tuple[TableConstraint, ...] = ()


def parse_table(statement: str) -> TableWords:
    """Read a CREATE TABLE statement that SQLite has accepted."""
    all_words = words(statement)
    start = all_words.index("(")
    end = closing(all_words, start)
    columns: dict[str, ColumnWords] = {}
    constraints: list[TableConstraint] = []
    for part in _split(all_words[start + 1 : end]):
        if part[0] in _CONSTRAINT_WORDS:
            constraints += _table_constraints(part)
        else:
            columns[part[0]], own = _column(part)
            constraints += own
    options = tuple(spelled(option) for option in _split(all_words[end + 1 :]) if option)
    return TableWords(options=options, columns=columns, constraints=tuple(constraints))


def closing(some: Sequence[str], start: int) -> int:
    """Return the place of the parenthesis that closes the one at ``start``."""
    depth = 0
    for place in range(start, len(some)):
        depth += {"(": 1, ")": -1}.get(some[place], 0)
        if depth == 0:
            return place
    return len(some)


def unwrapped(some: Words) -> Words:
    """Return an expression without the parentheses that some spellings of it have around the whole."""
    while some[:1] == ("(",) and closing(some, 0) == len(some) - 1:
        some = some[1:-1]
    return some


def _split(some: Words) -> Iterator[Words]:
    """The parts between commas that are in no parentheses."""
    part: list[str] = []
    depth = 0
    for word in some:
        depth += {"(": 1, ")": -1}.get(word, 0)
        if word == "," and depth == 0:
            yield tuple(part)
            part = []
        else:
            part.append(word)
    if part:
        yield tuple(part)


class _Reader:
    """The words of one part, read from the left."""

    def __init__(self, some: Words) -> None:
        self._words = some
        self._place = 0

    @property
    def next(self) -> str:
        return self._words[self._place] if self._place < len(self._words) else ""

    def take(self) -> str:
        word = self.next
        self._place += 1
        return word

    def takes(self, *expected: str) -> bool:
        if self._words[self._place : self._place + len(expected)] != expected:
            return False
        self._place += len(expected)
        return True

    def group(self) -> str:
        """A parenthesis with all that is in it, as text."""
        end = closing(self._words, self._place)
        text = spelled(self._words[self._place : end + 1])
        self._place = end + 1
        return text

    def expression(self) -> str:
        """An expression that stands in parentheses, with one pair of these, as text."""
        end = closing(self._words, self._place)
        text = f"({spelled(unwrapped(self._words[self._place : end + 1]))})"
        self._place = end + 1
        return text

    def conflict(self) -> str:
        return f" ON CONFLICT {self.take()}" if self.takes("ON", "CONFLICT") else ""


def _table_constraints(part: Words) -> Iterator[TableConstraint]:
    """The constraints of a part: SQLite lets the comma between two of them go."""
    reader = _Reader(part)
    while reader.next:
        name = reader.take() if reader.takes("CONSTRAINT") else None
        if reader.takes("PRIMARY", "KEY"):
            definition = f"PRIMARY KEY {reader.group()}{reader.conflict()}"
        elif reader.takes("UNIQUE"):
            definition = f"UNIQUE {reader.group()}{reader.conflict()}"
        elif reader.takes("CHECK"):
            definition = f"CHECK {reader.expression()}{reader.conflict()}"
        elif reader.takes("FOREIGN", "KEY"):
            columns = reader.group()
            reader.takes("REFERENCES")
            definition = f"FOREIGN KEY {columns} {_reference(reader)}"
        else:
            reader.take()
            continue
        yield TableConstraint(name=name, definition=definition)


def _reference(reader: _Reader) -> str:
    """What follows REFERENCES, in one order, without what is so by default."""
    text = f"REFERENCES {reader.take()}"
    if reader.next == "(":
        text += f" {reader.group()}"
    actions = {"DELETE": "", "UPDATE": ""}
    deferred = ""
    while True:
        if reader.next == "ON" and reader.takes("ON"):
            event = reader.take()
            action = reader.take()
            if action in ("SET", "NO"):
                action += f" {reader.take()}"
            actions[event] = action
        elif reader.takes("MATCH"):
            reader.take()  # SQLite parses MATCH and does nothing about it
        elif reader.takes("NOT", "DEFERRABLE") or reader.takes("DEFERRABLE"):
            if reader.takes("INITIALLY", "DEFERRED"):
                deferred = " DEFERRABLE INITIALLY DEFERRED"
            else:
                reader.takes("INITIALLY", "IMMEDIATE")
        else:
            break
    for event, action in actions.items():
        if action not in ("", "NO ACTION"):
            text += f" ON {event} {action}"
    return text + deferred


def _column(part: Words) -> tuple[ColumnWords, list[TableConstraint]]:
    """What a statement says of a column, and its constraints as constraints of the table."""
    reader = _Reader(part)
    name = reader.take()
    of_type: list[str] = []
    while reader.next and reader.next not in _COLUMN_WORDS:
        of_type.append(reader.group() if reader.next == "(" else reader.take())
    collation = generated = expression = None
    not_null_conflict = ""
    constraints = []
    constraint: str | None = None
    while reader.next:
        definition = None
        if reader.takes("CONSTRAINT"):
            constraint = reader.take()
            continue
        if reader.takes("PRIMARY", "KEY"):
            order = f" {reader.take()}" if reader.next in ("ASC", "DESC") else ""
            definition = f"PRIMARY KEY ({name}{order}){reader.conflict()}"
            definition += " AUTOINCREMENT" if reader.takes("AUTOINCREMENT") else ""
        elif reader.takes("UNIQUE"):
            definition = f"UNIQUE ({name}){reader.conflict()}"
        elif reader.takes("CHECK"):
            definition = f"CHECK {reader.expression()}{reader.conflict()}"
        elif reader.takes("REFERENCES"):
            definition = f"FOREIGN KEY ({name}) {_reference(reader)}"
        elif reader.takes("NOT", "NULL"):
            not_null_conflict = reader.conflict()
        elif reader.takes("COLLATE"):
            collation = reader.take()
        elif reader.takes("DEFAULT"):
            _pass_default(reader)
        elif reader.takes("GENERATED", "ALWAYS", "AS") or reader.takes("AS"):
            expression = reader.expression()
            generated = f"GENERATED ALWAYS AS {expression} "
            stored = reader.takes("STORED")
            generated += "STORED" if stored else "VIRTUAL"
            reader.takes("VIRTUAL")
        else:
            reader.take()
            continue
        if definition is not None:
            constraints.append(TableConstraint(name=constraint, definition=definition))
        constraint = None
    return (
        ColumnWords(
            type=spelled(of_type).replace(" (", "("),
            expression=expression,
            collation=collation,
            generated=generated,
            not_null_conflict=not_null_conflict,
        ),
        constraints,
    )


def _pass_default(reader: _Reader) -> None:
    """Go past a default, which a pragma has: a literal, a sign and a number, or an expression."""
    if reader.next == "(":
        reader.group()
        return
    if reader.take() in ("+", "-"):
        reader.take()
