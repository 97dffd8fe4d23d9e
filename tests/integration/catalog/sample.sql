-- A database with one of nearly everything that PostgreSQL 15 knows, for the tests of the catalog.
-- Grantees and owners are roles that every server has, since roles are shared by all databases of a server.

CREATE SCHEMA app;
CREATE SCHEMA "Odd Schema";
COMMENT ON SCHEMA app IS 'what the application owns';
GRANT USAGE ON SCHEMA app TO pg_monitor;
ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON TABLES TO pg_monitor;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'it''s fine');
CREATE TYPE app.size AS ENUM ('small', 'medium', 'large');
CREATE TYPE app.address AS (street text, zip varchar(10) COLLATE "C");
CREATE TYPE app.spans AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE DOMAIN app.email AS text COLLATE "C" DEFAULT 'nobody@example.org' NOT NULL
    CONSTRAINT email_has_at CHECK (VALUE ~ '@');
COMMENT ON DOMAIN app.email IS 'an address';
COMMENT ON CONSTRAINT email_has_at ON DOMAIN app.email IS 'roughly';
GRANT USAGE ON TYPE app.mood TO pg_monitor;
REVOKE USAGE ON TYPE app.address FROM PUBLIC;
CREATE COLLATION app.by_bytes (provider = libc, locale = 'C');

CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_at := now();
    RETURN NEW;
END $$;
CREATE FUNCTION app.double(value integer, times integer DEFAULT 2) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 5 AS 'SELECT value * times';
CREATE FUNCTION app.quiet() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE PROCEDURE app.tidy(INOUT done boolean) LANGUAGE sql SECURITY DEFINER SET search_path = app
    BEGIN ATOMIC SELECT true; END;
