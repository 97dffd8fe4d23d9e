"""SQLite's catalog: the statements that it keeps, and its pragmas."""

from agent_factory.migrate.catalog.sqlite.read import read_sqlite

__all__ = ["read_sqlite"]
