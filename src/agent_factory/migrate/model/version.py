"""Which af-db this is, and which servers it has met."""

import functools

_servers: dict[str, None] = {}


@functools.cache
def af_db_version() -> str:
    """Return the version of af-db."""
    from importlib.metadata import version  # 20 ms, and most commands do not ask

    return version("agent-factory")


@functools.cache
def alembic_version() -> str:
    """Return the version of Alembic."""
    from importlib.metadata import version

    return version("alembic")


def describe_version() -> str:
    """Return what ``--version`` prints."""
    return f"af-db {af_db_version()}"


def note_server(name: str) -> None:
    """Remember the name and the version of a server that this process is connected to, for a bug's report."""
    _servers[name] = None


def servers_met() -> tuple[str, ...]:
    """Return what ``note_server`` was given, each once: production's and a rehearsal's may differ."""
    return tuple(_servers)
