"""What a rehearsal hands over of each revision."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent_factory.migrate.model.plan import Revision
from agent_factory.migrate.project import OutsideFile, OwnConnection
from agent_factory.migrate.rehearsal.trace import TracedRead, TracedStatement


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedRevision:
    """A revision and the statements that it ran. ``transactional``: all of them in its own transaction.

    ``connections`` are those that it opened by itself; what it did there is not among the statements.
    ``reads`` are what it read of the database before it sent something else, ``outside_files`` what it read
    of others' files.
    """

    revision: Revision
    transactional: bool
    statements: tuple[TracedStatement, ...]
    connections: tuple[OwnConnection, ...] = ()
    reads: tuple[TracedRead, ...] = ()
    outside_files: tuple[OutsideFile, ...] = ()


def touched_by(revisions: Iterable[RehearsedRevision]) -> frozenset[str]:
    """Return the tables and types that these revisions lock or change, as the database calls them."""
    touched = set()
    for revision in revisions:
        for statement in revision.statements:
            touched |= {effect.first_name or effect.table for effect in statement.effects}
            touched |= {change.table for change in statement.changes}
    return frozenset(touched)
