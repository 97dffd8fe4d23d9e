"""Which history of a database is meant: the table that says where it is."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTable:
    """What identifies a history: the version table that env.py names, as the database resolves that name.

    ``schema`` is the real one, whatever search_path said; None on SQLite, and where the table is not there
    yet and no schema is selected to make it in. A database may have several: of two services, or one for
    each tenant's schema. The journal's rows and the run lock belong to one of them.
    """

    schema: str | None
    name: str

    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a database is in one history: the rows of its version table, sorted; none without the table."""

    table: VersionTable
    rows: tuple[str, ...]
