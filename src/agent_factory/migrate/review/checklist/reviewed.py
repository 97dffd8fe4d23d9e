"""Who has reviewed what is to run: a saved plan, the commits of the files, who has approved them."""

from agent_factory.migrate.model.checklist import LineName, Verdict
from agent_factory.migrate.review.checklist.evidence import Answer, Evidence


def answer(evidence: Evidence) -> Answer:
    if evidence.saved_at is not None:
        approved = f", approved by {evidence.approved_by}" if evidence.approved_by else ""
        at = f"{evidence.saved_at:%Y-%m-%d %H:%M}"
        return Answer(
            verdict=Verdict.PASS, evidence=f"runs the plan saved at {at}, and nothing else{approved}"
        )
    files = _files(evidence)
    if evidence.approved_by:
        return Answer(
            verdict=Verdict.SAID, evidence=f"approved by {evidence.approved_by}{files and '; '}{files}"
        )
    if said := evidence.notes.get(LineName.REVIEWED):
        return Answer(verdict=Verdict.SAID, evidence=f"{said}{files and '; '}{files}")
    uncommitted = [
        name for name, commit in (evidence.commits or {}).items() if commit is None or commit.is_changed
    ]
    step = "save the plan, have it read, and run that: " + evidence.target.command("plan --out plan.json")
    if uncommitted:
        return Answer(
            verdict=Verdict.WARN,
            evidence=f"not as committed: {', '.join(uncommitted)}; nobody else can have read that",
            next_step="commit what runs",
        )
    return Answer(
        verdict=Verdict.NOT_KNOWN,
        evidence=files or "who has read the revisions is not known",
        next_step=step,
    )


def _files(evidence: Evidence) -> str:
    found = [
        f"{name} is of commit {commit.id} by {commit.author}, {commit.date}"
        for name, commit in (evidence.commits or {}).items()
        if commit is not None and not commit.is_changed
    ]
    if len(found) > 2:
        found = [*found[:2], f"and {len(found) - 2} more"]
    return ", ".join(found)
