"""Connections, and what is asked of a server; what an error means."""
