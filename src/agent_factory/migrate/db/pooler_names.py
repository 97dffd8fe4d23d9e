"""Poolers that are known by their addresses, and what they pool."""

from agent_factory.url import DatabaseURL


def direct_address(url: DatabaseURL) -> str | None:
    """Return the direct address of a URL whose name says that it is a transaction pooler, else None.

    Supabase pools transactions on port 6543, and sessions on 5432 of the same host; Neon pools transactions
    on host names with ``-pooler`` (their documentation).
    """
    host = url.host or ""
    if "-pooler." in host and host.endswith(".neon.tech"):
        return f"{host.replace('-pooler.', '.')}:{url.port or 5432}"
    if url.port == 6543 and host.endswith((".supabase.com", ".supabase.co")):
        return f"{host}:5432"
    return None


def pools_sessions(url: DatabaseURL) -> bool:
    """Say whether the URL's name says that it is a pooler of sessions: Supabase's (its documentation)."""
    return (url.host or "").endswith(".pooler.supabase.com") and url.port in (None, 5432)
