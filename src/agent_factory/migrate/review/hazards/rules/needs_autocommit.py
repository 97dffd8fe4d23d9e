"""needs-autocommit: a statement that cannot run in a transaction, in one, or beside other statements."""

from collections.abc import Iterator

from agent_factory.migrate.rehearsal.trace import TracedStatement
from agent_factory.migrate.review.hazards.evidence import Evidence, RehearsedStatement
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import MigrationStep, SafeRewrite

_REFUSED_IN_TRANSACTION = frozenset({"25001", "2D000"})
_NEW_VALUE_USED = "55P04"
_ON_ROWS = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "SELECT"})
_SHOWN_CHARACTERS = 80


def find_refused(revision: str, sql: str, sqlstate: str | None) -> Hazard | None:
    """Return the hazard of a statement that failed with this SQLSTATE because it was in a transaction.

    None for another failure.
    """
    if sqlstate in _REFUSED_IN_TRANSACTION:
        step = MigrationStep(sql=sql.strip().rstrip(";"), autocommit=True)
        remedy = SafeRewrite(intro="put it alone into a revision", revisions=((step,),)).text
        message = f"PostgreSQL does not run this in a transaction: {_short(sql)}"
    elif sqlstate == _NEW_VALUE_USED:
        remedy = "put ALTER TYPE ... ADD VALUE into a revision of its own, before this one"
        message = f"this uses a value of an enum that its own transaction has added: {_short(sql)}"
    else:
        return None
    return Hazard(
        code=NEEDS_AUTOCOMMIT.code,
        severity=Severity.HIGH,
        revision=revision,
        statement=None,
        table=None,
        message=message,
        remedy=remedy,
    )


def _in_statement(statement: RehearsedStatement, _evidence: Evidence) -> Iterator[Hazard]:
    """Find the first statement of a revision that is outside of a transaction, where there are others."""
    statements = statement.rehearsed.statements
    earlier, others = statements[: statement.number - 1], len(statements) - 1
    if others and _is_outside(statement.traced) and not any(map(_is_outside, earlier)):
        said = (
            f"runs outside of a transaction and the revision has {others} more: when one of them fails, those"
            f" before it stay committed ({_short(statement.traced.sql)})"
        )
        yield NEEDS_AUTOCOMMIT.hazard(statement, Severity.NOTICE, None, said)


def _is_outside(statement: TracedStatement) -> bool:
    """Whether it commits by itself. Rows that are changed in batches do, and belong together."""
    return not statement.transactional and statement.command not in _ON_ROWS


def _short(sql: str) -> str:
    text = " ".join(sql.split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


NEEDS_AUTOCOMMIT = HazardRule(
    code="needs-autocommit",
    number=8,
    rank=80,
    text="a statement that cannot run in a transaction is in one, or beside other statements",
    high="when PostgreSQL refuses it",
    remedy="put it alone into a revision of its own, in op.get_context().autocommit_block()",
    on_downgrade="go back to the revision before it first, and on by a command of its own",
    in_statement=_in_statement,
)
