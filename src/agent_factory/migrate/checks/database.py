"""Whether a database is as its history and its journal say: findings from facts that were read before."""

from collections.abc import Mapping, Sequence

from agent_factory.migrate import project as alembic_project
from agent_factory.migrate.catalog import Catalog, CatalogObject, Difference
from agent_factory.migrate.checks.expressible import plain
from agent_factory.migrate.db.server import Constraint, Index
from agent_factory.migrate.engine import preflight
from agent_factory.migrate.journal.read import Edited, Entry, find_edited, ran_outside
from agent_factory.migrate.model.findings import Finding, finding
from agent_factory.migrate.model.plan import Direction, Revision
from agent_factory.migrate.model.session import Session
from agent_factory.migrate.model.target import Target
from agent_factory.migrate.model.version_table import Position
from agent_factory.migrate.project import Project

SHOWN_REVISIONS = 20


def check_place(
    project: Project, target: Target, position: Position, *, has_key: bool
) -> tuple[Finding, ...]:
    """Compare the version table with the history: behind, ahead, and rows that cannot be."""
    table, rows = position.table, position.rows
    at = ", ".join(rows) or "base"
    found: list[Finding] = []
    for row in sorted({row for row in rows if rows.count(row) > 1}):
        message = f"{table.name} holds {row} {rows.count(row)} times"
        found.append(finding("duplicate-version-rows", message, object=table.name))
    unknown = [row for row in dict.fromkeys(rows) if not alembic_project.is_known(project, row)]
    found += [
        finding(
            "database-ahead",
            f"the database is at {row}, which no file of this checkout has",
            object=table.name,
            remedy="git pull",
        )
        for row in unknown
    ]
    for row in dict.fromkeys(rows):
        later = [other for other in rows if other != row and row in _ancestors(project, other)]
        if later:
            message = f"{table.name} holds both {row} and {later[0]}, which builds on it"
            remedy = f"DELETE FROM {table.name} WHERE version_num = '{row}'"  # noqa: S608 - for a person
            found.append(finding("overlapping-rows", message, object=table.name, remedy=remedy))
    if not has_key:
        remedy = f"ALTER TABLE {table.name} ADD PRIMARY KEY (version_num)"
        message = f"{table.name} has no primary key"
        found.append(
            finding(
                "version-table-key",
                message,
                object=table.name,
                remedy=remedy if target.url.backend == "postgresql" else None,
            )
        )
    pending = _pending(project, rows)
    if pending and not unknown:
        count = len(pending)
        upgrade = "upgrade" if len(project.heads) == 1 else "upgrade heads"
        message = f"the database is at {at}, {count} revision{'s' if count > 1 else ''} behind"
        found.append(finding("behind", message, details=_shown(pending), remedy=target.command(upgrade)))
    return tuple(found)


def newest_known(project: Project, rows: Sequence[str]) -> tuple[str, ...] | None:
    """Return the rows that no other one builds on; None where one of them is not known here."""
    if not all(alembic_project.is_known(project, row) for row in rows):
        return None
    return tuple(
        row
        for row in dict.fromkeys(rows)
        if not any(row in _ancestors(project, other) for other in rows if other != row)
    )


def check_versioned(position: Position, found: Catalog) -> tuple[Finding, ...]:
    """Find a database that has tables and does not say at which revision it is."""
    tables = [one.name for one in found.objects if one.kind == "table"]
    if position.rows or not tables:
        return ()
    table = position.table
    named = ", ".join(tables[:5]) + (f" and {len(tables) - 5} more" if len(tables) > 5 else "")
    message = f"{table.name} holds no revision, but the database has tables: {named}"
    return (finding("not-versioned", message, object=table.name),)


def check_journal(
    project: Project,
    target: Target,
    entries: Mapping[str, Entry],
    rows: Sequence[str],
    running: Session | None,
) -> tuple[Finding, ...]:
    """Compare what the journal knows with the files, and with where the database is.

    ``running`` is the session that holds the run lock: what it has begun is not unfinished.
    """
    applied = alembic_project.applied_revisions(project, rows)
    found = [_edited(item, applied, target) for item in find_edited(entries, applied)]
    if running is not None:
        found.append(finding("migration-running", f"a migration is running: {running}"))
    else:
        unfinished = [entry for entry in entries.values() if entry.state == "started"]
        found += [_unfinished(entry, target) for entry in unfinished]
    if newest_known(project, rows) is None:
        return tuple(found)  # nobody knows what is applied
    return (*found, *_ran_outside(project, entries, applied))


def check_indexes(
    invalid: Sequence[Index], drift: Sequence[Difference], found: Catalog | None
) -> tuple[Finding, ...]:
    """Find INVALID indexes; where the migrations want one, ``drift`` says how it has to be."""
    wanted = {plain(item.name): item for item in drift if item.kind == "index" and item.expected}
    of_constraints = {
        plain(_index_of(one))
        for one in (found.objects if found else ())
        if one.kind == "constraint" and one.table and "INVALID" in one.clauses
    }
    findings = []
    for index in invalid:
        if index.builder_pid is not None:
            message = f"{index} on {index.table} is being built (pid {index.builder_pid})"
            findings.append(finding("index-in-progress", message, object=str(index)))
            continue
        fixed = wanted.get(plain(str(index)))
        remedy = index.drop_command
        details: tuple[str, ...] = ()
        if plain(str(index)) in of_constraints:
            remedy = f"REINDEX INDEX CONCURRENTLY {index.sql_name}"
        elif fixed is not None and fixed.remedy is not None:
            remedy = fixed.remedy
            details = (f"or without it: {index.drop_command}",)
        message = f"index {index} on {index.table} is INVALID"
        findings.append(finding("invalid-index", message, object=str(index), details=details, remedy=remedy))
    return tuple(findings)


