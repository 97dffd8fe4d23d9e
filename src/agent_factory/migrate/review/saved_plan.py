"""A plan as a file: what was reviewed is what runs, or nothing does.

The file names everything that decides what a plan does: the database, where it is, the files, env.py, the
SQL that the rehearsal saw, the catalog. Each is compared before the plan runs, and once more under the run
lock. It does not protect from somebody who may write both the file and the repository.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from agent_factory.migrate.db import server
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.normalise import content_sha256

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
class SavedFile:
    """A file of the project that was imported or read, as seen from the project's folder, and its SHA-256.

    That is None where there is no such file.
    """

    file: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """Everything that decides what the plan does.

    ``files`` are what env.py and the revisions imported from the project, and what the revisions read.
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
    made_at: AwareDatetime
    expires_at: AwareDatetime
    files: tuple[SavedFile, ...] = ()

    @property
    def is_rehearsed(self) -> bool:
        """Whether every revision was run before the plan was written."""
        return all(item.sql is not None for item in self.revisions)


def identify(target: Target, connection: sa.Connection) -> Identity:
    """Return which database it is that ``connection`` reads."""
    is_postgresql = target.url.backend == "postgresql"
    return Identity(
        backend=target.url.backend,
        database=target.name if is_postgresql else Path(target.name).name,
        system_identifier=server.system_identifier(connection) if is_postgresql else None,
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as they were first read and are executed, in hexadecimal."""
    return content_sha256(content_of(path))


def files(
    root: Path, used: Iterable[Path], saved: SavedPlan | None, sha256_of: Callable[[Path], str | None]
) -> tuple[SavedFile, ...]:
    """Return the files that were used, and those that a saved plan names: these may be used later.

    Those that a plan without a rehearsal cannot name are left out.
    """
    named = [item.file for item in saved.files] if saved else []
    if saved is None or saved.is_rehearsed:
        named += [os.path.relpath(path, root) for path in used]
    return tuple(SavedFile(file=name, sha256=sha256_of(root / name)) for name in sorted(dict.fromkeys(named)))


def write(plan: SavedPlan, path: Path) -> None:
    """Write the plan to ``path``, whole or not at all. Raises UsageError where that is not possible."""
    document = _document(plan)
    text = json.dumps({**document, "sha256": _sha256(document)}, indent=2, ensure_ascii=False)
    try:
        _write_whole(f"{text}\n", path)
    except OSError as error:
        raise UsageError(
            "cannot-write-plan",
            f"{path} cannot be written: {error.strerror}",
            state=UNCHANGED,
            next_steps=("name another file: --out PATH",),
        ) from error


def read(path: Path) -> SavedPlan:
    """Return the plan in a file, as af-db wrote it.

    Raises UsageError for a file that is no plan, RefusedError for one of another format or that was changed.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _no_plan(path, error.strerror or "it cannot be read") from error
    except (ValueError, RecursionError):
        raise _no_plan(path, "it is not JSON") from None
    if not isinstance(document, dict) or "format" not in document:
        raise _no_plan(path, "it has no format")
    if document["format"] != FORMAT:
        raise _refuse("plan-format", f"{path} has the format {document['format']}, this af-db reads {FORMAT}")
    written = document.pop("sha256", None)
    if written != _sha256(document):
        raise _refuse("plan-tampered", f"{path} was changed after af-db wrote it: its SHA-256 does not match")
    try:
        return TypeAdapter(SavedPlan).validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, wrong["loc"])) or "the document"
        raise _no_plan(path, f"{where}: {wrong['msg']}") from None


def read_for(direction: Direction, path: Path) -> SavedPlan:
    """Return the plan in a file that is to be run in this direction.

    Raises what ``read`` does, and UsageError for a plan of the other direction.
    """
    plan = read(path)
    if plan.direction is not direction:
        raise UsageError(
            "plan-direction",
            f"{path} is the plan of {'an' if plan.direction is Direction.UPGRADE else 'a'} {plan.direction}",
            state=UNCHANGED,
            next_steps=(f"af-db prod {plan.direction} --plan {path}",),
        )
    return plan


def is_carried_out(plan: SavedPlan, identity: Identity, current: tuple[str, ...]) -> bool:
    """Say whether the database stands where the plan leads.

    Raises RefusedError for another database, and for one that stands neither there nor where the plan
    begins: its target, such as ``+1``, means something else from there.
    """
    is_there = current == plan.after
    _refuse_stale(
        [*_of_identity(plan.identity, identity), *([] if is_there else _unlike(_place(plan.before, current)))]
    )
    return is_there


