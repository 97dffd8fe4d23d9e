"""``af-db prod check`` and ``af-db local check``."""
