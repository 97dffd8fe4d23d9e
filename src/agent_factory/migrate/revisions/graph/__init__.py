"""The revisions of a project and how they follow each other, without Alembic and without running a file."""

from agent_factory.migrate.revisions.graph.declared import Declared, read_declared
from agent_factory.migrate.revisions.graph.graph import Graph, build_graph

__all__ = ["Declared", "Graph", "build_graph", "read_declared"]
