"""What somebody may do to comments, owners, grants, and to the database as a whole."""

from tests.integration.catalog.change import change

COMMENTS = [
    change(
        "comment on a table",
        "COMMENT ON TABLE app.users IS 'others'",
        ("comment", "TABLE app.users"),
    ),
    change(
        "comment on a column gone",
        "COMMENT ON COLUMN app.users.name IS NULL",
        ("comment", "COLUMN app.users.name"),
    ),
    change(
        "comment on a column added",
        "COMMENT ON COLUMN app.users.age IS 'in years'",
        ("comment", "COLUMN app.users.age"),
    ),
    change(
        "comment on an enum",
        "COMMENT ON TYPE app.mood IS 'how'",
        ("comment", "TYPE app.mood"),
    ),
    change(
        "comment on a view's column",
        "COMMENT ON COLUMN app.adults.id IS 'who'",
        ("comment", "COLUMN app.adults.id"),
    ),
    change(
        "owner of a table",
        "ALTER TABLE app.marks OWNER TO pg_read_all_stats",
        ("owner", "TABLE app.marks"),
    ),
    change(
        "owner of a table with a sequence",
        "ALTER TABLE app.tickets OWNER TO pg_read_all_stats",
        ("owner", "TABLE app.tickets"),
    ),
    change(
        "owner of a function",
        "ALTER FUNCTION app.same(text, text) OWNER TO pg_monitor",
        ("owner", "FUNCTION app.same(text, text)"),
    ),
    change(
        "owner gave up a privilege",
        "REVOKE DELETE ON app.tenants FROM CURRENT_USER",
        ("owner", "TABLE app.tenants"),
    ),
    change(
        "grant",
        "GRANT DELETE ON app.tenants TO pg_read_all_stats",
        ("grant", "TABLE app.tenants TO pg_read_all_stats"),
    ),
    change(
        "grant of more",
        "GRANT DELETE ON app.users TO pg_monitor",
        ("grant", "TABLE app.users TO pg_monitor"),
    ),
    change(
        "grant with grant option",
        "GRANT SELECT ON app.users TO pg_monitor WITH GRANT OPTION",
        ("grant", "TABLE app.users TO pg_monitor"),
    ),
    change(
        "grant to everybody",
        "GRANT SELECT ON app.tenants TO PUBLIC",
        ("grant", "TABLE app.tenants TO PUBLIC"),
    ),
    change(
        "grant revoked",
        "REVOKE INSERT ON app.users FROM pg_monitor",
        ("grant", "TABLE app.users TO pg_monitor"),
    ),
    change(
        "grant on a column",
        "GRANT SELECT (email) ON app.users TO pg_monitor",
        ("grant", "COLUMN app.users.email TO pg_monitor"),
    ),
    change(
        "grant on a column revoked",
        "REVOKE UPDATE (name) ON app.users FROM pg_read_all_data",
        ("grant", "COLUMN app.users.name TO pg_read_all_data"),
    ),
    change(
        "grant on a schema",
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        ("grant", "SCHEMA public TO PUBLIC"),
    ),
    change(
        "grant on a view",
        "REVOKE SELECT ON app.adults FROM pg_monitor",
        ("grant", "VIEW app.adults TO pg_monitor"),
    ),
    change(
        "grant on a function",
        "GRANT EXECUTE ON FUNCTION app.touch() TO PUBLIC",
        ("grant", "FUNCTION app.touch() TO PUBLIC"),
    ),
    change(
        "grant option revoked",
        "REVOKE GRANT OPTION FOR EXECUTE ON FUNCTION app.double(integer, integer) FROM pg_monitor",
        ("grant", "FUNCTION app.double(integer, integer) TO pg_monitor"),
    ),
    change(
        "grant on a type revoked",
        "REVOKE USAGE ON TYPE app.spans FROM PUBLIC",
        ("grant", "TYPE app.spans TO PUBLIC"),
    ),
    change(
        "grant on a foreign server",
        "GRANT USAGE ON FOREIGN SERVER elsewhere TO pg_monitor",
        ("grant", "SERVER elsewhere TO pg_monitor"),
    ),
    change(
        "default privileges added",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT DELETE ON TABLES TO pg_read_all_data",
        ("default privileges", "FOR ROLE af_db_scratch IN SCHEMA app ON TABLES TO pg_read_all_data"),
    ),
    change(
        "default privileges gone",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM pg_monitor",
        ("default privileges", "FOR ROLE af_db_scratch IN SCHEMA app ON TABLES TO pg_monitor"),
    ),
    change(
        "default privileges given back",
        "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        ("default privileges", "FOR ROLE af_db_scratch ON FUNCTIONS TO PUBLIC"),
    ),
]
OF_THE_WHOLE_DATABASE = [
    change(
        "schema added",
        "CREATE SCHEMA extra; CREATE TABLE extra.t (id integer)",
        ("schema", "extra"),
        has_remedy=False,
    ),
    change(
        "schema added, empty",
        "CREATE SCHEMA extra",
        ("schema", "extra"),
    ),
    change(
        "schema dropped",
        'DROP SCHEMA "Odd Schema" CASCADE',
        ("publication", "oddities"),
        ("schema", '"Odd Schema"'),
        has_remedy=False,
    ),
    change(
        "extension of another version",
        "UPDATE pg_extension SET extversion = '0.9'",
        ("extension", "plpgsql"),
        has_remedy=False,
    ),
    change(
        "event trigger disabled",
        "ALTER EVENT TRIGGER watch_ddl DISABLE",
        ("event trigger", "watch_ddl"),
    ),
    change(
        "event trigger dropped",
        "DROP EVENT TRIGGER watch_ddl",
        ("event trigger", "watch_ddl"),
    ),
    change(
        "publication's tables",
        "ALTER PUBLICATION changes DROP TABLE app.tenants",
        ("publication", "changes"),
    ),
    change(
        "publication's row filter",
        "ALTER PUBLICATION changes SET TABLE app.tenants, app.users (id, name) WHERE (age > 6)",
        ("publication", "changes"),
    ),
    change(
        "publication's operations",
        "ALTER PUBLICATION changes SET (publish = 'insert, truncate')",
        ("publication", "changes"),
    ),
    change(
        "foreign server's host",
        "ALTER SERVER elsewhere OPTIONS (SET host 'db2.example.org')",
        ("foreign server", "elsewhere"),
        has_remedy=False,
    ),
    change(
        "text search mapping",
        "ALTER TEXT SEARCH CONFIGURATION app.words DROP MAPPING FOR word",
        ("text search configuration", "app.words"),
        has_remedy=False,
    ),
    change(
        "text search dictionary",
        "ALTER TEXT SEARCH DICTIONARY app.plain (accept = true)",
        ("text search dictionary", "app.plain"),
        has_remedy=False,
    ),
]
CHANGES = [*COMMENTS, *OF_THE_WHOLE_DATABASE]
