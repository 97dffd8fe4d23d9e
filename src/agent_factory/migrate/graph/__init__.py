"""The revisions of a project and how they follow each other, without Alembic and without running a file."""

from agent_factory.migrate.graph.cache import Stamp, read_cache, stamp_of, write_cache
from agent_factory.migrate.graph.declared import Declared, read_declared
from agent_factory.migrate.graph.graph import Graph, build_graph
from agent_factory.migrate.graph.listing import list_revision_files

__all__ = [
    "Declared",
    "Graph",
    "Stamp",
    "build_graph",
    "list_revision_files",
    "read_cache",
    "read_declared",
    "stamp_of",
    "write_cache",
]
