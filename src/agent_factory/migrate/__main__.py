"""``python -m agent_factory.migrate``, and the console script ``af-db``."""

import contextlib
import gc
import os
import sys
from io import TextIOWrapper
from pathlib import Path


def main() -> None:
    # A tenth of the start-up is the collector's, which visits classes that live as long as the process.
    gc.disable()
    for number in (0, 1, 2):
        # Closed by the caller (<&-, >&-): else the next socket or pipe gets its number, and what is printed.
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest that is free
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by the caller (>&-): nobody listens, and nothing may fail for that.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, TextIOWrapper):
            # What the encoding has no character for must not keep anybody from the rest, nor what was typed.
            with contextlib.suppress(OSError):  # it flushes
                stream.reconfigure(errors="backslashreplace")
    try:
        from agent_factory.migrate.quick import answer

        code = answer(sys.argv[1:])
        if code is None:
            from agent_factory.migrate.cli.main import main as run_command_line
    except KeyboardInterrupt:
        sys.exit(130)
    if code is None:
        run_command_line()
    sys.exit(code)


if __name__ == "__main__":
    main()
