"""The wall time of a long chain of small revisions, under af-db and under plain Alembic.

One revision in five creates a table of five columns and an index, the others add a column to it. Each
measurement has a fresh database; upgrading once more, when there is nothing to do, is the start-up.
``--delay`` puts the database that many milliseconds of round trip away.
"""

import contextlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.measure import (
    command_line,
    compare,
    fresh_database,
    in_turns,
    project_in,
    report,
    server,
    timed_upgrade,
)
from benchmarks.slow_link import slow_link
from tests.projects import AlembicProject

CREATE = """
op.create_table(
    "t{table}",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("amount", sa.Numeric(12, 2)),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
)
op.create_index("ix_t{table}_name", "t{table}", ["name"])
"""
ADD = 'op.add_column("t{table}", sa.Column("extra_{number}", sa.Text))'


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How long the whole chain took, and then a run with nothing to do."""

    upgrade_s: float
    start_s: float


def add_chain(project: AlembicProject, revisions: int) -> None:
    """Write the chain: 0001, 0002, ..."""
    for number in range(revisions):
        table, step = divmod(number, 5)
        project.add(
            f"{number + 1:04}",
            f"{number:04}" if number else None,
            (ADD if step else CREATE).format(table=table, number=number),
        )


def main(arguments: Sequence[str]) -> None:
    """Measure, and print the report."""
    parser = command_line(__doc__, rounds=6)
    parser.add_argument("--revisions", type=int, default=200, help="length of the chain")
    parser.add_argument("--delay", type=float, default=0.0, metavar="MS", help="round trip to the database")
    options = parser.parse_args(arguments)

    with contextlib.ExitStack() as stack:
        project = project_in(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        add_chain(project, options.revisions)
        server_url = stack.enter_context(server(options.server))
        near = urlsplit(server_url)
        far = near.netloc
        if options.delay:
            link = slow_link(near.hostname or "127.0.0.1", near.port or 5432, options.delay / 1000)
            far = f"{near.netloc.rpartition('@')[0]}@127.0.0.1:{stack.enter_context(link)}"

        def measure(tool: str) -> Times:
            with fresh_database(server_url) as url:
                far_url = urlsplit(url)._replace(netloc=far).geturl()
                return Times(
                    upgrade_s=timed_upgrade(tool, project, far_url),
                    start_s=timed_upgrade(tool, project, far_url),
                )

        measured = in_turns(options.rounds, measure)

    report(
        "apply",
        {"revisions": options.revisions, "rounds": options.rounds, "delay_ms": options.delay},
        [
            compare("wall time", "s", measured, lambda times: times.upgrade_s, at_most=1.15),
            compare("start-up (nothing to do)", "s", measured, lambda times: times.start_s),
            compare("wall time less start-up", "s", measured, lambda times: times.upgrade_s - times.start_s),
        ],
        as_json=options.json,
    )


if __name__ == "__main__":
    main(sys.argv[1:])
