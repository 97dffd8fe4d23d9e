"""Results of checks, as reports get them."""

from pathlib import Path

from agent_factory.migrate.model.findings import CheckResult, Ignored, finding

ROOT = Path("/repository")
CONFIG = ROOT / "service" / "alembic.ini"
VERSIONS = ROOT / "service" / "alembic" / "versions"
BEHIND = finding("behind", "the database is at 001, 2 revisions behind", remedy="af-db prod upgrade")
MISSING = finding(
    "drift",
    "index public.ix is missing",
    object="public.ix",
    details=("expected  CREATE INDEX ix ON public.t (a)", "found     none"),
    remedy="CREATE INDEX ix ON public.t (a);\nANALYZE public.t",
)
EDITED = finding(
    "edited-on-branch", "002_b.py is edited", file=VERSIONS / "002_b.py", line=12, details=("1 added",)
)


def sound() -> CheckResult:
    """Nothing was found."""
    return CheckResult(
        what="the history and the models", findings=(), ignored=(), looked_at=("all of it",), skipped=()
    )


def mixed() -> CheckResult:
    """Some of each level, in another order than the report's."""
    return CheckResult(
        what="app@db.example.com:5432/app",
        findings=(
            finding("local-credentials", "url in alembic.ini", file=CONFIG, line=3),
            BEHIND,
            MISSING,
            EDITED,
        ),
        ignored=(
            Ignored(
                finding=finding(
                    "drift", "table public.legacy is made by no migration", object="public.legacy"
                ),
                reason="the old system's",
            ),
        ),
        looked_at=("the journal", "drift: 80 objects"),
        skipped=("target branch: it is not named: --against origin/main",),
    )


def hostile() -> CheckResult:
    """Names and messages that would be commands, markup or lines of their own; and a password."""
    return CheckResult(
        what="x\n::add-mask::y",
        findings=(
            finding(
                "drift",
                "50% of a,b:c\r\n::error::<img src=x> @everyone [x](y) \x1b[2J\u202e | postgresql://u:hush@h/d",
                object="public.`t`",
                file=ROOT / "a,b:c%d é" / "001.py",
                line=1,
                details=("```\n::stop-commands::t\n## no heading",),
                remedy="ALTER ROLE u PASSWORD 'hush'",
            ),
        ),
        ignored=(),
        looked_at=(),
        skipped=("::warning::no", "see ##[add-path]/tmp"),
    )
