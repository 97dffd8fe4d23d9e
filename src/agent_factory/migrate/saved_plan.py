"""A plan as a file: what was reviewed is what runs, or nothing does.

The file names everything that decides what a plan does: the database, where it is, the files, env.py, the
SQL that the rehearsal saw, the catalog. Each is looked at again before the plan runs, and once more under the
run lock. It does not protect from somebody who may write both the file and the repository, nor from modules
that env.py or a revision imports.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agent_factory.migrate.errors import UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.plan import Direction

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which database it is: its name and, for PostgreSQL, the server's system identifier."""

    backend: str
    database: str
    system_identifier: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRevision:
    """A revision: SHA-256 of its file, and the SQL that it ran at the rehearsal; None without one."""

    id: str
    file: str
    sha256: str
    sql: tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """Everything that decides what the plan does.

    ``needed`` are the names that somebody has to consent to, ``allowed`` those that its author did.
    """

    direction: Direction
    target: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    revisions: tuple[SavedRevision, ...]
    env_py_sha256: str
    identity: Identity
    catalog_sha256: str
    needed: tuple[str, ...]
    allowed: tuple[str, ...]
    af_db_version: str
    alembic_version: str
    made_at: datetime
    expires_at: datetime


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(plan: SavedPlan, path: Path) -> None:
    """Write the plan; raises UsageError where that is not possible."""
    document = _document(plan)
    text = json.dumps({**document, "sha256": _sha256(document)}, indent=2, ensure_ascii=False)
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            "cannot-write-plan",
            f"{path} cannot be written: {error.strerror}",
            state=UNCHANGED,
            next_steps=("name another file: --out PATH",),
        ) from error


def read(path: Path) -> SavedPlan:
    """Read a plan. Raises UsageError for a file that is none, RefusedError for one that was changed."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _no_plan(path, error.strerror or "it cannot be read") from error
    except ValueError:
        raise _no_plan(path, "it is no JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise _no_plan(path, "it names no format")
    if document["format"] != FORMAT:
        raise _refuse("plan-format", f"{path} has the format {document['format']}, this af-db reads {FORMAT}")
    written = document.pop("sha256", None)
    if written != _sha256(document):
        raise _refuse(
            "plan-tampered", f"{path} is not as af-db wrote it: its SHA-256 does not fit what it holds"
        )
    return _plan(document)


def read_for(direction: Direction, path: Path) -> SavedPlan:
    """Read a plan that is to be run in this direction. Raises what ``read`` does, and UsageError."""
    plan = read(path)
    if plan.direction is not direction:
        raise UsageError(
            "plan-direction",
            f"{path} is the plan of {'an' if plan.direction is Direction.UPGRADE else 'a'} {plan.direction}",
            state=UNCHANGED,
            next_steps=(f"af-db prod {plan.direction} --plan {path}",),
        )
    return plan


def check(plan: SavedPlan, now: SavedPlan) -> None:
    """Raise RefusedError, naming every difference, unless what would run ``now`` is the same."""
    if now.made_at >= plan.expires_at:
        raise _refuse("plan-expired", f"the plan expired at {plan.expires_at:%Y-%m-%d %H:%M:%S %Z}")
    found = tuple(_differences(plan, now))
    if found:
        raise _refuse(
            "stale-plan", "the plan is not what would run now:\n" + "\n".join(f"  {line}" for line in found)
        )


def lifetime(made_at: datetime, seconds: float) -> datetime:
    """Return when a plan of this time expires."""
    return made_at + timedelta(seconds=seconds)


_AGAIN = "make a new one, and have it reviewed: af-db prod plan --out plan.json"


def _no_plan(path: Path, why: str) -> UsageError:
    return UsageError(
        "no-plan", f"{path} is not a plan of af-db: {why}", state=UNCHANGED, next_steps=(_AGAIN,)
    )


def _refuse(code: str, message: str) -> RefusedError:
    return RefusedError(code, message, state=UNCHANGED, next_steps=(_AGAIN,))


def _differences(plan: SavedPlan, now: SavedPlan) -> Sequence[str]:
    found: list[str] = []

    def compare(what: str, reviewed: object, present: object) -> None:
        if reviewed != present:
            found.append(f"{what}: {_shown(reviewed)} in the plan, {_shown(present)} now")

    compare("database", plan.identity.database, now.identity.database)
    compare("kind of database", plan.identity.backend, now.identity.backend)
    compare("server (system identifier)", plan.identity.system_identifier, now.identity.system_identifier)
    compare("database is at", plan.before, now.before)
    compare("direction", str(plan.direction), str(now.direction))
    compare("leads to", plan.after, now.after)
    compare("af-db", plan.af_db_version, now.af_db_version)
    compare("Alembic", plan.alembic_version, now.alembic_version)
    compare("env.py (SHA-256)", plan.env_py_sha256, now.env_py_sha256)
    compare("revisions", tuple(item.id for item in plan.revisions), tuple(item.id for item in now.revisions))
    present = {item.id: item for item in now.revisions}
    for item in plan.revisions:
        other = present.get(item.id)
        if other is None:
            continue
        compare(f"{other.file} (SHA-256)", item.sha256, other.sha256)
        if item.sql is not None and other.sql is not None and item.sql != other.sql:
            found.append(f"the SQL of {item.id}: {_first_difference(item.sql, other.sql)}")
    compare("catalog of the database (SHA-256)", plan.catalog_sha256, now.catalog_sha256)
    return found


def _first_difference(reviewed: Sequence[str], present: Sequence[str]) -> str:
    for number, (one, other) in enumerate(zip(reviewed, present, strict=False), start=1):
        if one != other:
            return f"statement {number} is {_one_line(one)!r} in the plan, {_one_line(other)!r} now"
    return f"{len(reviewed)} statements in the plan, {len(present)} now"


def _one_line(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= 100 else f"{line[:97]}..."


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "base"
    text = str(value) if value is not None else "none"
    return f"{text[:12]}..." if len(text) == 64 else text


def _document(plan: SavedPlan) -> dict[str, Any]:
    document = {"format": FORMAT, **asdict(plan)}
    document["made_at"] = plan.made_at.isoformat()
    document["expires_at"] = plan.expires_at.isoformat()
    for item in document["revisions"]:
        item["sql_sha256"] = None if item["sql"] is None else _sha256(item["sql"])
    return document


def _plan(document: Mapping[str, Any]) -> SavedPlan:
    revisions = tuple(
        SavedRevision(
            id=item["id"],
            file=item["file"],
            sha256=item["sha256"],
            sql=None if item["sql"] is None else tuple(item["sql"]),
        )
        for item in document["revisions"]
    )
    return SavedPlan(
        direction=Direction(document["direction"]),
        target=document["target"],
        before=tuple(document["before"]),
        after=tuple(document["after"]),
        revisions=revisions,
        env_py_sha256=document["env_py_sha256"],
        identity=Identity(**document["identity"]),
        catalog_sha256=document["catalog_sha256"],
        needed=tuple(document["needed"]),
        allowed=tuple(document["allowed"]),
        af_db_version=document["af_db_version"],
        alembic_version=document["alembic_version"],
        made_at=datetime.fromisoformat(document["made_at"]),
        expires_at=datetime.fromisoformat(document["expires_at"]),
    )


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode()).hexdigest()


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
