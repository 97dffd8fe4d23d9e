"""Measure af-db beside its peers: ``python -m benchmarks [name] [options]``; without a name, everything."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks import apply, check, forecast, rehearsal, stall, start
from benchmarks.measure import Report, server, versions
from benchmarks.picture import draw


class Benchmark(Protocol):
    """What a module of this package has that measures something."""

    __doc__: str | None

    @property
    def ROUNDS(self) -> int: ...  # noqa: N802 - a constant of the module

    @property
    def SHORT(self) -> Mapping[str, object]: ...  # noqa: N802 - its options in a short run

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Declare the sizes that can be chosen."""

    def measure(self, options: argparse.Namespace, server_url: str) -> Report:
        """Measure on this server."""


BENCHMARKS: Mapping[str, Benchmark] = {
    "start": start,
    "apply": apply,
    "check": check,
    "stall": stall,
    "rehearsal": rehearsal,
    "forecast": forecast,
}


def main(arguments: Sequence[str]) -> None:
    """Run one benchmark or all, and print, save and draw what they find."""
    parser = _parser(short="--short" in arguments)
    if arguments[:1] and (arguments[0] in ("-h", "--help") or not arguments[0].startswith("-")):
        chosen = [parser.parse_args(arguments)]
    else:
        chosen = [parser.parse_args([name, *arguments]) for name in BENCHMARKS]
    documents: list[Mapping[str, object]] = []
    with server(chosen[0].server) as server_url:
        measured_with = versions(server_url)
        _print(", ".join(f"{name} {version}" for name, version in measured_with.items()))
        for options in chosen:
            report = BENCHMARKS[options.name].measure(options, server_url)
            documents.append(report.document)
            _print(f"\n{report.text}")
            if options.json:
                document = {"versions": measured_with, "benchmarks": documents}
                options.json.write_text(json.dumps(document, indent=2) + "\n")
            if options.svg:
                options.svg.mkdir(parents=True, exist_ok=True)
                for name, chart in report.charts.items():
                    (options.svg / f"benchmark-{name}.svg").write_text(draw(chart))


def _parser(*, short: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.replace("``", ""))
    by_name = parser.add_subparsers(dest="name", required=True, metavar="name")
    for name, benchmark in BENCHMARKS.items():
        about = (benchmark.__doc__ or "").partition("\n")[0]
        own = by_name.add_parser(
            name,
            help=about,
            description=about,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
            allow_abbrev=False,
        )
        own.add_argument("--short", action="store_true", help="small sizes and one round: does it work?")
        own.add_argument("--rounds", type=int, default=benchmark.ROUNDS, help="measured rounds of each tool")
        own.add_argument(
            "--server", metavar="URL", help="a PostgreSQL of yours; the throwaway one has fsync off"
        )
        own.add_argument("--json", type=Path, metavar="FILE", help="write what was measured to this file")
        own.add_argument("--svg", type=Path, metavar="FOLDER", help="draw charts into this folder")
        benchmark.add_options(own)
        if short:
            own.set_defaults(**benchmark.SHORT)
    return parser


def _print(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - this is the program's output


if __name__ == "__main__":
    main(sys.argv[1:])
