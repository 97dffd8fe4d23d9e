"""What ends a command from outside, set apart from a KeyboardInterrupt that project code raises by itself."""

import signal
from types import FrameType


class Interruption(KeyboardInterrupt):
    """A signal asks this process to end: no ``except Exception`` stops it."""


def interrupt(_number: int, _frame: FrameType | None) -> None:
    """Handle the signal that ends the process apart."""
    raise Interruption


def is_interruption(error: BaseException) -> bool:
    """Say whether a signal has raised this, and not the code that was run.

    In a process where the signal is handled elsewhere, every KeyboardInterrupt may be one.
    """
    if isinstance(error, Interruption):
        return True
    return isinstance(error, KeyboardInterrupt) and signal.getsignal(signal.SIGINT) is not interrupt
