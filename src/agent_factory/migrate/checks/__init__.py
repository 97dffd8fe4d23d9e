"""What the checks look at: one module per question."""
