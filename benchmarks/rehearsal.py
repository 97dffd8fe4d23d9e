"""The wall time of a plan that is rehearsed: this project's own revisions, and a long chain of small ones.

Start of the throwaway server, copy of the schema, rehearsal, counts and report are in it. There is no peer
that does the same, so what stands beside it is a plan without a rehearsal.
"""

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.apply import add_chain
from benchmarks.measure import command_line, fresh_database, project_in, server, table

ROOT = Path(__file__).resolve().parents[1]
AT_MOST_S = 10.0


def main(arguments: Sequence[str]) -> None:
    """Measure, and print the report."""
    parser = command_line(__doc__, rounds=5)
    parser.add_argument("--revisions", type=int, default=300, help="length of the chain")
    options = parser.parse_args(arguments)
    lines: list[tuple[str, ...]] = [("median (least - most), s", "rehearsed", "not rehearsed", "target")]
    with contextlib.ExitStack() as stack:
        chain = project_in(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        add_chain(chain, options.revisions)
        server_url = stack.enter_context(server(options.server))
        for name, root, first in (
            ("this project, 001 -> 002", ROOT, "001"),
            (f"a chain of {options.revisions} revisions", chain.root, None),
        ):
            with fresh_database(server_url) as url:
                if first:
                    run(root, url, "prod", "upgrade", first, "--yes", "--no-rehearsal")
                measured = [
                    [run(root, url, "prod", "plan", *more) for _round in range(options.rounds)]
                    for more in ((), ("--no-rehearsal",))
                ]
            lines.append((name, *map(told, measured), f"at most {AT_MOST_S:.0f}"))
    print(f"rehearsal: rounds {options.rounds}\n\n{table(lines)}")  # noqa: T201 - this is the program's output


def run(root: Path, url: str, *arguments: str) -> float:
    """Run af-db; return its seconds. Raises RuntimeError when it failed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    began = time.perf_counter()
    finished = subprocess.run(
        [str(Path(sys.executable).with_name("af-db")), *arguments],
        cwd=root,
        env=kept | {"DATABASE_URL": url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        raise RuntimeError(f"af-db {arguments} ended with {finished.returncode}:\n{finished.stderr}")
    return time.perf_counter() - began


def told(seconds: Sequence[float]) -> str:
    return f"{statistics.median(seconds):.2f} ({min(seconds):.2f} - {max(seconds):.2f})"


if __name__ == "__main__":
    main(sys.argv[1:])
