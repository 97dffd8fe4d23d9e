"""Faults, made for real: the installed command in a process of its own, and what it leaves behind."""