def check_constraints(
    constraints: Sequence[Constraint], drift: Sequence[Difference], found: Catalog | None
) -> tuple[Finding, ...]:
    """Find constraints that were left NOT VALID, in the schemas that are checked.

    One that has drifted besides is reported as drift: it is to be another, or to go.
    """
    drifted = {
        plain(item.name) for item in drift if item.kind == "constraint" and not has_finding_of_its_own(item)
    }
    names = {one.name for one in found.objects if one.kind in ("table", "domain")} if found else None
    return tuple(
        finding(
            "constraint-not-valid",
            f"constraint {one.name} on {one.of} is NOT VALID",
            object=f"{one.of}.{one.name}",
            details=(one.definition,),
            remedy=one.validate_command,
        )
        for one in constraints
        if (names is None or one.of in names) and plain(f"{one.of}.{one.name}") not in drifted
    )


def has_finding_of_its_own(difference: Difference) -> bool:
    """Say whether it is an INVALID index or a NOT VALID constraint: those are not reported as drift."""
    found, expected = difference.found or "", difference.expected or ""
    if difference.kind in ("index", "constraint") and found.endswith(" INVALID"):
        return True
    return bool(expected) and found.replace(" NOT VALID", "") == expected


def check_environment(target: Target, name: str | None, expected: str | None) -> tuple[Finding, ...]:
    """Compare the database's environment name with ``expected``: None is anything but production."""
    if name is None and expected is not None:
        message = f"the database has no environment name; {expected} is expected"
        return (finding("no-environment-name", message, remedy=target.command(f"environment {expected}")),)
    if name == expected or (expected is None and name != preflight.PRODUCTION):
        return ()
    said = f", not {expected}" if expected else "; this command is for a developer's database"
    remedy = target.again(f"--environment {name}") if expected else None
    message = f"the environment name of the database is {name}{said}"
    return (finding("wrong-environment", message, remedy=remedy),)


def _ancestors(project: Project, revision: str) -> frozenset[str]:
    return alembic_project.ancestors(project, [revision])


def _pending(project: Project, rows: Sequence[str]) -> list[Revision]:
    applied = alembic_project.ancestors(project, rows)
    return [item for item in reversed(alembic_project.revisions(project)) if item.id not in applied]


def _shown(revisions: Sequence[Revision]) -> tuple[str, ...]:
    lines = [f"{item.id} {item.message}".rstrip() for item in revisions[:SHOWN_REVISIONS]]
    if len(revisions) > SHOWN_REVISIONS:
        lines.append(f"and {len(revisions) - SHOWN_REVISIONS} more")
    return tuple(lines)


def _edited(item: Edited, applied: Sequence[Revision], target: Target) -> Finding:
    path = next(revision.path for revision in applied if revision.id == item.revision)
    return finding(
        "edited-revision",
        f"{path.name} ({item.revision}) changed after it was applied",
        file=path,
        details=(f"expected  sha256 {item.applied_sha256[:12]}", f"found     sha256 {item.file_sha256[:12]}"),
        remedy=target.command("history --diff"),
    )


def _unfinished(entry: Entry, target: Target) -> Finding:
    return finding(
        "unfinished-revision",
        f"the {entry.direction} of {entry.revision} began at {entry.started_at:%Y-%m-%d %H:%M:%S %Z} "
        "and did not end; a part of it may be committed",
        details=tuple(" ".join(statement.split()) for statement in entry.statements),
        remedy=target.command("upgrade" if entry.direction is Direction.UPGRADE else "downgrade"),
    )


def _ran_outside(
    project: Project, entries: Mapping[str, Entry], applied: Sequence[Revision]
) -> list[Finding]:
    """Revisions that something else than af-db ran: before the journal began is how it is, after is wrong."""
    if not entries:
        return []
    there = {revision.id for revision in applied}
    known = there - set(ran_outside(entries, applied))
    early: list[Revision] = []
    late: list[Revision] = []
    for revision in reversed(applied):
        if revision.id not in known:
            is_late = bool(_ancestors(project, revision.id) & known)
            (late if is_late else early).append(revision)
    gone = [
        entry.revision
        for entry in entries.values()
        if entry.is_applied and not entry.is_unassigned and entry.revision not in there
    ]
    found = []
    if late:
        message = f"{', '.join(item.id for item in late)} ran without af-db: it is not in the journal"
        found.append(finding("ran-outside", message, details=_shown(late)))
    if gone:
        message = f"{', '.join(gone)} was downgraded without af-db: the journal still has it as applied"
        found.append(finding("ran-outside", message))
    if early:
        message = f"{', '.join(item.id for item in early)} ran before the journal began"
        found.append(finding("ran-before-journal", message, details=_shown(early)))
    return found


def _index_of(constraint: CatalogObject) -> str:
    """The name of the index that keeps a constraint: the constraint's, in the schema of its table."""
    schema = str(constraint.table).partition(".")[0]
    return f"{schema}.{constraint.name.removeprefix(f'{constraint.table}.')}"
