"""Results, plans and errors as text or JSON. A report formats; it computes nothing."""
