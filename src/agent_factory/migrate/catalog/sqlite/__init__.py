"""SQLite's catalog: the statements that it keeps, and its pragmas."""
