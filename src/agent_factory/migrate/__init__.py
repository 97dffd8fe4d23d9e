"""``af-db``: Alembic migrations as a runbook that executes itself, for any Alembic project."""
