"""The statement that makes an object of a catalog into what it should be.

Only where the two definitions say it for certain, and never one that deletes rows: there is no DROP TABLE
here, no DROP COLUMN, no DROP SEQUENCE, no DROP EXTENSION. A statement that does not fit what catalogs do not
tell, such as a constraint that rows violate or a type that is in use, is refused by the database and changes
nothing.
"""

from agent_factory.migrate.catalog.remedies.find import find_remedy

__all__ = ["find_remedy"]
