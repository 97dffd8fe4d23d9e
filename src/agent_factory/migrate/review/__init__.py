"""A plan as a person reviews it: its hazards, its forecast, what it needs consent for, and its file."""
