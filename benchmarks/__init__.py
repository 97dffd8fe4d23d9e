"""Measurements beside plain Alembic and other tools: ``python -m benchmarks``."""
