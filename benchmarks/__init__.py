"""Measurements against plain Alembic, side by side: ``python -m benchmarks.apply``, ``benchmarks.stall``."""
