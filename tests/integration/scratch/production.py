"""A database to copy: with every kind of object, and as its owner or a reader sees it."""

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg2

from agent_factory.migrate.db.connection import connect
from agent_factory.migrate.model.target import Target, local_target
from agent_factory.migrate.rehearsal.scratch import Copied, Scratch, copy_schema
from agent_factory.url import DatabaseURL, parse_url
from tests.postgres import administering, installation

CANARY = "C4n@ry\\:/%pä"


EVERYTHING = r"""
SET check_function_bodies = off;
CREATE SCHEMA app;
CREATE SCHEMA "Odd; schema";
CREATE SCHEMA af_db;
CREATE TABLE af_db.journal (a int);
CREATE TYPE app.mood AS ENUM ('sad', 'it''s ok; happy');
CREATE DOMAIN app.email AS text CHECK (VALUE ~ '@');
CREATE TYPE app.pair AS (a int, b text);
CREATE SEQUENCE app.numbers START 5 INCREMENT 5;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    -- Name: t; Type: TABLE; Schema: public; Owner: -
    NEW.changed := now();  -- it's
    RETURN NEW;
END
$body$;
CREATE FUNCTION app.not_there_yet() RETURNS int LANGUAGE sql AS 'SELECT count(*)::int FROM app.users';
CREATE FUNCTION app.dumped() RETURNS text LANGUAGE sql AS $$ SELECT $x$
--
-- Name: fake; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.fake ();
\restrict x
SET default_tablespace = '';
$x$::text $$;
CREATE FUNCTION app.atomic(a int) RETURNS int LANGUAGE sql
    BEGIN ATOMIC SELECT a + 1; SELECT a + 2; END;
CREATE PROCEDURE app.nothing() LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE AGGREGATE app.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE TABLE app.users (
    id bigint GENERATED ALWAYS AS IDENTITY (START 100) PRIMARY KEY,
    "Name; Type" text NOT NULL DEFAULT E'a\\b''c',
    email app.email UNIQUE,
    mood app.mood DEFAULT 'sad',
    doubled int GENERATED ALWAYS AS (age * 2) STORED,
    age int CONSTRAINT adult CHECK (age >= 18),
    pair app.pair,
    tags text[] DEFAULT '{}',
    changed timestamptz DEFAULT now()
);
ALTER TABLE app.users ALTER COLUMN email SET STATISTICS 500;
ALTER TABLE app.users ALTER COLUMN tags SET STORAGE EXTERNAL;
ALTER TABLE app.users ADD CONSTRAINT old CHECK (age < 200) NOT VALID;
CREATE INDEX ON app.users (lower(email)) INCLUDE (mood) WHERE mood = 'sad';
CREATE INDEX ON app.users USING gin (tags);
CREATE TABLE app.posts (
    id serial PRIMARY KEY,
    author bigint REFERENCES app.users ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    at tstzrange,
    EXCLUDE USING gist (at WITH &&)
) WITH (fillfactor = 70);
CREATE TABLE app.events (at timestamptz NOT NULL, what text, PRIMARY KEY (at)) PARTITION BY RANGE (at);
CREATE TABLE app.events_2024 PARTITION OF app.events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE app.events_rest PARTITION OF app.events DEFAULT;
CREATE INDEX ON app.events (what);
CREATE TABLE app.parent (a int);
CREATE TABLE app.child (b int) INHERITS (app.parent);
CREATE UNLOGGED TABLE app.scratchpad (a int);
CREATE TABLE "Odd; schema"."Table; -- $$ ""quoted'" ("Ünïcode" int);
CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE app.stored_otherwise (a int) USING heap2;
CREATE VIEW app.adults WITH (security_barrier) AS SELECT id, "Name; Type" FROM app.users WHERE age > 20;
CREATE MATERIALIZED VIEW app.counts AS SELECT mood, count(*) FROM app.users GROUP BY 1;
CREATE UNIQUE INDEX ON app.counts (mood);
CREATE MATERIALIZED VIEW app.empty AS SELECT * FROM app.counts WITH NO DATA;
CREATE MATERIALIZED VIEW app.above AS SELECT count(*) FROM app.counts;
CREATE RULE no_delete AS ON DELETE TO app.parent DO INSTEAD (SELECT 1; SELECT 2);
CREATE TRIGGER touch BEFORE UPDATE ON app.users FOR EACH ROW EXECUTE FUNCTION app.touch();
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.users FOR SELECT USING (changed < now());
CREATE STATISTICS app.related (dependencies) ON age, mood FROM app.users;
CREATE TEXT SEARCH CONFIGURATION app.english (COPY = pg_catalog.english);
CREATE COLLATION app.plain (provider = libc, locale = 'C');
CREATE FUNCTION app.of_mood(app.mood) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE CAST (app.mood AS int) WITH FUNCTION app.of_mood(app.mood);
CREATE PUBLICATION everything FOR TABLE app.users;
COMMENT ON TABLE app.users IS 'Users; it''s
--
-- Name: fake; Type: TABLE; Schema: public; Owner: -
--
all';
COMMENT ON COLUMN app.users.age IS 'in years';
COMMENT ON SCHEMA app IS 'ours';
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """A database to copy, and its owner's URL."""

    url: str

    @property
    def target(self) -> Target:
        return local_target(self.url)

    def execute(self, statements: str) -> None:
        with self.session() as cursor:
            cursor.execute(statements)

    @contextlib.contextmanager
    def session(self) -> Iterator["psycopg2.extensions.cursor"]:
        with administering(parse_url(self.url)) as cursor:
            yield cursor

    def ask(self, question: str) -> object:
        with self.session() as cursor:
            cursor.execute(question)
            ((answer,),) = cursor.fetchall()
            return answer


def dumped(url: DatabaseURL, major: int = 18) -> str:
    """What pg_dump shows of a database, without what is of one run only."""
    finished = subprocess.run(
        [
            *(str(installation(major) / "pg_dump"), "--schema-only", "--no-owner", "--no-privileges"),
            *("-N", "af_db", "-h", str(url.host), "-p", str(url.port), "-U", str(url.user), url.database),
        ],
        env={"PGPASSWORD": url.password or ""},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = finished.stdout.splitlines()
    return "\n".join(
        line for line in lines if not line.startswith(("\\restrict", "\\unrestrict", "-- Dumped"))
    )


def asked(scratch: Scratch, question: str) -> object:
    with connect(scratch.target) as connection:
        return connection.exec_driver_sql(question).scalar_one()


def copied(target: Target, scratch: Scratch) -> Copied:
    """Copy the schema, over a connection of its own."""
    with connect(target, read_only=True) as read_connection:
        return copy_schema(target, read_connection, scratch)
