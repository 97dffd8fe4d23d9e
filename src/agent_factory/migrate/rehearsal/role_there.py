"""A role of production that the server of --scratch-url lacks, or does not let ours switch to."""

import re
from collections.abc import Collection

import psycopg2

from agent_factory.migrate.db.sql import quoted
from agent_factory.migrate.rehearsal.scratch import Scratch

_NAMED = re.compile(r'"(.*)"', re.DOTALL)
_NOT_THERE = frozenset({"22023", "42704"})  # what SET ROLE, and what GRANT and OWNER TO say of a role
_MAY_NOT = "42501"


def why_no_role(error: BaseException, roles: Collection[str], scratch: Scratch) -> str | None:
    """Return what another server has to be given for ``error``, where one of these ``roles`` is its cause.

    On a server of our own they are all there, so there the error is what production would say.
    """
    refused = _server_error(error)
    if refused is None or scratch.is_own:
        return None
    named = _NAMED.search(refused.diag.message_primary or "")
    if named is None or named[1] not in roles:
        return None
    role = quoted(named[1])
    if refused.pgcode in _NOT_THERE:
        return f"the server of --scratch-url has no role {role}: on it, CREATE ROLE {role}"
    if refused.pgcode == _MAY_NOT:
        ours = quoted(scratch.url.user or "")
        return f"the role of --scratch-url may not switch to {role}: on that server, GRANT {role} TO {ours}"
    return None


def _server_error(error: BaseException | None) -> psycopg2.Error | None:
    """Return what the server said, of which the error may have been made."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        for one in (error, getattr(error, "orig", None), getattr(error, "cause", None)):
            if isinstance(one, psycopg2.Error):
                return one
            orig = getattr(one, "orig", None)
            if isinstance(orig, psycopg2.Error):
                return orig
        error = error.__cause__ or error.__context__
    return None
