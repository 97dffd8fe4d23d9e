"""Real projects from PyPI, run with plain Alembic and with af-db: ``make compat``."""
