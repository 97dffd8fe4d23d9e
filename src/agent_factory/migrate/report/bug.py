"""What follows the traceback of a bug: the versions that a report of it needs, and where it goes."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, version

from agent_factory.migrate.model.version import servers_met

_AF_DB = "agent-factory"
_LIBRARIES = {
    "Alembic": ("alembic",),
    "SQLAlchemy": ("sqlalchemy",),
    "psycopg2": ("psycopg2-binary", "psycopg2"),
}


def render_report() -> str:
    """Return the lines behind a traceback. They name no database, no user and no path, and hold no secret.

    Nothing is imported that the bug may lie in.
    """
    versions = [f"af-db {_version(_AF_DB)}", f"Python {platform.python_version()}"]
    versions += [f"{name} {_version(*packages)}" for name, packages in _LIBRARIES.items()]
    return "\n".join(
        (
            "this is a bug in af-db; the traceback above says where",
            f"  versions  {', '.join([*versions, *servers_met()])}",
            f"  platform  {platform.platform()}",
            f"  next      report it with all of this: {_address()}",
        )
    )


def _version(*packages: str) -> str:
    """The version of the first of these packages that is installed."""
    for package in packages:
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return "of unknown version"


def _address() -> str:
    """Where issues of the project go: its own metadata say it, or the page for people who contribute."""
    return next(_issue_pages(), "CONTRIBUTING.md in the source of af-db says where")


def _issue_pages() -> Iterator[str]:
    try:
        urls = metadata(_AF_DB).get_all("Project-URL") or []
    except PackageNotFoundError:
        return
    for entry in urls:
        label, _, address = entry.partition(",")
        if label.strip().lower() in ("issues", "bug tracker", "bugs"):
            yield address.strip()