def check(plan: SavedPlan, now: SavedPlan) -> None:
    """Raise RefusedError, naming every difference, unless what would run ``now`` is the same."""
    if now.made_at >= plan.expires_at:
        raise _refuse("plan-expired", f"the plan expired at {plan.expires_at:%Y-%m-%d %H:%M:%S %Z}")
    _refuse_stale(_differences(plan, now))


def lifetime(made_at: datetime, seconds: float) -> datetime:
    """Return when a plan that was made at this time expires."""
    return made_at + timedelta(seconds=seconds)


_AGAIN = "make a new one, and have it reviewed: af-db prod plan --out plan.json"


def _no_plan(path: Path, why: str) -> UsageError:
    return UsageError(
        "no-plan", f"{path} is not a plan of af-db: {why}", state=UNCHANGED, next_steps=(_AGAIN,)
    )


def _refuse(code: str, message: str) -> RefusedError:
    return RefusedError(code, message, state=UNCHANGED, next_steps=(_AGAIN,))


def _refuse_stale(found: Sequence[str]) -> None:
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        raise _refuse("stale-plan", f"the saved plan differs from what would run now:\n{lines}")


_Compared = tuple[str, object, object]
"""What is compared, as it was reviewed, as it is now."""


def _differences(plan: SavedPlan, now: SavedPlan) -> list[str]:
    present = {item.id: item for item in now.revisions}
    both = [(item, present[item.id]) for item in plan.revisions if item.id in present]
    return [
        *_of_identity(plan.identity, now.identity),
        *_unlike(
            _place(plan.before, now.before),
            ("direction", str(plan.direction), str(now.direction)),
            ("leads to", plan.after, now.after),
            ("af-db", plan.af_db_version, now.af_db_version),
            ("Alembic", plan.alembic_version, now.alembic_version),
            ("env.py (SHA-256)", plan.env_py_sha256, now.env_py_sha256),
            ("revisions", tuple(item.id for item in plan.revisions), tuple(present)),
        ),
        *(line for item, other in both for line in _of_revision(item, other)),
        *_of_files(plan.files, now.files),
        *_unlike(("catalog of the database (SHA-256)", plan.catalog_sha256, now.catalog_sha256)),
    ]


def _of_identity(reviewed: Identity, present: Identity) -> list[str]:
    return _unlike(
        ("database", reviewed.database, present.database),
        ("kind of database", reviewed.backend, present.backend),
        ("server (system identifier)", reviewed.system_identifier, present.system_identifier),
    )


def _of_revision(reviewed: SavedRevision, present: SavedRevision) -> Iterable[str]:
    yield from _unlike((f"{present.file} (SHA-256)", reviewed.sha256, present.sha256))
    if reviewed.sql is not None and present.sql is not None and reviewed.sql != present.sql:
        yield f"the SQL of {reviewed.id}: {_first_difference(reviewed.sql, present.sql)}"


def _of_files(reviewed: Iterable[SavedFile], present: Iterable[SavedFile]) -> list[str]:
    before, now = ({item.file: item.sha256 for item in items} for items in (reviewed, present))
    return _unlike(
        *((f"{file} (SHA-256)", before.get(file), now.get(file)) for file in sorted({*before, *now}))
    )


def _place(reviewed: tuple[str, ...], present: tuple[str, ...]) -> _Compared:
    return "database is at", reviewed, present


def _unlike(*compared: _Compared) -> list[str]:
    return [
        f"{what}: {_shown(reviewed)} in the plan, {_shown(present)} now"
        for what, reviewed, present in compared
        if reviewed != present
    ]


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


def _document(plan: SavedPlan) -> dict[str, object]:
    document = {"format": FORMAT, **asdict(plan)}
    document["made_at"] = plan.made_at.isoformat()
    document["expires_at"] = plan.expires_at.isoformat()
    for item in document["revisions"]:
        item["sql_sha256"] = None if item["sql"] is None else _sha256(item["sql"])
    return document


def _write_whole(text: str, path: Path) -> None:
    """Write a file that nobody sees half written, whenever this process is killed."""
    path = Path(os.path.realpath(path))  # what a link leads to is replaced, not the link
    if path.exists() and not path.is_file():
        raise FileExistsError(None, "it exists, and is not a file")
    beside = path.with_name(f".af-db-{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
