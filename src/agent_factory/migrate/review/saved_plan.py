"""A plan as a file: what was reviewed is what runs, or nothing does.

The file names everything that decides what a plan does: the database, where it is, the files, env.py, the
catalog. Each is compared before the plan runs, and once more under the run lock; what a revision sent at the
rehearsal is compared with what it is about to send. It does not protect from somebody who may write both the
file and the repository.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from agent_factory.migrate.db import server
from agent_factory.migrate.db.sent_statements import (
    ExpectedStatements,
    SentStatement,
    first_difference,
    in_one_order,
    salted,
)
from agent_factory.migrate.model.errors import UNCHANGED, RefusedError, UsageError
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import VersionTable
from agent_factory.migrate.model.whole_file import write_whole
from agent_factory.migrate.review.hazards import DEPENDS_ON_DATA
from agent_factory.migrate.review.saved_arguments import SavedArgument, differing_arguments, save_arguments
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.normalise import content_sha256

FORMAT = 2
"""1 had the SQL of the statements that SQLAlchemy sent, and hashes without a salt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which database it is, by its name and, for PostgreSQL, the server's system identifier; and which
    history of it, by the version table."""

    backend: str
    database: str
    system_identifier: str | None
    version_table: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRevision:
    """A revision: SHA-256 of its file, and what it sent at the rehearsal; None without one.

    ``depends_on_data``: its author has consented to that it sends something else.
    """

    id: str
    file: str
    sha256: str
    statements: tuple[SentStatement, ...] | None
    depends_on_data: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFile:
    """A file of the project that was imported or read, as seen from the project's folder, and its SHA-256.

    That is salted, and None where there is no such file, or nothing in it.
    """

    file: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """Everything that decides what the plan does.

    ``files`` are what env.py and the revisions imported from the project, and what the revisions read.
    ``arguments`` are those that env.py could read.
    ``needed`` are the names that somebody has to consent to, ``allowed`` those that its author did.
    ``salt`` is that of the hashes of ``files`` and of statements.
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
    salt: str
    files: tuple[SavedFile, ...] = ()
    arguments: tuple[SavedArgument, ...] = ()

    @property
    def is_rehearsed(self) -> bool:
        """Whether every revision was run before the plan was written."""
        return all(item.statements is not None for item in self.revisions)

    def expected(self, allowed: Collection[str]) -> dict[str, ExpectedStatements]:
        """Return what each revision is to send, by its id; ``allowed`` is what was consented to since."""
        return {
            item.id: ExpectedStatements(
                statements=item.statements,
                salt=self.salt,
                is_binding=not (item.depends_on_data and DEPENDS_ON_DATA.code in (*self.allowed, *allowed)),
            )
            for item in self.revisions
            if item.statements is not None
        }


def identify(target: Target, connection: sa.Connection, table: VersionTable) -> Identity:
    """Return which database it is that ``connection`` reads, and which history of it."""
    is_postgresql = target.url.backend == "postgresql"
    return Identity(
        backend=target.url.backend,
        database=target.name if is_postgresql else Path(target.name).name,
        system_identifier=server.system_identifier(connection) if is_postgresql else None,
        version_table=str(table),
    )


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, as they were first read and are executed, in hexadecimal."""
    return content_sha256(content_of(path))


def files(
    root: Path,
    used: Iterable[Path],
    saved: SavedPlan | None,
    sha256_of: Callable[[Path], str | None],
    salt: str,
) -> tuple[SavedFile, ...]:
    """Return the files that were used, and those that a saved plan names: these may be used later.

    Their hashes are salted: a short file with a password could be guessed from its own. Those that a plan
    without a rehearsal cannot name are left out.
    """
    named = [item.file for item in saved.files] if saved else []
    if saved is None or saved.is_rehearsed:
        named += [os.path.relpath(path, root) for path in used]
    hashes = {name: sha256_of(root / name) for name in sorted(set(named))}
    return tuple(
        SavedFile(file=name, sha256=None if sha256 is None else salted(sha256, salt))
        for name, sha256 in hashes.items()
    )


def check_arguments(plan: SavedPlan, setup: Setup) -> None:
    """Raise RefusedError, naming each, unless env.py will be given what it was given for the plan.

    That decides what else there is to compare: env.py may choose the version table by it.
    """
    _refuse_stale(differing_arguments(plan.arguments, save_arguments(setup, plan.salt)))


def new_salt() -> str:
    """Return a salt for the hashes of one plan."""
    return secrets.token_hex(16)


def write(plan: SavedPlan, path: Path) -> None:
    """Write the plan to ``path``, whole or not at all. Raises UsageError where that is not possible."""
    document = _document(plan)
    text = json.dumps({**document, "sha256": _sha256(document)}, indent=2, ensure_ascii=False)
    try:
        write_whole(f"{text}\n", path)
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
        *differing_arguments(plan.arguments, now.arguments),
        *_of_files(plan.files, now.files),
        *_unlike(("catalog of the database (SHA-256)", plan.catalog_sha256, now.catalog_sha256)),
    ]


def _of_identity(reviewed: Identity, present: Identity) -> list[str]:
    return _unlike(
        ("database", reviewed.database, present.database),
        ("kind of database", reviewed.backend, present.backend),
        ("server (system identifier)", reviewed.system_identifier, present.system_identifier),
        ("version table", reviewed.version_table, present.version_table),
    )


def _of_revision(reviewed: SavedRevision, present: SavedRevision) -> Iterable[str]:
    yield from _unlike((f"{present.file} (SHA-256)", reviewed.sha256, present.sha256))
    if reviewed.statements is None or present.statements is None:
        return
    is_free = reviewed.depends_on_data and present.depends_on_data
    both = in_one_order(reviewed.statements), in_one_order(present.statements)
    number = None if is_free else first_difference(*both)
    if number is not None:
        one, other = (_sql_of(statements, number) for statements in both)
        yield f"the SQL of {reviewed.id}: statement {number} is {one} in the plan, {other} now"


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


def _sql_of(statements: Sequence[SentStatement], number: int) -> str:
    return repr(statements[number - 1].sql) if number <= len(statements) else "not there"


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "base"
    text = str(value) if value is not None else "none"
    return f"{text[:12]}..." if len(text) == 64 else text


def _document(plan: SavedPlan) -> dict[str, object]:
    document = {"format": FORMAT, **asdict(plan)}
    document["made_at"] = plan.made_at.isoformat()
    document["expires_at"] = plan.expires_at.isoformat()
    return document


def _sha256(value: object) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)
