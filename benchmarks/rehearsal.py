"""The wall time of a plan that is rehearsed: this project's own revisions, and a long chain of small ones.

Start of the throwaway server, copy of the schema, rehearsal, counts and report are in it. There is no peer
that does the same, so what stands beside it is a plan without a rehearsal.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.chain import chain, write_alembic
from benchmarks.measure import (
    AF_DB,
    Comparison,
    Cost,
    Report,
    compared,
    fresh_database,
    in_turns,
    run,
    values,
)

ROOT = Path(__file__).resolve().parents[1]
REHEARSED, NOT_REHEARSED = "rehearsed", "not rehearsed"
PLAN = {REHEARSED: ("prod", "plan"), NOT_REHEARSED: ("prod", "plan", "--no-rehearsal")}
AT_MOST_S = 10
ROUNDS = 5
SHORT = {"rounds": 1, "revisions": 20}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--revisions", type=int, default=300, help="length of the chain")


def measure(options: argparse.Namespace, server_url: str) -> Report:
    comparisons = []
    with tempfile.TemporaryDirectory() as folder:
        long = write_alembic(Path(folder, "project"), chain(options.revisions))

        def af_db(root: Path, url: str, *arguments: str) -> Cost:
            program = Path(sys.executable).with_name(AF_DB)
            return run([program, *arguments], folder=root, home=Path(folder, "home"), url=url)

        for name, root, first in (
            ("this project, 001 -> 002", ROOT, "001"),
            (f"a chain of {options.revisions} revisions", long.root, None),
        ):
            with fresh_database(server_url) as url:
                if first:
                    af_db(root, url, "prod", "upgrade", first, "--yes", "--no-rehearsal")

                def plan(which: str, root: Path = root, url: str = url) -> Cost:
                    return af_db(root, url, *PLAN[which])

                measured = in_turns(tuple(PLAN), options.rounds, plan)
            comparisons.append(
                Comparison(
                    name=f"{name} (rehearsed at most {AT_MOST_S} s)",
                    unit="s",
                    measured=values(measured, lambda cost: cost.seconds),
                    against=NOT_REHEARSED,
                )
            )
    return compared("rehearsal", {"revisions": options.revisions, "rounds": options.rounds}, comparisons)
