"""An Alembic project. Only this package imports Alembic.

It works on any project whose ``env.py`` takes the shared connection
(``config.attributes["connection"]``), and asks nothing else of it.
"""

from agent_factory.migrate.project.commands import create, create_empty, merge, read_current, run
from agent_factory.migrate.project.environment import Hooks
from agent_factory.migrate.project.history import (
    Project,
    ancestors,
    applied_revisions,
    find_config,
    is_known,
    open_project,
    plan,
    require_known,
    revisions,
    several_heads,
)

__all__ = [
    "Hooks",
    "Project",
    "ancestors",
    "applied_revisions",
    "create",
    "create_empty",
    "find_config",
    "is_known",
    "merge",
    "open_project",
    "plan",
    "read_current",
    "require_known",
    "revisions",
    "run",
    "several_heads",
]