CREATE AGGREGATE app.total(integer) (SFUNC = int4pl, STYPE = integer, INITCOND = '0', PARALLEL = SAFE);
CREATE FUNCTION app.same(text, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT lower($1) = lower($2)';
CREATE OPERATOR app.=~= (FUNCTION = app.same, LEFTARG = text, RIGHTARG = text, COMMUTATOR = OPERATOR(app.=~=));
CREATE CAST (app.mood AS app.address) WITH INOUT AS ASSIGNMENT;
COMMENT ON FUNCTION app.double(integer, integer) IS 'more of it';
GRANT EXECUTE ON FUNCTION app.double(integer, integer) TO pg_monitor WITH GRANT OPTION;

CREATE TABLE app.tenants (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name varchar(100) NOT NULL UNIQUE,
    settings jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE app.users (
    id bigint GENERATED ALWAYS AS IDENTITY (START WITH 100 CACHE 10) PRIMARY KEY,
    tenant_id uuid NOT NULL CONSTRAINT fk_users_tenant REFERENCES app.tenants ON DELETE CASCADE,
    email app.email,
    mood app.mood DEFAULT 'ok',
    name varchar(50) COLLATE "C" NOT NULL,
    full_name text GENERATED ALWAYS AS (upper(name)) STORED,
    age integer CONSTRAINT ck_users_age CHECK (age > 0),
    gone integer,
    seen tstzrange,
    born date DEFAULT '2000-02-01',
    changed_at timestamptz NOT NULL DEFAULT '2020-01-01 00:00:00+02',
    UNIQUE NULLS NOT DISTINCT (tenant_id, name),
    CONSTRAINT uq_users_late UNIQUE (email) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ex_users_seen EXCLUDE USING gist (seen WITH &&) WHERE (age > 10)
);
ALTER TABLE app.users DROP COLUMN gone;
ALTER TABLE app.users ADD CONSTRAINT ck_users_new CHECK (age < 200) NOT VALID;
ALTER TABLE app.users ALTER COLUMN name SET STORAGE EXTERNAL, ALTER COLUMN age SET STATISTICS 500;
ALTER TABLE app.users ALTER COLUMN name SET (n_distinct = 50);
ALTER TABLE app.users SET (fillfactor = 70, toast.autovacuum_enabled = false);
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE app.users REPLICA IDENTITY FULL;
CREATE INDEX ix_users_active ON app.users (lower(name), age DESC NULLS LAST) INCLUDE (born) WHERE age IS NOT NULL;
CREATE INDEX ix_users_born ON app.users (born) WHERE age > 3;
CREATE INDEX ix_users_tenant ON app.users USING hash (tenant_id);
ALTER INDEX app.ix_users_active ALTER COLUMN 1 SET STATISTICS 300;
CREATE STATISTICS app.st_users (ndistinct, dependencies) ON tenant_id, age FROM app.users;
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name)
    EXECUTE FUNCTION app.touch();
CREATE TRIGGER sleeping AFTER DELETE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.users DISABLE TRIGGER sleeping;
CREATE RULE keep AS ON DELETE TO app.tenants DO INSTEAD NOTHING;
CREATE POLICY own ON app.users FOR SELECT TO pg_monitor, pg_read_all_data USING (age > 18);
CREATE POLICY strict ON app.users AS RESTRICTIVE USING (true) WITH CHECK (age > 1);
COMMENT ON TABLE app.users IS 'people
in two lines, and a \ too';
COMMENT ON COLUMN app.users.name IS 'it''s the name';
COMMENT ON INDEX app.ix_users_active IS 'for the list';
COMMENT ON CONSTRAINT ck_users_age ON app.users IS 'nobody is younger';
COMMENT ON TRIGGER touch ON app.users IS 'keeps changed_at';
COMMENT ON POLICY own ON app.users IS 'adults';
GRANT SELECT, INSERT ON app.users TO pg_monitor;
GRANT UPDATE (name), SELECT (age) ON app.users TO pg_read_all_data;
REVOKE TRUNCATE ON app.users FROM CURRENT_USER;

CREATE TABLE app.tickets (
    id serial PRIMARY KEY, user_id bigint, title text NOT NULL, priority smallint, label varchar(30)
);
ALTER TABLE app.tickets ADD CONSTRAINT fk_tickets_user FOREIGN KEY (user_id) REFERENCES app.users NOT VALID;
ALTER TABLE app.tickets CLUSTER ON tickets_pkey;
ALTER TABLE app.tickets OWNER TO pg_monitor;
CREATE UNLOGGED TABLE app.scratch (note text);
CREATE SEQUENCE app.numbers AS integer INCREMENT BY 5 MAXVALUE 1000 CYCLE;
GRANT USAGE ON SEQUENCE app.numbers TO pg_monitor;

CREATE TABLE app.parents (id integer NOT NULL, note text, CONSTRAINT ck_note CHECK (note <> ''));
CREATE TABLE app.children (extra integer) INHERITS (app.parents);
CREATE TABLE app.pieces (id integer, part integer) PARTITION BY LIST (part);
CREATE TABLE app.pieces_1 PARTITION OF app.pieces FOR VALUES IN (1);
CREATE TABLE app.pieces_2 (part integer, id integer);

CREATE TABLE app.events (
    id bigint NOT NULL, at date NOT NULL, user_id bigint REFERENCES app.users, payload jsonb DEFAULT '{}',
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX ix_events_user ON app.events (user_id);
CREATE TABLE app.events_2025 PARTITION OF app.events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
CREATE TRIGGER note AFTER INSERT ON app.events FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TABLE app.marks (event_id bigint NOT NULL, at date, FOREIGN KEY (event_id, at) REFERENCES app.events);

CREATE VIEW app.adults WITH (security_barrier = true) AS
    SELECT u.id, u.name AS called, t.name AS tenant FROM app.users u JOIN app.tenants t ON t.id = u.tenant_id
    WHERE u.age >= 18;
COMMENT ON COLUMN app.adults.called IS 'the name';
GRANT SELECT ON app.adults TO pg_monitor;
CREATE VIEW app.names AS SELECT name FROM app.users;
CREATE MATERIALIZED VIEW app.summary AS SELECT tenant_id, count(*) AS users FROM app.users GROUP BY tenant_id;
CREATE UNIQUE INDEX ix_summary ON app.summary (tenant_id);
CREATE MATERIALIZED VIEW app.unfilled AS SELECT 1 AS one WITH NO DATA;

CREATE TABLE "Odd Schema"."Odd ""Table""" ("Order" integer PRIMARY KEY, "select" text);
CREATE INDEX "odd Index" ON "Odd Schema"."Odd ""Table""" ("select" text_pattern_ops);
COMMENT ON COLUMN "Odd Schema"."Odd ""Table"""."select" IS 'odd';

CREATE TEXT SEARCH DICTIONARY app.plain (TEMPLATE = pg_catalog.simple, accept = false);
CREATE TEXT SEARCH CONFIGURATION app.words (PARSER = pg_catalog."default");
ALTER TEXT SEARCH CONFIGURATION app.words ADD MAPPING FOR word, asciiword WITH app.plain, english_stem;

CREATE EVENT TRIGGER watch_ddl ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION app.quiet();
CREATE PUBLICATION changes FOR TABLE app.users (id, name) WHERE (age > 5), app.tenants
    WITH (publish = 'insert');
CREATE PUBLICATION oddities FOR TABLES IN SCHEMA "Odd Schema";
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere TYPE 'x' FOREIGN DATA WRAPPER nowhere OPTIONS (host 'db.example.org', api_key 'secret');
CREATE FOREIGN TABLE app.remote (id integer OPTIONS (column_name 'no'), name text) SERVER elsewhere
    OPTIONS (table_name 'x');

CREATE SCHEMA af_db;
CREATE TABLE af_db.journal (id integer);
CREATE TABLE public.alembic_version (version_num varchar(32) NOT NULL CONSTRAINT alembic_version_pkc PRIMARY KEY);
CREATE SCHEMA supabase_migrations;
CREATE TABLE supabase_migrations.schema_migrations (version text);
