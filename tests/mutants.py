"""Whether the tests notice when the code is wrong: of a sample of small changes to it, each has to fail one.

``make mutants`` runs the tests once with line coverage, and then for each change those that execute its line.
It takes an hour, so no other command runs it. A change that no test notices has survived. What means the same
as the code before is named in EQUIVALENT, with the reason, and left out.
"""

import argparse
import itertools
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from coverage import CoverageData

ROOT = Path(__file__).parent.parent
PACKAGE = Path("src/agent_factory/migrate")
SAMPLED = ("engine/*.py", "review/consents.py", "journal/*.py", "catalog/compare.py")
MEANS_THE_SAME = ("Is_Eq", "IsNot_NotEq", "Eq_Is", "NotEq_IsNot")
"""Operators that change what no value here shows, such as ``== None`` for ``is None``."""
OF_NO_USE = ("BitOr", "BitAnd", "Variable", "RemoveDecorator")
"""Operators that mostly change types, want names to change, or make what no module can be imported with."""
FIRST_TESTS = 40
UNIT_TESTS = "tests/unit/"
OF_OTHER_PROCESSES = ("tests/acceptance/faults",)
"""Tests whose commands are processes of their own, so that nobody knows which lines they execute."""
EQUIVALENT = {
    "committed: list[str] = field(default_factory=list, init=True)": "nobody gives it",
    "_next: int = field(default= 1, init=False)": "begin() sets it first",
    "@dataclass(slots=False, kw_only=True)": "slots save memory",
    "@dataclass(frozen=True, slots=False, kw_only=True)": "slots save memory",
    "if now - stopping_since >= ABORT_AFTER_CANCELLING_S:": "no clock stands still at this moment",
    "time.sleep( 1.2)": "the same answer a second later",
    "ended: TransactionEndedError | None = field(default=None, init=True)": "nobody gives it",
    'return self.state == "applied" and self.direction >= Direction.UPGRADE': "there are two directions",
    "/,": "parameters are given by their names, in their order",
    "DROP_LOCK_TIMEOUT_S = 61.0": "a patience of a minute, in a fault that is proven with less",
}
"""The changed line, stripped, of each sampled change that means the same, and why it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A change of one place: ``code`` is the whole file with it."""

    path: Path
    line: int
    operator: str
    code: str
    changed: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.operator}: {self.changed}"


def places() -> list[tuple[Path, str, int]]:
    """Return the file, the operator and the number of each change that can be made, in a fixed order."""
    names = sorted(
        name for name in operator_names() if not any(word in name for word in (*MEANS_THE_SAME, *OF_NO_USE))
    )
    found = []
    for pattern in SAMPLED:
        for path in sorted((ROOT / PACKAGE).glob(pattern)):
            nodes = list(_nodes(get_ast(path.read_text(encoding="utf-8"))))
            for name in names:
                operator = get_operator(name)()
                count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
                found += [(path, name, number) for number in range(count)]
    return found


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def mutant(path: Path, name: str, number: int) -> Mutant | None:
    """Make one change; None where it is none, or one that no interpreter takes."""
    source = path.read_text(encoding="utf-8")
    try:
        code = mutate_code(source, get_operator(name)(), number)
        compile(code, path, "exec")
    except (AttributeError, SyntaxError, TypeError):  # of the tool, with what it does not know
        return None
    line, changed = _first_difference(source, code)
    return Mutant(
        path=path.relative_to(ROOT),
        line=line,
        operator=name.partition("/")[2],
        code=code,
        changed=changed,
    )


def _first_difference(before: str, after: str) -> tuple[int, str]:
    for number, (old, new) in enumerate(itertools.zip_longest(before.splitlines(), after.splitlines()), 1):
        if old != new:
            return number, (new or "").strip()
    return 0, ""


