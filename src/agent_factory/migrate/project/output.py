"""Where Alembic's own words go."""

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Send what Alembic, env.py and revisions print to stderr: stdout is for the one result."""
    with contextlib.redirect_stdout(sys.stderr):
        yield
