"""An Alembic project. Only this package imports Alembic.

It works on any project whose ``env.py`` takes the shared connection (``config.attributes["connection"]``), or
makes an engine for the same database, which borrows it.
"""

from agent_factory.migrate.project.baseline import (
    Baseline,
    BaselineFailedError,
    apply_baseline,
    apply_needed_baseline,
    find_baseline,
    find_needed_baseline,
)
from agent_factory.migrate.project.commands import (
    create,
    create_empty,
    merge,
    prepare,
    read_current,
    read_position,
    read_position_and_manner,
    run,
    stamp,
)
from agent_factory.migrate.project.connections import (
    OwnConnection,
    copied,
    real_run,
    refused_in,
)
from agent_factory.migrate.project.environment import Hooks
from agent_factory.migrate.project.functions import require_functions
from agent_factory.migrate.project.history import (
    Project,
    ancestors,
    applied_revisions,
    env_py,
    find_branches,
    is_known,
    newest,
    plan,
    require_known,
    revisions,
    used_files,
    used_sha256,
    warn_of_bytecode,
)
from agent_factory.migrate.project.lookup import find_revision, named
from agent_factory.migrate.project.models import Models, read_models
from agent_factory.migrate.project.new_revision import place
from agent_factory.migrate.project.offline import render_offline
from agent_factory.migrate.project.opened_files import OutsideFile
from agent_factory.migrate.project.opening import (
    FilesRead,
    HistoryFiles,
    configure,
    files_read,
    open_project,
    read_history_files,
)
from agent_factory.migrate.project.revision_ids import require_recordable
from agent_factory.migrate.project.version_rows import sends_version_row
from agent_factory.migrate.project.version_table import version_table_has_key

__all__ = [
    "Baseline",
    "BaselineFailedError",
    "FilesRead",
    "HistoryFiles",
    "Hooks",
    "Models",
    "OutsideFile",
    "OwnConnection",
    "Project",
    "ancestors",
    "applied_revisions",
    "apply_baseline",
    "apply_needed_baseline",
    "configure",
    "copied",
    "create",
    "create_empty",
    "env_py",
    "files_read",
    "find_baseline",
    "find_branches",
    "find_needed_baseline",
    "find_revision",
    "is_known",
    "merge",
    "named",
    "newest",
    "open_project",
    "place",
    "plan",
    "prepare",
    "read_current",
    "read_history_files",
    "read_models",
    "read_position",
    "read_position_and_manner",
    "real_run",
    "refused_in",
    "render_offline",
    "require_functions",
    "require_known",
    "require_recordable",
    "revisions",
    "run",
    "sends_version_row",
    "stamp",
    "used_files",
    "used_sha256",
    "version_table_has_key",
    "warn_of_bytecode",
]
