"""One value of each document and of each event: the examples of docs/json.md."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent_factory.migrate.db.health import Counters, Health, SessionCount
from agent_factory.migrate.db.readiness import Room, Standby
from agent_factory.migrate.model import events
from agent_factory.migrate.model.checklist import Checklist, Line, LineName, PreflightResult, Verdict
from agent_factory.migrate.model.diagnosis import DoctorResult, Examined, Group, Setting, WaitResult
from agent_factory.migrate.model.diagnosis import Verdict as Examination
from agent_factory.migrate.model.errors import Outcome, RevisionOutcome, RolledBackError
from agent_factory.migrate.model.events import Warned
from agent_factory.migrate.model.findings import CheckResult, Ignored, finding
from agent_factory.migrate.model.inspected import (
    LastRun,
    RedoResult,
    RenderedSql,
    ShowResult,
    StatusResult,
)
from agent_factory.migrate.model.locks import Blocks
from agent_factory.migrate.model.origin import AppliedBy
from agent_factory.migrate.model.plan import Direction, Plan, Revision
from agent_factory.migrate.model.results import (
    AppliedRevision,
    CurrentHead,
    CurrentResult,
    HistoryEntry,
    HistoryResult,
    OtherStatements,
    RunResult,
)
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.model.watched import RunWatched, WatchResult
from agent_factory.migrate.model.written import (
    AdoptResult,
    CreateResult,
    EnvironmentResult,
    MergeResult,
    ObjectDiffers,
    RebasedFile,
    RebaseResult,
    SchemaResult,
    StopResult,
)
from agent_factory.migrate.review.build import (
    PlanResult,
    Review,
    ReviewedRevision,
    ReviewedStatement,
    TouchedTable,
)
from agent_factory.migrate.review.forecast import Estimate
from agent_factory.migrate.review.hazards import Hazard, Severity

DATABASE = "postgresql://deploy@db.example.com:5432/shop"
VERSIONS = Path("/app/alembic/versions")
AT = datetime(2026, 10, 25, 9, 12, tzinfo=UTC)

FIRST = Revision(
    id="001",
    message="initial",
    path=VERSIONS / "001_initial.py",
    parents=(),
    branch_labels=(),
    is_head=False,
)
SECOND = replace(
    FIRST,
    id="002",
    message="add nickname",
    path=VERSIONS / "002_add_nickname.py",
    parents=("001",),
    is_head=True,
)
BEFORE = (CurrentHead(revision="001", is_head=False, known=True),)
AFTER = (CurrentHead(revision="002", is_head=True, known=True),)
BY = AppliedBy(
    os_user="ada",
    host="deploy-1",
    git_commit="4c2f0e8a51d94f7c8a8f2b0f3a1d9e7c6b5a4f3e",
    git_dirty=False,
    ci_url=None,
    af_db_version="0.4.0",
    alembic_version="1.20.0",
    arguments=(),
    checklist=("backup: said: 02:10",),
    at=AT,
    db_role="deploy",
    duration_s=0.12,
)
ENTRY = HistoryEntry(
    revision=FIRST,
    is_applied=True,
    is_current=True,
    by=BY,
    is_outside=False,
    is_edited=False,
    difference=None,
)
UP = Plan(direction=Direction.UPGRADE, target="head", before=("001",), after=("002",), steps=(SECOND,))
DOWN = Plan(direction=Direction.DOWNGRADE, target="-1", before=("002",), after=("001",), steps=(SECOND,))
APPLIED = AppliedRevision(revision="002", message="add nickname", seconds=0.12)
CHECKLIST = Checklist(
    lines=(
        Line(name=LineName.BACKUP, verdict=Verdict.SAID, evidence="02:10"),
        Line(
            name=LineName.STAGING,
            verdict=Verdict.NOT_KNOWN,
            evidence="STAGING_DATABASE_URL is not set",
            next_step="export STAGING_DATABASE_URL=postgresql://user:password@host/dbname",
        ),
    ),
    is_full=False,
)
RUN = RunResult(
    database=DATABASE,
    plan=UP,
    before=BEFORE,
    after=AFTER,
    applied=(APPLIED,),
    checklist=CHECKLIST,
    watched=RunWatched(
        seconds=60.0,
        rollbacks_before=0.2,
        rollbacks_after=14.0,
        rose_at=AT,
        waiting=(),
        slower=None,
        undo="af-db prod downgrade 001",
    ),
)
SESSION = Session(
    pid=4711,
    user="app",
    host="10.0.0.7",
    application="web",
    state="idle in transaction",
    since=AT,
    transaction_age_s=12.5,
    query="SELECT * FROM users",
)
STATEMENT = ReviewedStatement(
    number=1,
    sql="ALTER TABLE users ADD COLUMN nickname TEXT",
    times=1,
    transactional=True,
    tables=(
        TouchedTable(
            name="public.users",
            lock="ACCESS EXCLUSIVE",
            blocks=Blocks.READS_AND_WRITES,
            rewrites=False,
            scans=False,
            is_new=False,
            held_since=None,
            rows=2_000_000,
            bytes=310_000_000,
        ),
    ),
    holding=(),
    blocks=Blocks.READS_AND_WRITES,
    estimate=Estimate(seconds=0.01, how="a change to the catalog"),
    undo="until its revision is committed, a rollback undoes it",
)
REVIEW = Review(
    plan=UP,
    revisions=(
        ReviewedRevision(revision=SECOND, transactional=True, statements=(STATEMENT,), undo="downgrade 001"),
    ),
    hazards=(
        Hazard(
            code="irreversible",
            severity=Severity.NOTICE,
            revision="002",
            statement=None,
            table=None,
            message="downgrade() does nothing in 002_add_nickname.py: af-db cannot undo the revision",
            remedy="write downgrade(), or have it raise and say why there is no downgrade",
        ),
    ),
    rehearsed_on="PostgreSQL 18",
    schema_from="a copy of the database's own",
    notes=(),
)
FOUND = finding(
    "edited-revision",
    "001_initial.py (001) changed after it was applied",
    file=FIRST.path,
    details=("expected  sha256 0f1e2d3c4b5a", "found     sha256 a5b4c3d2e1f0"),
    remedy="af-db prod history --diff",
)

RESULTS: dict[type, Any] = {
    CurrentResult: CurrentResult(
        database=DATABASE, current=AFTER, heads=("002",), at_head=True, check_heads=False
    ),
    HistoryResult: HistoryResult(database=DATABASE, entries=(ENTRY,), heads=("002",), unknown=()),
    StatusResult: StatusResult(
        database=DATABASE,
        environment="production",
        current=BEFORE,
        heads=("002",),
        pending=(SECOND,),
        has_journal=True,
        edited=(),
        unfinished=(),
        last=LastRun(revision="001", direction=Direction.UPGRADE, by=BY),
        next_step="see what it does: af-db prod plan",
    ),
    ShowResult: ShowResult(
        database=DATABASE,
        entry=ENTRY,
        text="initial",
        upgrade=RenderedSql(statements=("CREATE TABLE users (id BIGINT)",)),
        downgrade=RenderedSql(statements=("DROP TABLE users",)),
    ),
    PlanResult: PlanResult(database=DATABASE, before=BEFORE, review=REVIEW, allow="", saved=None),
    PreflightResult: PreflightResult(
        database=DATABASE, before=("001",), after=("002",), revisions=("002",), checklist=CHECKLIST
    ),
    RunResult: RUN,
    RedoResult: RedoResult(
        revision="002",
        down=RunResult(database=DATABASE, plan=DOWN, before=AFTER, after=BEFORE, applied=(APPLIED,)),
        up=replace(RUN, applied=(replace(APPLIED, other_statements=OtherStatements(sent=2, rehearsed=1)),)),
    ),
    CreateResult: CreateResult(revision=SECOND, path=SECOND.path, notes=(), remarks=()),
    MergeResult: MergeResult(revision=SECOND, path=SECOND.path, heads=("003", "004")),
    RebaseResult: RebaseResult(
        against="origin/main",
        heads=("002",),
        files=(
            RebasedFile(
                message="add tags",
                id_before="002",
                id="003",
                parents_before=("001",),
                parents=("002",),
                path_before=VERSIONS / "002_add_tags.py",
                path=VERSIONS / "003_add_tags.py",
            ),
        ),
        written=True,
        notes=(),
    ),
    EnvironmentResult: EnvironmentResult(database=DATABASE, before="production", name="production"),
    SchemaResult: SchemaResult(database=DATABASE, sql="CREATE TABLE users (id bigint);\n", path=None),
    AdoptResult: AdoptResult(
        database=DATABASE,
        version_table="public.alembic_version",
        before=(),
        at=("001",),
        differences=(
            ObjectDiffers(
                kind="index",
                name="public.ix_users_email",
                expected="CREATE INDEX ix_users_email ON public.users (email)",
                found=None,
                remedy="CREATE INDEX ix_users_email ON public.users (email)",
            ),
        ),
        compared=2,
        written=False,
    ),
    DoctorResult: DoctorResult(
        database=DATABASE,
        settings=(Setting(name="DATABASE_URL", value=DATABASE, source="the environment"),),
        versions=(Setting(name="Alembic", value="1.20.1"),),
        examined=(
            Examined(
                group=Group.CONNECTION,
                name="TCP",
                verdict=Examination.FAILED,
                what="nothing listens at db.example.com:5432",
                code="connection-refused",
                next_steps=("pg_isready -h db.example.com -p 5432",),
            ),
        ),
    ),
    WaitResult: WaitResult(
        database=DATABASE, seconds=3.2, tries=4, at_head=True, current=AFTER, heads=("002",)
    ),
    WatchResult: WatchResult(database=DATABASE, seconds=60.0, looks=60),
    StopResult: StopResult(
        database=DATABASE,
        stopped=Session(
            pid=4711,
            user="deploy",
            host="10.0.0.7",
            application="af-db/0.4.0/1f3c9a2b",
            state="active",
            since=AT,
            transaction_age_s=12.5,
            query="CREATE INDEX ix_users_email ON users (email)",
        ),
        current=(CurrentHead(revision="001", is_head=False, known=True),),
        seconds=0.4,
    ),
    CheckResult: CheckResult(
        what="the database",
        findings=(FOUND,),
        ignored=(Ignored(finding=FOUND, reason="a comment was corrected"),),
        looked_at=("the journal",),
        skipped=(),
    ),
}

ERROR = RolledBackError(
    "no-such-column",
    'revision 002 failed: there is no column of that name (column "nick" does not exist)\n'
    "at 002_add_nickname.py, line 12: op.execute(\"UPDATE users SET nick = ''\")",
    state="rolled back; at 001",
    next_steps=(
        "correct alembic/versions/002_add_nickname.py, line 12",
        "then: af-db prod upgrade head --yes",
    ),
    revisions=(RevisionOutcome(revision="002", outcome=Outcome.NOT_APPLIED),),
)

EVENTS: dict[type, Any] = {
    events.RunStarted: events.RunStarted(run_id="8f14e45f-ceea-467f-a9d2-7c1f2d0b6a11", pid=4242),
    events.WaitingForRun: events.WaitingForRun(holder=SESSION, waited_s=1.0),
    events.RevisionStarted: events.RevisionStarted(revision=SECOND, number=1, total=1),
    events.StatementStarted: events.StatementStarted(revision="002", sql=STATEMENT.sql),
    events.LockWait: events.LockWait(blockers=(SESSION,), waited_s=0.4),
    events.Retrying: events.Retrying(
        revision="002", attempt=2, pause_s=0.7, cause="a lock was not granted in time"
    ),
    events.Progress: events.Progress(phase="building index", percent=42.0),
    events.RevisionApplied: events.RevisionApplied(revision=SECOND, number=1, total=1, seconds=0.12),
    events.Warned: Warned(code="superuser", message="postgres is a superuser"),
    events.ServerNotice: events.ServerNotice(
        revision="002", severity="NOTICE", message='table "old_users" does not exist, skipping'
    ),
    Health: Health(
        at_s=1_792_919_520.0,
        sees_all=True,
        sessions=(SessionCount(state="idle", count=12),),
        runs=(),
        longest=(SESSION,),
        waits=(),
        progress=(),
        counters=Counters(at_s=1_792_919_520.0, commits=80_000, rollbacks=120, deadlocks=0),
        room=Room(
            connections_left=84,
            xid_age=190_000_000,
            standbys=(Standby(name="replica", lag_s=0.1, lag_bytes=16_384),),
            slots=(),
        ),
    ),
}