def tests_by_line(data_file: Path) -> dict[tuple[str, int], list[str]]:
    """Return the tests that execute each line, by file and line.

    A line that only an import executes, such as a default or a limit, has the unit tests of its file.
    """
    data = CoverageData(str(data_file))
    data.read()
    found: dict[tuple[str, int], list[str]] = defaultdict(list)
    for file in sorted(data.measured_files()):
        if str(PACKAGE) not in file:
            continue
        name = file[file.index(str(PACKAGE)) :]
        by_line = {
            line: sorted({context.partition("|")[0] for context in contexts if context})
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        of_file = {test for tests in by_line.values() for test in tests if test.startswith(UNIT_TESTS)}
        for line, tests in by_line.items():
            found[name, line] = tests or sorted(of_file)
    return found


def in_turns(tests: Sequence[str]) -> list[str]:
    """Return the tests so that each file has its turn: the first few then come from many."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        files[test.partition("::")[0]].append(test)
    turns = itertools.zip_longest(*(files[name] for name in sorted(files)))
    return [test for turn in turns for test in turn if test is not None]


class Trees:
    """Copies of the source for the workers; ``PYTHONPATH`` puts one before the installed package."""

    def __init__(self, count: int, folder: Path, timeout_s: int) -> None:
        self._timeout_s = timeout_s
        self._free: SimpleQueue[Path] = SimpleQueue()
        for number in range(count):
            tree = folder / str(number)
            shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__"))
            self._free.put(tree)

    def is_noticed(self, mutant: Mutant, tests: Sequence[str]) -> bool:
        """Say whether one of these tests fails with the change."""
        tree = self._free.get()
        file = tree / mutant.path
        original = file.read_text(encoding="utf-8")
        try:
            file.write_text(mutant.code, encoding="utf-8")
            parts = (tests[:FIRST_TESTS], tests[FIRST_TESTS:], OF_OTHER_PROCESSES)
            return any(_fails(tree, part, self._timeout_s) for part in parts if part)
        except subprocess.TimeoutExpired:
            print(f"noticed by its time limit alone: {mutant}", flush=True)  # noqa: T201
            return True
        finally:
            file.write_text(original, encoding="utf-8")
            self._free.put(tree)


def _fails(tree: Path, tests: Sequence[str], timeout_s: int) -> bool:
    command = (sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", *tests)
    environment = os.environ | {"PYTHONPATH": str(tree / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, timeout=timeout_s, check=False
    )
    return ran.returncode != 0


def sample(count: int, seed: int) -> list[Mutant]:
    """Return so many changes, by chance, without those that mean the same."""
    every = places()
    random.Random(seed).shuffle(every)  # noqa: S311 - it only has to be the same each time
    made = (mutant(*place) for place in every)
    wanted = (one for one in made if one and one.changed not in EQUIVALENT)
    return list(itertools.islice(wanted, count))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--coverage", type=Path, required=True, help="what a run with --cov-context=test wrote"
    )
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--timeout", type=int, default=240, help="seconds of each of the parts of a change's tests"
    )
    parser.add_argument("--out", type=Path, help="where the survivors are written as JSON")
    given = parser.parse_args()
    tests = tests_by_line(given.coverage)
    chosen = sample(given.count, given.seed)
    survivors = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(given.workers) as pool:
        trees = Trees(given.workers, Path(folder), given.timeout)
        picked = [in_turns(tests.get((str(mutant.path), mutant.line), ())) for mutant in chosen]
        for mutant, noticed in zip(chosen, pool.map(trees.is_noticed, chosen, picked), strict=True):
            if not noticed:
                survivors.append(mutant)
                print(f"survived: {mutant}", flush=True)  # noqa: T201
    print(f"{len(survivors)} of {len(chosen)} survived")  # noqa: T201
    if given.out:
        given.out.write_text(json.dumps([str(mutant) for mutant in survivors], indent=2))
    return len(survivors) * 20 >= len(chosen)


if __name__ == "__main__":
    sys.exit(main())
