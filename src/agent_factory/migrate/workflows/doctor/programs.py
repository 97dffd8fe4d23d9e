"""What ``doctor`` says of the programs that some commands start: git, and PostgreSQL's for the rehearsal."""

import shutil
import subprocess
from collections.abc import Iterator

from agent_factory.migrate.model.diagnosis import Examined, Group, Verdict
from agent_factory.migrate.model.target import Environment, Target
from agent_factory.migrate.rehearsal.scratch.installations import (
    EXTRA,
    find_pg_dump,
    local_installations,
    order_for_server,
    wheel_installations,
)
from agent_factory.redaction import environment_without_secrets
from agent_factory.url import MalformedURLError, parse_url

_NEWEST = 18
"""What a server is taken for that was not reached."""
_TIMEOUT_S = 10


def examine_programs(
    target: Target | None, major: int | None, *, rehearses: bool, scratch_url: str | None
) -> Iterator[Examined]:
    """Yield each program that was found, and which commands lack one that was not.

    ``major`` is the version of the server that is to be rehearsed, where it was reached.
    """
    yield _git()
    if target is not None and target.url.backend == "sqlite":
        said = "none is needed: SQLite is rehearsed on a copy of its file"
        yield _of_programs("scratch server", Verdict.OK, said)
        return
    wanted = major or _NEWEST
    yield _scratch_server(target, wanted, rehearses=rehearses, scratch_url=scratch_url)
    found = find_pg_dump(wanted)
    if found is not None:
        is_of_extra = any(found.is_relative_to(one.bin_dir) for one in wheel_installations("pg_dump"))
        yield _of_programs("pg_dump", Verdict.OK, f"that of the extra {EXTRA}" if is_of_extra else str(found))
        return
    others = [*local_installations("pg_dump"), *wheel_installations("pg_dump")]
    older = f" (there is one of {', '.join(sorted({str(one.major) for one in others}))})" if others else ""
    yield _missing(
        "pg_dump",
        target,
        f"there is none for PostgreSQL {wanted}{older}: the copy for the rehearsal, and schema, need it",
        code="no-pg-dump",
        rehearses=rehearses,
    )


def _git() -> Examined:
    path = shutil.which("git")
    if path is None:
        said = "not found: check --against, rebase and the journal's commit need it"
        return _of_programs("git", Verdict.NOTE, said, code="no-git", next_steps=("install git",))
    try:
        finished = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            env=environment_without_secrets(),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return _of_programs("git", Verdict.NOTE, f"{path} does not run", code="no-git")
    return _of_programs("git", Verdict.OK, f"{finished.stdout.strip()}, {path}")


def _scratch_server(
    target: Target | None, wanted: int, *, rehearses: bool, scratch_url: str | None
) -> Examined:
    if not rehearses:
        return _of_programs("scratch server", Verdict.NOTE, "AF_DB_REHEARSAL=false: nothing is rehearsed")
    if scratch_url is not None:
        try:
            shown = str(parse_url(scratch_url))
        except MalformedURLError as error:
            said = f"AF_DB_SCRATCH_URL cannot be read: {error}"
            return _of_programs("scratch server", Verdict.FINDING, said, code="no-scratch-server")
        return _of_programs(
            "scratch server", Verdict.OK, f"{shown}, of AF_DB_SCRATCH_URL; it is not tried here"
        )
    fit = order_for_server(local_installations("initdb"), wheel_installations("initdb"), wanted)
    if fit:
        place = "" if fit[0].from_wheel else f", in {fit[0].bin_dir}"
        return _of_programs("scratch server", Verdict.OK, f"{fit[0]}{place}")
    return _missing(
        "scratch server",
        target,
        f"no PostgreSQL {wanted} or newer to rehearse on is installed here",
        code="no-scratch-server",
        rehearses=rehearses,
    )


def _missing(name: str, target: Target | None, said: str, *, code: str, rehearses: bool) -> Examined:
    """Return what production's plans lack; a developer's machine may do without."""
    is_needed = rehearses and target is not None and target.environment is Environment.PROD
    steps = (f"pip install '{EXTRA}'", "or name a server: AF_DB_SCRATCH_URL=postgresql://...")
    return _of_programs(
        name,
        Verdict.FINDING if is_needed else Verdict.NOTE,
        said,
        code=code,
        next_steps=steps,
    )


def _of_programs(
    name: str, verdict: Verdict, what: str, *, code: str = "", next_steps: tuple[str, ...] = ()
) -> Examined:
    return Examined(
        group=Group.PROGRAMS, name=name, verdict=verdict, what=what, code=code, next_steps=next_steps
    )
