"""Where Alembic's own words go."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stdout_kept_clean() -> Iterator[None]:
    """Send what Alembic, env.py, revisions and their subprocesses print to stderr."""
    with contextlib.ExitStack() as undo:
        with contextlib.suppress(OSError):  # a descriptor may be closed
            sys.stdout.flush()
            kept = os.dup(1)
            os.dup2(2, 1)
            undo.callback(os.close, kept)
            undo.callback(os.dup2, kept, 1)
        undo.enter_context(contextlib.redirect_stdout(sys.stderr))
        yield
