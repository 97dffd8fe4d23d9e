"""Agent Factory: its database, and ``af-db``, the command that migrates it."""
