"""What somebody may do to types, views, functions, triggers, policies."""

from tests.integration.catalog.change import change

TYPES = [
    change(
        "enum label added at the end",
        "ALTER TYPE app.mood ADD VALUE 'great'",
        ("enum", "app.mood"),
        has_remedy=False,
    ),
    change(
        "enum labels missing",
        "DROP TYPE app.size; CREATE TYPE app.size AS ENUM ('medium')",
        ("enum", "app.size"),
    ),
    change(
        "enum labels in another order",
        "DROP TYPE app.size; CREATE TYPE app.size AS ENUM ('large', 'medium', 'small')",
        ("enum", "app.size"),
        has_remedy=False,
    ),
    change(
        "enum label renamed",
        "ALTER TYPE app.mood RENAME VALUE 'sad' TO 'blue'",
        ("enum", "app.mood"),
        has_remedy=False,
    ),
    change(
        "domain's default",
        "ALTER DOMAIN app.email DROP DEFAULT",
        ("domain", "app.email"),
    ),
    change(
        "domain's not null",
        "ALTER DOMAIN app.email DROP NOT NULL",
        ("domain", "app.email"),
    ),
    change(
        "domain's check",
        "ALTER DOMAIN app.email DROP CONSTRAINT email_has_at; "
        "ALTER DOMAIN app.email ADD CONSTRAINT email_has_at CHECK (VALUE <> ''); "
        "COMMENT ON CONSTRAINT email_has_at ON DOMAIN app.email IS 'roughly'",
        ("constraint", "app.email.email_has_at"),
    ),
    change(
        "composite type",
        "ALTER TYPE app.address ADD ATTRIBUTE country text",
        ("type", "app.address"),
        has_remedy=False,
    ),
    change(
        "range type added",
        "CREATE TYPE app.days AS RANGE (subtype = date)",
        ("type", "app.days"),
    ),
    change(
        "collation dropped",
        "DROP COLLATION app.by_bytes",
        ("collation", "app.by_bytes"),
    ),
]
VIEWS = [
    change(
        "view dropped",
        "DROP VIEW app.names",
        ("view", "app.names"),
    ),
    change(
        "view added",
        "CREATE VIEW app.all_users AS SELECT * FROM app.users",
        ("view", "app.all_users"),
    ),
    change(
        "view changed",
        "CREATE OR REPLACE VIEW app.names AS SELECT name FROM app.users WHERE age > 5",
        ("view", "app.names"),
    ),
    change(
        "view with another column",
        "CREATE OR REPLACE VIEW app.names AS SELECT name, age FROM app.users",
        ("view", "app.names"),
        has_remedy=False,
    ),
    change(
        "view's options",
        "ALTER VIEW app.adults SET (security_barrier = false)",
        ("view", "app.adults"),
    ),
    change(
        "view's default",
        "ALTER VIEW app.names ALTER COLUMN name SET DEFAULT 'x'",
        ("view", "app.names"),
        has_remedy=False,
    ),
    change(
        "materialized view dropped",
        "DROP MATERIALIZED VIEW app.unfilled",
        ("materialized view", "app.unfilled"),
    ),
    change(
        "materialized view emptied",
        "REFRESH MATERIALIZED VIEW app.summary WITH NO DATA",
        ("populated", "app.summary"),
    ),
    change(
        "materialized view filled",
        "REFRESH MATERIALIZED VIEW app.unfilled",
        ("populated", "app.unfilled"),
        has_remedy=False,
    ),
]
FUNCTIONS = [
    change(
        "function dropped",
        "DROP FUNCTION app.double(integer, integer)",
        ("function", "app.double(integer, integer)"),
    ),
    change(
        "function's body",
        "CREATE OR REPLACE FUNCTION app.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS "
        "'SELECT upper($1) = upper($2)'",
        ("function", "app.same(text, text)"),
    ),
    change(
        "function's volatility",
        "ALTER FUNCTION app.same(text, text) VOLATILE",
        ("function", "app.same(text, text)"),
    ),
    change(
        "function made security definer",
        "ALTER FUNCTION app.touch() SECURITY DEFINER",
        ("function", "app.touch()"),
    ),
    change(
        "function's settings",
        "ALTER FUNCTION app.touch() SET search_path = app",
        ("function", "app.touch()"),
    ),
    change(
        "function's default argument",
        "CREATE OR REPLACE FUNCTION app.double(value integer, times integer DEFAULT 3) RETURNS integer "
        "LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'SELECT value * times'",
        ("function", "app.double(integer, integer)"),
        has_remedy=False,
    ),
    change(
        "function overloaded",
        "CREATE FUNCTION app.double(text) RETURNS text LANGUAGE sql AS 'SELECT $1 || $1'",
        ("function", "app.double(text)"),
    ),
    change(
        "procedure",
        "DROP PROCEDURE app.tidy(boolean)",
        ("procedure", "app.tidy(boolean)"),
    ),
    change(
        "aggregate",
        "DROP AGGREGATE app.total(integer)",
        ("aggregate", "app.total(integer)"),
    ),
    change(
        "operator",
        "DROP OPERATOR app.=~= (text, text)",
        ("operator", "app.=~= (text, text)"),
        has_remedy=False,
    ),
    change(
        "cast",
        "DROP CAST (app.mood AS app.address)",
        ("cast", "(app.mood AS app.address)"),
    ),
]
TRIGGERS = [
    change(
        "trigger dropped",
        "DROP TRIGGER sleeping ON app.users",
        ("trigger", "app.users.sleeping"),
    ),
    change(
        "trigger added",
        "CREATE TRIGGER extra AFTER INSERT ON app.users EXECUTE FUNCTION app.touch()",
        ("trigger", "app.users.extra"),
    ),
    change(
        "trigger's condition",
        "CREATE OR REPLACE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION "
        "app.touch()",
        ("trigger", "app.users.touch"),
    ),
    change(
        "trigger disabled",
        "ALTER TABLE app.users DISABLE TRIGGER touch",
        ("trigger", "app.users.touch"),
    ),
    change(
        "trigger enabled",
        "ALTER TABLE app.users ENABLE TRIGGER sleeping",
        ("trigger", "app.users.sleeping"),
    ),
    change(
        "trigger on replicas only",
        "ALTER TABLE app.users ENABLE REPLICA TRIGGER touch",
        ("trigger", "app.users.touch"),
    ),
    change(
        "trigger of a partitioned table",
        "DROP TRIGGER note ON app.events",
        ("trigger", "app.events.note"),
    ),
    change(
        "rule dropped",
        "DROP RULE keep ON app.tenants",
        ("rule", "app.tenants.keep"),
    ),
    change(
        "rule disabled",
        "ALTER TABLE app.tenants DISABLE RULE keep",
        ("rule", "app.tenants.keep"),
    ),
    change(
        "policy dropped",
        "DROP POLICY strict ON app.users",
        ("policy", "app.users.strict"),
    ),
    change(
        "policy added",
        "CREATE POLICY everybody ON app.users USING (true)",
        ("policy", "app.users.everybody"),
    ),
    change(
        "policy's expression",
        "ALTER POLICY own ON app.users USING (age > 21)",
        ("policy", "app.users.own"),
    ),
    change(
        "policy's roles",
        "ALTER POLICY own ON app.users TO pg_monitor",
        ("policy", "app.users.own"),
    ),
    change(
        "policy made permissive",
        "DROP POLICY strict ON app.users; "
        "CREATE POLICY strict ON app.users USING (true) WITH CHECK (age > 1)",
        ("policy", "app.users.strict"),
    ),
    change(
        "extended statistics dropped",
        "DROP STATISTICS app.st_users",
        ("statistics", "app.st_users"),
    ),
    change(
        "extended statistics' target",
        "ALTER STATISTICS app.st_users SET STATISTICS 50",
        ("statistics", "app.st_users"),
    ),
]
CHANGES = [*TYPES, *VIEWS, *FUNCTIONS, *TRIGGERS]
