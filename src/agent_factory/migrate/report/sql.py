"""A plan's statements as one SQL text, in the transactions in which af-db runs them."""

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from agent_factory.migrate.db.spelled_secrets import is_masked
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.folding import one_line
from agent_factory.migrate.report.screen import clean
from agent_factory.migrate.review.build import PlanResult, ReviewedRevision, ReviewedStatement
from agent_factory.redaction import MASK

_COPIES = re.compile(r"\s*COPY\b.*\b(?:FROM\s+STDIN|TO\s+STDOUT)\b", re.IGNORECASE | re.DOTALL)


def render_sql(result: PlanResult) -> str:
    """Return the SQL of the plan: to be read, not run instead of it.

    What Alembic writes into its version table, and what a revision does in Python, is not among the
    statements that were seen; the first is shown in comments.
    """
    inexact = _inexact(result)
    result = words.cleaned(result)
    review = result.review
    lines = [_comment(f"Plan: {words.route(review.plan)}")]
    lines += [_comment(f"{name}: {value}") for name, value in words.facts(result)]
    if not review.plan.steps:
        return "\n".join([*lines, _comment("nothing to do")]) + "\n"
    lines.append(_comment(f"{words.amounts(review)}; {words.findings(review)}"))
    lines += [_comment(f"high: {hazard.code}: {words.place(hazard)}") for hazard in review.high]
    lines += [_comment(f"warning: {warning.message}") for warning in result.warnings]
    lines += [_comment(f"note: {note}") for note in review.notes]
    for number, revision in enumerate(review.revisions, start=1):
        lines += ["", *_revision(review.plan, number, revision, inexact)]
    return "\n".join(lines) + "\n"


def refuse_inexact(result: PlanResult) -> None:
    """Raise RefusedError where a statement can only be shown without its secrets or control characters, or a
    revision's statements not at all.

    In a file, or for another program, it would be taken for what runs: a password would be set to asterisks.
    """
    for revision in result.review.revisions:
        if not revision.shown:
            raise RefusedError(
                "sql-not-whole",
                f"the statements of {revision.revision.id} cannot be shown: {revision.why_not}",
                state=UNCHANGED,
                next_steps=("with a rehearsal they are seen; or read the plan as --format text",),
            )
    if without_rows := _places(result, _has_rows_beside):
        raise RefusedError(
            "sql-not-whole",
            f"the rows that COPY sends or fetches are not in its text: {_named(without_rows)}",
            state=UNCHANGED,
            next_steps=("run the revision by af-db; or read the plan as --format text",),
        )
    inexact = _inexact(result)
    if inexact:
        places = _named(inexact)
        raise RefusedError(
            "secrets-in-sql",
            f"the SQL would not be what runs: secrets or control characters stand in {places}",
            state=UNCHANGED,
            next_steps=(
                "read the secret from the environment in the revision, or set it outside of migrations",
                "to read the plan: --format text, markdown or html, or --format sql on a terminal",
            ),
        )


def _revision(
    plan: Plan, number: int, revision: ReviewedRevision, inexact: frozenset[tuple[str, int]]
) -> Iterator[str]:
    step = revision.revision
    yield _comment(f"[{number}/{len(plan.steps)}] {step.id} {step.message}")
    yield _comment(", ".join(words.manner(revision, plan.direction)))
    version = _comment(f"alembic_version: {_version(plan, step)}")
    if not revision.shown:
        yield _comment(f"its statements cannot be shown: {revision.why_not}")
        yield version
        return
    by_transaction = groupby(revision.statements, lambda statement: statement.transactional)
    parts = [(inside, [*part]) for inside, part in by_transaction]
    if not parts or not parts[-1][0]:
        parts.append((True, []))
    for index, (inside, statements) in enumerate(parts):
        body: list[str] = []
        for statement in statements:
            body += ["", *_statement(statement, is_exact=(step.id, statement.number) not in inexact)]
        is_last = index == len(parts) - 1
        if inside:
            yield from ["", "BEGIN;", *body, *(["", version] if is_last else []), "COMMIT;"]
        else:
            yield from body


def _statement(statement: ReviewedStatement, *, is_exact: bool) -> Iterator[str]:
    duration = f", {words.duration(statement.estimate)}" if statement.estimate else ""
    yield _comment(f"statement {statement.number}{duration}")
    if not is_exact:
        yield _comment(f"not as it was executed: secrets ({MASK}) and control characters are left out")
    if statement.times > 1:
        yield _comment(f"it runs {words.counted(statement.times, 'time')}, with other values")
    if _has_rows_beside(statement.sql):
        yield _comment(f"{statement.sql}; its rows are not in this text")
    else:
        yield _terminated(statement.sql)


def _terminated(sql: str) -> str:
    """Return the statement with a semicolon, which must not become part of a comment at its end."""
    text = sql.strip()
    last = text.rpartition("\n")[2]
    if "--" in last:
        return f"{text}\n;"
    return text if text.endswith(";") else f"{text};"


def _version(plan: Plan, step: Revision) -> str:
    """Say which row Alembic's version table has after this step."""
    parents = ", ".join(step.parents)
    if plan.direction is Direction.UPGRADE:
        return f"{step.id} follows {parents}" if parents else f"{step.id} is the first"
    return f"{step.id} is removed, {parents} is back" if parents else f"{step.id} is removed"


def _comment(text: str) -> str:
    return f"-- {one_line(text)}".rstrip()


def _inexact(result: PlanResult) -> frozenset[tuple[str, int]]:
    """Return the statements, by revision and number, of which something is not shown."""
    return _places(result, lambda sql: clean(sql) != sql or is_masked(sql))


def _has_rows_beside(sql: str) -> bool:
    """Say whether the driver sends rows after this text, or takes some: a shell would take the next lines."""
    return _COPIES.match(sql) is not None


def _places(result: PlanResult, is_meant: Callable[[str], bool]) -> frozenset[tuple[str, int]]:
    return frozenset(
        (item.revision.id, statement.number)
        for item in result.review.revisions
        for statement in item.statements
        if is_meant(statement.sql)
    )


def _named(places: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{revision}, statement {number}" for revision, number in sorted(places))
