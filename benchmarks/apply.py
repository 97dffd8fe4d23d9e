"""Applying a long chain of small revisions to an empty database, here and over a slow network.

One revision in five creates a table of five columns and an index, the others add a column to it. Each
measurement has a fresh database. A network with a round trip of its own is measured with the longest chain.
The limit is psql with the same statements in one transaction, and no word about what was applied.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

from benchmarks.chain import chain
from benchmarks.measure import Comparison, Cost, Report, chart, compared, fresh_database, in_turns, values
from benchmarks.peers import LIMITS, UPGRADE, tools
from benchmarks.slow_link import slow_link

AT_MOST = {(200, 0.0): 1.0, (1_000, 0.0): 1.0, (1_000, 1.3): 0.8}
ALLOWANCE = {200: " plus start-up"}
ROUNDS = 5
SHORT = {"rounds": 1, "revisions": [10, 50]}


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--revisions", type=int, nargs="+", default=[10, 200, 1_000], help="lengths of the chain"
    )
    parser.add_argument(
        "--delay", type=float, nargs="+", default=[0.0, 1.3], metavar="MS", help="round trips to the database"
    )


def measure(options: argparse.Namespace, server_url: str) -> Report:
    comparisons, near = [], {}
    lengths = sorted(options.revisions)
    longest = lengths[-1]
    for delay_ms in options.delay:
        for length in lengths[-1:] if delay_ms else lengths:
            measured = _apply(server_url, length, delay_ms, options.rounds)
            name = f"wall time, {length:,} revisions" + (f", {delay_ms} ms away" if delay_ms else "")
            time = Comparison(
                name=name,
                unit="s",
                measured=values(measured, lambda cost: cost.seconds),
                at_most=AT_MOST.get((length, delay_ms)),
                allowance=ALLOWANCE.get(length, ""),
            )
            comparisons.append(time)
            if not delay_ms:
                near[length] = time
    peak = values(measured, lambda cost: cost.peak_mib)
    comparisons.append(
        Comparison(name=f"peak memory, {longest:,} revisions", unit="MiB", measured=peak, decimals=1)
    )
    charts = {}
    if len(near) > 1:
        comparisons.append(_each_further_one(near, lengths[-2], longest))
        title = "Applying small revisions, one transaction each"
        charts["apply"] = chart(title, "pending revisions", near, limits=LIMITS)
    settings = {"revisions": options.revisions, "delay_ms": options.delay, "rounds": options.rounds}
    return compared("apply", settings | tools().settings, comparisons, charts)


def _apply(server_url: str, length: int, delay_ms: float, rounds: int) -> dict[str, list[Cost]]:
    """Apply the chain with each tool, in turn."""
    there = tools().by_name
    names = [name for name in UPGRADE if name in there]
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            there[name].write(Path(folder, name), chain(length))

        def upgrade(name: str) -> Cost:
            with fresh_database(server_url) as url, slow_link(url, delay_ms / 1000) as far_url:
                return there[name].run(UPGRADE[name], folder=Path(folder, name), url=far_url)

        return in_turns(names, rounds, upgrade)


def _each_further_one(times: Mapping[int, Comparison], few: int, many: int) -> Comparison:
    """What is left of the wall time when start-up is taken out: the slope between two lengths."""
    shorter, longer = times[few].measured, times[many].measured
    return Comparison(
        name=f"each further revision, {few:,} to {many:,}",
        unit="ms",
        measured={
            name: [
                (long - short) * 1000 / (many - few)
                for short, long in zip(shorter[name], longer[name], strict=True)
            ]
            for name in longer
        },
    )
