"""invalid-index-left: an index that is built CONCURRENTLY stays INVALID when the build fails."""

from collections.abc import Iterator

from agent_factory.migrate.db import indexes
from agent_factory.migrate.db.sql import bare
from agent_factory.migrate.review.hazards.evidence import CountKind, Evidence, RehearsedStatement, queries_of
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.review.hazards.safe_forms import MigrationStep, SafeRewrite


def _in_statement(statement: RehearsedStatement, evidence: Evidence) -> Iterator[Hazard]:
    """Find an INVALID index that prevents a build, and one that a build would leave."""
    index = indexes.built_by(statement.traced.sql)
    if index is None:
        return
    drop = MigrationStep(sql=f"DROP INDEX CONCURRENTLY IF EXISTS {index}", autocommit=True)
    remedy = SafeRewrite(intro="drop the INVALID index, then build it again", revisions=((drop,),)).text
    if bare(index) in evidence.counted.invalid_indexes:
        table = next((effect.table for effect in statement.traced.effects), None)
        said = f"cannot build {index}: an earlier build has left an INVALID index of this name"
        yield INVALID_INDEX_LEFT.hazard(statement, Severity.HIGH, table, said, remedy)
        return
    for query in queries_of(statement):
        answer = evidence.counted.answer(query.target)
        if query.target.kind is CountKind.DUPLICATES and answer.rows != 0 and not answer.needs_plan:
            fails = "fails" if answer.rows is not None else "fails if there are duplicates"
            said = f"{fails}, and leaves the index {index} INVALID: it slows every write and serves no query"
            yield INVALID_INDEX_LEFT.hazard(statement, Severity.NOTICE, query.target.table, said, remedy)


INVALID_INDEX_LEFT = HazardRule(
    code="invalid-index-left",
    number=9,
    rank=90,
    text="an index that is built CONCURRENTLY stays as INVALID when the build fails",
    high="when an INVALID index of this name is there already",
    remedy="drop it, and build it again once the cause is fixed",
    on_downgrade="after a failure drop it by psql, and run the downgrade again",
    in_statement=_in_statement,
)
