"""What af-db reads of SQLAlchemy that no documentation promises; no other module does.

Each name has a test of its own, which fails by that name when a SQLAlchemy no longer has it:
tests/unit/migrate/db/test_sqlalchemy_internals.py. Read in SQLAlchemy 2.0.40 and 2.1.9.
"""

from collections.abc import Collection

import sqlalchemy as sa


def sequences_of(metadata: sa.MetaData) -> Collection[sa.Sequence]:
    """Return the sequences that were made with this metadata, or that a column of its tables has.

    A MetaData has a public list of its tables only. What ``create_all()`` says to an engine that executes
    nothing has them too, but calls the models' own event listeners once more.
    """
    return metadata._sequences.values()
