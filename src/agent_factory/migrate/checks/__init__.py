"""The checks: one module per question."""
