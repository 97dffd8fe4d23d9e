"""Two conditions that allow the same rows, as PostgreSQL's planner proves: ``x = 'a' OR x = 'b'`` and IN.

A table that has the one as its CHECK holds no row that the other refuses, if the planner leaves that table
out of a query for such rows. Where it does so both ways, the two are one. What it cannot prove differs.
"""

import re

import psycopg2
import sqlalchemy as sa

from agent_factory.migrate.catalog import Catalog, Spellings, spelled_differently
from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.db.driver import Cursor

_CHECK = re.compile(r"CHECK \((?P<condition>.*)\)", re.DOTALL)


def find_same_conditions(connection: sa.Connection, models: Catalog, migrations: Catalog) -> Spellings:
    """Return which CHECKs of the migrations allow what those of the models do.

    ``connection`` is to a throwaway database that has the models' tables; nothing stays in it.
    """
    differing = {key for key, name in spelled_differently(models, migrations) if name == "definition"}
    others = {one.key: one for one in migrations.objects}
    later = {}
    for one in models.objects:
        if one.key not in differing or one.kind != "constraint" or one.table is None:
            continue
        ours, theirs = one.clauses[0], others[one.key].clauses[0]
        if _allow_the_same(connection, one.table, ours, theirs):
            later[one.key, "definition", theirs] = ours
    return Spellings(later=later)


def _allow_the_same(connection: sa.Connection, table: str, one: str, other: str) -> bool:
    checks = [_CHECK.fullmatch(clause) for clause in (one, other)]
    if not all(checks):
        return False
    conditions = [check["condition"] for check in checks if check is not None]
    try:
        with own_cursor(connection) as cursor:
            return all(_allows_no_more(cursor, table, *pair) for pair in (conditions, conditions[::-1]))
    except psycopg2.Error:
        return False  # then they differ
    finally:
        connection.rollback()


def _allows_no_more(cursor: Cursor, table: str, one: str, other: str) -> bool:
    """Say whether a table with the one as its only CHECK has no row for which the other is false."""
    cursor.execute("SET LOCAL constraint_exclusion = on; DROP TABLE IF EXISTS pg_temp.af_db_proof")
    cursor.execute(f"CREATE TEMP TABLE af_db_proof (LIKE {table})")
    cursor.execute(f"ALTER TABLE pg_temp.af_db_proof ADD CHECK ({one})")
    cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT FROM pg_temp.af_db_proof WHERE NOT ({other})")
    (([plan],),) = cursor.fetchall()
    return bool(plan["Plan"].get("One-Time Filter") == "false")
