"""The revisions of a project and how they follow each other, without Alembic and without running a file."""

from agent_factory.migrate.revisions.graph.declared import Declared, read_declared
from agent_factory.migrate.revisions.graph.graph import Graph, build_graph
from agent_factory.migrate.revisions.graph.labels import own_labels

__all__ = ["Declared", "Graph", "build_graph", "own_labels", "read_declared"]
