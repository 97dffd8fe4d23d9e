"""Which project of Supabase an address belongs to, as its documentation has it; no secret is part of that."""

import re

from agent_factory.url import DatabaseURL

_API = re.compile(r"https?://([a-z0-9]+)\.supabase\.(?:co|in|red)(?::\d+)?(?:/.*)?", re.IGNORECASE)
_DIRECT = re.compile(r"db\.([a-z0-9]+)\.supabase\.(?:co|in|red)", re.IGNORECASE)
_POOLER = ".pooler.supabase.com"


def project_of_api(supabase_url: str) -> str | None:
    """Return the project that SUPABASE_URL names; None for an address that does not say, as with a domain
    of one's own."""
    found = _API.fullmatch(supabase_url.strip())
    return found[1].lower() if found else None


def project_of_database(url: DatabaseURL) -> str | None:
    """Return the project that a database's URL names: its direct host does, and the user at the pooler."""
    host = (url.host or "").rstrip(".")
    if direct := _DIRECT.fullmatch(host):
        return direct[1].lower()
    _role, separator, project = (url.user or "").rpartition(".")
    return project.lower() if separator and host.lower().endswith(_POOLER) else None


def steps_to_ipv4(url: DatabaseURL) -> tuple[str, ...]:
    """Return what to do where a host has only IPv6 addresses, and this machine has none."""
    project = project_of_database(url)
    if project is None:
        return ("take an address of the provider's that has IPv4, such as that of its session pooler",)
    return (
        f"take Supabase's session pooler, which has IPv4: {url.user or 'postgres'}.{project}"
        "@aws-0-REGION.pooler.supabase.com:5432 (in its console: Connect, Session pooler)",
        "or buy the IPv4 address for the project",
    )
