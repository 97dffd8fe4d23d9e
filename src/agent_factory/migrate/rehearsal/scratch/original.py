"""What of production a copy of its schema has to be like, besides what pg_dump writes."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from agent_factory.migrate.db.cursors import own_cursor
from agent_factory.migrate.rehearsal.scratch.access import Access, read_access

MATCHED_SETTINGS = (
    "TimeZone",  # decides whether timestamp -> timestamptz rewrites a table
    "DateStyle",
    "IntervalStyle",
    "search_path",
    "default_table_access_method",
    "default_toast_compression",
    "default_text_search_config",
    "default_transaction_isolation",
    "row_security",
    "check_function_bodies",
    "standard_conforming_strings",
    "transform_null_equals",
    "array_nulls",
    "bytea_output",
    "xmloption",
    "lc_monetary",
    "lc_numeric",
    "lc_time",
)
"""What changes the meaning of a revision's SQL, as a new session on production has it."""

_FACTS = """
SELECT current_setting('server_version_num')::int / 10000,
       current_user,
       (SELECT array_agg(spcname::text ORDER BY spcname) FROM pg_tablespace WHERE spcname !~ '^pg_'),
       (SELECT array_agg(subname::text ORDER BY subname) FROM pg_subscription
        WHERE subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())),
       (SELECT array_agg(format('%I.%I', n.nspname, c.relname))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind = 'm' AND c.relispopulated),
       EXISTS (SELECT FROM pg_namespace WHERE nspname = 'public'),
       (SELECT jsonb_object_agg(extname, extversion) FROM pg_extension)
"""
_SETTINGS = "SELECT name, reset_val FROM pg_settings WHERE name = ANY (%s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """``filled_views`` are the materialized views that can be read, as SQL names them; ``settings`` are those
    of MATCHED_SETTINGS; ``extensions`` gives their versions. ``tablespaces`` are those that PostgreSQL does
    not make itself."""

    major: int
    role: str
    access: Access
    tablespaces: tuple[str, ...]
    subscriptions: tuple[str, ...]
    filled_views: frozenset[str]
    has_public: bool
    settings: Mapping[str, str]
    extensions: Mapping[str, str]


def read_original(connection: sa.Connection) -> Original:
    """Read what is asked about production; an ordinary role may."""
    with own_cursor(connection) as cursor:
        cursor.execute(_FACTS)
        (facts,) = cursor.fetchall()
        # What RESET would bring back: psycopg2 itself sets DateStyle when it connects.
        cursor.execute(_SETTINGS, [list(MATCHED_SETTINGS)])
        settings = dict(cursor.fetchall())
        access = read_access(cursor)
    major, role, tablespaces, subscriptions, views, has_public, extensions = facts
    return Original(
        major=major,
        role=role,
        access=access,
        tablespaces=tuple(tablespaces or ()),
        subscriptions=tuple(subscriptions or ()),
        filled_views=frozenset(views or ()),
        has_public=has_public,
        settings=settings,
        extensions=extensions or {},
    )
