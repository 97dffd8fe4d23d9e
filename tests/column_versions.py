"""PostgreSQL's releases of November 2026: a version of each column among its options, on any server.

They keep ``pg_attver``, another number in every database, in ``pg_attribute.attoptions`` of the columns of
tables, views and composite types. A superuser may write it there on any server, which then has what a server
of today has, and refuses the option in DDL as one from before those releases does.
"""

import psycopg2

_VERSION = """
UPDATE pg_catalog.pg_attribute a
SET attoptions = coalesce(attoptions, '{}'::text[]) || ('pg_attver=' || (random() * 1e8)::integer)
FROM pg_catalog.pg_class c
WHERE c.oid = a.attrelid AND c.oid >= 16384 AND c.relkind IN ('r', 'p', 'm', 'v', 'f', 'c') AND a.attnum > 0
  AND coalesce(attoptions::text, '') !~ 'pg_attver'
"""

# In the schema that no catalog of af-db's tells of.
_VERSION_ALL_THAT_IS_MADE = f"""
CREATE SCHEMA af_db;
CREATE FUNCTION af_db.version_columns() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN {_VERSION}; END$$;
CREATE EVENT TRIGGER version_columns ON ddl_command_end WHEN TAG IN ('ALTER TABLE')
    EXECUTE FUNCTION af_db.version_columns();
"""
# Not at CREATE TABLE: a server that does not know the option takes no other one beside it either.

_FORGET = """
UPDATE pg_catalog.pg_attribute
SET attoptions = nullif(ARRAY(SELECT o FROM unnest(attoptions) o WHERE o !~ 'pg_attver'), '{}')
WHERE attoptions::text ~ 'pg_attver'
"""


def version_columns(url: str) -> None:
    """Give every column of this database a version of its own."""
    _execute(url, _VERSION)


def version_columns_from_now_on(url: str) -> None:
    """Have every column that is made in this database get one."""
    _execute(url, _VERSION_ALL_THAT_IS_MADE)


def forget_versions(url: str) -> None:
    """Take the versions away, so that a server which does not know them takes other options."""
    _execute(url, _FORGET)


def _execute(url: str, sql: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(sql)
    connection.close()
