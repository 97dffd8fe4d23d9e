"""What somebody may do to the sample database by hand, and what a comparison should say of each."""

from tests.integration.catalog.changes.change import Change
from tests.integration.catalog.changes.code import FUNCTIONS, TRIGGERS, TYPES, VIEWS
from tests.integration.catalog.changes.constraints import CONSTRAINTS, INDEXES
from tests.integration.catalog.changes.rights import COMMENTS, OF_THE_WHOLE_DATABASE
from tests.integration.catalog.changes.tables import COLUMNS, SEQUENCES, TABLES

CHANGES = [
    *(*TABLES, *COLUMNS, *SEQUENCES, *CONSTRAINTS, *INDEXES, *TYPES, *VIEWS, *FUNCTIONS, *TRIGGERS),
    *(*COMMENTS, *OF_THE_WHOLE_DATABASE),
]

__all__ = ["CHANGES", "Change"]
