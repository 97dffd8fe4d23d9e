"""A revision to run, made by hand."""

from pathlib import Path

from agent_factory.migrate.engine.running_revision import RunningRevision
from agent_factory.migrate.model.plan import Revision


def running(id_: str = "002") -> RunningRevision:
    revision = Revision(
        id=id_, message=id_, path=Path(f"{id_}.py"), parents=(), branch_labels=(), is_head=False
    )
    return RunningRevision(revision=revision)
