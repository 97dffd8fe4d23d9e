"""Revision files, read without running them: no database, no Alembic."""
