"""Bodies of revisions that take long, wait for the test, or go wrong at one point."""

from pathlib import Path

SLEEP = "op.execute('SELECT pg_sleep(20)')"

WAIT_AT_GATE = (
    'op.execute("DO $$BEGIN LOOP EXIT WHEN EXISTS (SELECT FROM beside.gate);'
    ' PERFORM pg_sleep(0.01); END LOOP; END$$")'
)
"""One statement that lasts until the test opens the gate. It holds no lock that anybody waits for."""

GATE = "beside.gate"
"""A part of that statement."""

BUILD_INDEX = """
with op.get_context().autocommit_block():
    op.create_index("ix_t_a", "t", ["a"], postgresql_concurrently=True)
"""

BUILD_UNIQUE_INDEX = """
with op.get_context().autocommit_block():
    op.create_index("ix_t_a", "t", ["a"], unique=True, postgresql_concurrently=True)
"""

CONCURRENTLY = "CREATE INDEX CONCURRENTLY"


def make_table(name: str) -> str:
    return f'op.create_table("{name}", sa.Column("id", sa.Integer, primary_key=True))'


def wait_for_file(path: Path) -> str:
    """Wait in Python: no statement runs meanwhile."""
    return (
        "import pathlib, time\n"
        "deadline = time.monotonic() + 20\n"
        f"while not pathlib.Path({str(path)!r}).exists() and time.monotonic() < deadline:\n"
        "    time.sleep(0.01)\n"
    )


def lines(*parts: str) -> str:
    return "\n".join(part.strip("\n") for part in parts)
