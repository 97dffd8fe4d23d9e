"""Which af-db this is."""


def af_db_version() -> str:
    """Return the version of af-db."""
    from importlib.metadata import version  # 20 ms, and most commands do not ask

    return version("agent-factory")


def describe_version() -> str:
    """Return what ``--version`` prints."""
    return f"af-db {af_db_version()}"
