"""How a run behaves: the limits and the consents that the command line and the settings give."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Limits in seconds, and what was allowed by name.

    ``session_pooler`` says that the pooler before the server keeps one session for a connection.

    ``lock_timeout_s`` is the first try's; each further try waits longer, up to ``lock_timeout_max_s``. Short
    ones keep the application going: whoever queues behind our lock request waits no longer than it lives
    (measured: 201 ms worst stall instead of 3,975 ms). ``retry_for_s`` bounds all tries of one revision.
    """

    lock_wait_s: float = 60.0
    retry_for_s: float = 300.0
    lock_timeout_s: float = 0.2
    lock_timeout_max_s: float = 1.0
    statement_timeout_s: float = 3600.0
    allow_pooler: bool = False
    session_pooler: bool = False
    accept_edited: tuple[str, ...] = ()
    resume: tuple[str, ...] = ()
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsalOptions:
    """Whether a plan is rehearsed first, where, and which hazards were allowed by name.

    ``required`` turns a rehearsal that cannot be had into a refusal; ``scratch_url`` is a server to make the
    throwaway database on, instead of one that is started here. ``timeout_s`` is how long the revisions may
    take there.
    """

    wanted: bool = True
    required: bool = False
    scratch_url: str | None = None
    timeout_s: float = 600.0
    allow: tuple[str, ...] = ()
