"""Start-up and looking: what a command costs that changes nothing.

Nothing is pending: the database is at the head of a history of 2, 1,000 or 5,000 revisions. Measured are the
wall time of the whole process and its peak memory, as the kernel counts it for the process alone. The limit
is a Python that imports psycopg2, connects and selects.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.chain import NOTHING
from benchmarks.measure import (
    AF_DB,
    ALEMBIC,
    Comparison,
    Cost,
    Report,
    chart,
    compared,
    fresh_database,
    in_turns,
    values,
)
from benchmarks.peers import CURRENT, LIMITS, PSQL, PSYCOPG2, UPGRADE, tools

FEW, MANY, MOST = 2, 1_000, 5_000
ROUNDS = 7
SHORT = {"rounds": 1, "revisions": [FEW, 100]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One command of each tool, and the ratios to Alembic to keep to by the number of revisions."""

    name: str
    commands: Mapping[str, tuple[str, ...]]
    at_most: Mapping[int, float] = field(default_factory=dict)
    memory_at_most: float | None = None


WITHOUT_A_HISTORY = (
    Case(name="--version", commands={ALEMBIC: ("--help",), AF_DB: ("--version",)}, at_most={FEW: 0.15}),
    Case(name="--help", commands={ALEMBIC: ("--help",), AF_DB: ("--help",)}, at_most={FEW: 0.5}),
)
WITH_A_HISTORY = (
    Case(name="current", commands=CURRENT, at_most={FEW: 0.2, MOST: 0.02}, memory_at_most=0.5),
    Case(
        name="upgrade, nothing to do",
        commands={name: command for name, command in UPGRADE.items() if name != PSQL}
        | {AF_DB: ("local", "upgrade"), PSYCOPG2: ()},
        at_most={FEW: 0.25, MANY: 0.15, MOST: 0.1},
    ),
    Case(
        name="history",
        commands={ALEMBIC: ("history",), AF_DB: ("local", "history")},
        at_most={MOST: 0.3},
    ),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--revisions", type=int, nargs="+", default=[FEW, MANY, MOST], help="lengths of the history"
    )


def measure(options: argparse.Namespace, server_url: str) -> Report:
    lengths = sorted(options.revisions)
    comparisons: list[Comparison] = []
    times: dict[str, dict[int, Comparison]] = {case.name: {} for case in WITH_A_HISTORY}
    for length in lengths:
        cases = WITH_A_HISTORY if length > lengths[0] else WITHOUT_A_HISTORY + WITH_A_HISTORY
        for case, measured in _asked(cases, server_url, length, options.rounds):
            name = f"{case.name}, {length:,} revisions"
            time = Comparison(
                name=name,
                unit="ms",
                measured=values(measured, lambda cost: cost.seconds * 1000),
                at_most=case.at_most.get(length),
                decimals=0,
            )
            comparisons.append(time)
            if case in WITH_A_HISTORY:
                times[case.name][length] = time
            if case.memory_at_most:
                comparisons.append(
                    Comparison(
                        name=f"peak memory of {name}",
                        unit="MiB",
                        measured=values(measured, lambda cost: cost.peak_mib),
                        at_most=case.memory_at_most,
                        decimals=1,
                    )
                )
    charts = {
        name.replace(",", "").replace(" ", "-"): chart(
            f"Wall time: {name}", "revisions of the history", by_length, limits=LIMITS
        )
        for name, by_length in times.items()
    }
    settings = {"revisions": options.revisions, "rounds": options.rounds} | tools().settings
    return compared("start", settings, comparisons, charts if len(lengths) > 1 else {})


def _asked(
    cases: Sequence[Case], server_url: str, length: int, rounds: int
) -> Iterator[tuple[Case, dict[str, list[Cost]]]]:
    """Let each tool bring a database of its own to the head, then ask them all, in turn."""
    there = tools().by_name
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {}
        for name in (name for name in CURRENT if name in there):
            there[name].write(folder / name, [NOTHING] * length)
            urls[name] = stack.enter_context(fresh_database(server_url))
            if name in UPGRADE:
                there[name].run(UPGRADE[name], folder=folder / name, url=urls[name])
        for case in cases:

            def ask(name: str, case: Case = case) -> Cost:
                return there[name].run(case.commands[name], folder=folder / name, url=urls[name])

            yield case, in_turns([name for name in case.commands if name in there], rounds, ask)
