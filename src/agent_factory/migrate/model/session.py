"""Another session of the database's server."""

from dataclasses import dataclass
from datetime import datetime

from agent_factory.migrate.model.durations import show_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Another session of the server, as far as this role may see it."""

    pid: int
    user: str | None
    host: str | None
    application: str | None
    state: str | None
    since: datetime | None
    transaction_age_s: float | None
    query: str | None

    def __str__(self) -> str:
        who = f"pid {self.pid}, user {self.user}, host {self.host}, application {self.application or '-'}"
        age = self.transaction_age_s
        doing = str(self.state) + (f", transaction open for {show_duration(age)}" if age is not None else "")
        return f"{who}, {doing}" + (f": {' '.join(self.query.split())}" if self.query else "")
