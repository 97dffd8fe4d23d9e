"""``make compat``: real projects with their own, unmodified env.py; the table of docs/compatibility.md."""

import argparse
import sys
from pathlib import Path

from tests.compat.projects import PROJECTS
from tests.compat.trial import Row, Trial
from tests.postgres import throwaway_server


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only these projects")
    parser.add_argument("--folder", type=Path, default=Path("compat"), help="where the environments are made")
    given = parser.parse_args()
    chosen = [project for project in PROJECTS if not given.names or project.name in given.names]
    rows = []
    with throwaway_server() as server:
        for project in chosen:
            row = Trial(project, server, given.folder.absolute()).run()
            rows.append(row)
            print(_line(row), file=sys.stderr, flush=True)  # noqa: T201
    print("| project | version | Alembic | revisions | came out |\n|---|---|---|---|---|")  # noqa: T201
    for row in rows:
        print(_line(row))  # noqa: T201
    return any(not row.is_good for row in rows)


def _line(row: Row) -> str:
    ways = "up, down and up" if row.goes_down else "up (no revision has a downgrade)"
    came_out = row.said or f"same schema and versions, {ways}; plan: {row.steps['plan']}"
    if "install" in row.steps:
        came_out += f" ({row.steps['install']})"
    return f"| {row.name} | {row.version} | {row.alembic} | {row.revisions} | {came_out} |"


if __name__ == "__main__":
    sys.exit(main())
