"""depends-on-data: what a revision sends depends on what it reads first, which no rehearsal can know."""

from collections.abc import Iterator, Sequence

from agent_factory.migrate.rehearsal.rehearsed import RehearsedRevision
from agent_factory.migrate.rehearsal.trace import TracedRead
from agent_factory.migrate.review.hazards.evidence import Evidence
from agent_factory.migrate.review.hazards.rule import Hazard, HazardRule, Severity
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.outside_reads import outside_reads

_SHOWN_CHARACTERS = 80


def _in_revision(rehearsed: RehearsedRevision, evidence: Evidence) -> Iterator[Hazard]:
    """Find what it reads of the database, as it was seen, and what its file reads of anything else."""
    by_place: dict[tuple[str, int | None], list[TracedRead]] = {}
    for read in rehearsed.reads:
        by_place.setdefault((read.what, read.line), []).append(read)
    for reads in by_place.values():
        yield _hazard(rehearsed, _of_database(reads, evidence), table=next(iter(reads[0].tables), None))
    for file in rehearsed.outside_files:
        said = f"reads {file.path}, a file outside of the project, in line {file.line} of {file.file}"
        yield _hazard(rehearsed, said)
    try:
        source = content_of(rehearsed.revision.path).data
    except OSError:  # bytecode without a source
        return
    for outside in outside_reads(source, str(evidence.direction)):
        yield _hazard(rehearsed, f"reads {outside.what} in line {outside.line} ({outside.code})")


def _hazard(rehearsed: RehearsedRevision, said: str, table: str | None = None) -> Hazard:
    return Hazard(
        code=DEPENDS_ON_DATA.code,
        severity=Severity.HIGH,
        revision=rehearsed.revision.id,
        statement=None,
        table=table,
        message=f"{said}, and goes on by it: a rehearsal cannot show what it will send on production",
        remedy=DEPENDS_ON_DATA.remedy,
    )


def _of_database(reads: Sequence[TracedRead], evidence: Evidence) -> str:
    """Say what is read by the statements of one place, of which the first is shown."""
    first = reads[0]
    text = " ".join(first.sql.split())
    shown = text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."
    if len(reads) > 1:
        shown = f"{len(reads)} statements, the first: {shown}"
    where = f" in line {first.line}" if first.line else ""
    tables = tuple(dict.fromkeys(table for read in reads for table in read.tables))
    if not tables:
        return f"reads {first.what}{where} ({shown})"
    count = sum(read.rows or 0 for read in reads)
    is_known = all(read.rows is not None for read in reads)
    rows = f"{count:,} row{'s' if count != 1 else ''}" if is_known else "rows"
    sizes = [(table, evidence.sizes.get(table)) for table in tables]
    has = ", ".join(f"{table} has {size}" for table, size in sizes if size is not None)
    on_production = f"; on production {has}" if has else ""
    return f"reads {rows} of {', '.join(tables)} on the copy{where} ({shown}{on_production})"


DEPENDS_ON_DATA = HazardRule(
    code="depends-on-data",
    number=13,
    rank=27,
    text="what a revision sends depends on rows, settings, the clock, the environment, chance or a file "
    "outside of the project, which it reads first",
    high="always: its run may send other statements than its rehearsal, and with a saved plan it is not "
    "stopped there",
    remedy="let one statement do it, as UPDATE ... FROM or INSERT ... SELECT, or write the values into the "
    "revision",
    on_downgrade="read what it prints: the copy has no rows, so the run may do something else",
    in_revision=_in_revision,
)
