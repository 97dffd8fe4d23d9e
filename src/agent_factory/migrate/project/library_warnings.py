"""What SQLAlchemy and Alembic warn of while they compare, in af-db's words, and what batch mode leaves out.

A warning has no class or code of its own, so its words identify it (Alembic 1.20.1, SQLAlchemy 2.1.9). One of
other words is handed on as it is.
"""

import contextlib
import re
import warnings
from collections.abc import Iterable, Iterator

_NOT_READ = r"Skipped unsupported reflection of expression-based index (?P<index>\S+)"
_NOT_COMPARED = r"autogenerate skipping metadata-specified expression-based index '(?P<index>[^']+)'"
_OMITTED = r"Unnamed CHECK constraint on reflected table"

_IN_OUR_WORDS = (
    (_NOT_READ, "the index {index}: SQLAlchemy does not read expressions of indexes on SQLite"),
    (_NOT_COMPARED, "the index {index}: SQLAlchemy does not read expressions of indexes on SQLite"),
)


def in_our_words(said: Iterable[object]) -> tuple[str, ...]:
    """Return each warning once, in af-db's words where it has some: several may be of one thing."""
    return tuple(dict.fromkeys(_translated(" ".join(str(message).split())) for message in said))


def _translated(said: str) -> str:
    for pattern, words in _IN_OUR_WORDS:
        if match := re.match(pattern, said):
            return words.format(**match.groupdict())
    return said


@contextlib.contextmanager
def losses_kept_quiet() -> Iterator[None]:
    """Have nobody be warned of what batch mode loses: for the block, it is kept, or named in an error."""
    with warnings.catch_warnings():
        for message in (_NOT_READ, _OMITTED):
            warnings.filterwarnings("ignore", message)
        yield
