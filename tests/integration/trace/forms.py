"""Forms of DDL and what each does to tables that have rows, on PostgreSQL 16 and 18."""

from dataclasses import dataclass

ROWS = 200_000

SCHEMA = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE SEQUENCE loose;
CREATE SCHEMA elsewhere;
CREATE FUNCTION do_nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';

CREATE TABLE p (id int NOT NULL, code int NOT NULL);
INSERT INTO p SELECT i, i FROM generate_series(1, %(rows)s) i;
ALTER TABLE p ADD PRIMARY KEY (id);

CREATE TABLE t (
    id int NOT NULL, a int, b int NOT NULL, c varchar(20), d varchar(50), at timestamp, n numeric(10, 2),
    p_id int, serial_id serial
);
INSERT INTO t (id, a, b, c, d, at, n, p_id)
SELECT i, i, i, 'c', 'd', '2026-01-01', mod(i, 1000), i FROM generate_series(1, %(rows)s) i;
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
CREATE INDEX t_a ON t (a);
ALTER TABLE t ADD CONSTRAINT t_a_present CHECK (a IS NOT NULL);
ALTER TABLE t ADD CONSTRAINT t_b_positive CHECK (b > 0) NOT VALID;
ALTER TABLE t ADD CONSTRAINT t_p_later FOREIGN KEY (p_id) REFERENCES p NOT VALID;
CREATE TRIGGER t_trigger BEFORE UPDATE ON t FOR EACH ROW WHEN (false) EXECUTE FUNCTION do_nothing();
CREATE POLICY t_policy ON t USING (true);

CREATE TABLE keyed (u int NOT NULL, v int, w varchar(20));
INSERT INTO keyed SELECT i, i, 'w' FROM generate_series(1, %(rows)s) i;
ALTER TABLE keyed ADD CONSTRAINT keyed_v_key UNIQUE (v);
CREATE UNIQUE INDEX keyed_u ON keyed (u);
CREATE INDEX keyed_w ON keyed (w);

CREATE TABLE plain (id int NOT NULL, a int, b text);
INSERT INTO plain SELECT i, i, 'b' FROM generate_series(1, %(rows)s) i;

CREATE TABLE child (id int, p_id int);
INSERT INTO child SELECT i, i FROM generate_series(1, %(rows)s) i;
ALTER TABLE child ADD PRIMARY KEY (id), ADD CONSTRAINT child_p_id_fkey FOREIGN KEY (p_id) REFERENCES p;

CREATE TABLE parts (k int NOT NULL, v int) PARTITION BY RANGE (k);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (1) TO (1000000);
INSERT INTO parts SELECT i, i FROM generate_series(1, %(rows)s) i;
CREATE TABLE candidate (k int NOT NULL, v int);
INSERT INTO candidate SELECT 1000000 + i, i FROM generate_series(1, %(rows)s) i;
CREATE TABLE proven (k int NOT NULL, v int, CHECK (k >= 2000000 AND k < 3000000));
INSERT INTO proven SELECT 2000000 + i, i FROM generate_series(1, %(rows)s) i;

CREATE TABLE elder (id int NOT NULL, a int);
CREATE TABLE heir () INHERITS (elder);
CREATE TABLE stranger (id int NOT NULL, a int);

CREATE UNLOGGED TABLE unlogged (id int) WITH (autovacuum_enabled = off);
INSERT INTO unlogged SELECT i FROM generate_series(1, %(rows)s) i;

CREATE VIEW seen AS SELECT id, code FROM p;
CREATE MATERIALIZED VIEW kept AS SELECT id, code FROM p;
CREATE UNIQUE INDEX kept_id ON kept (id);
"""


@dataclass(frozen=True, slots=True)
class Form:
    """A statement. ``does`` names the tables that were there, with the lock on each, and says whether they
    are rewritten and read from end to end. Where tables without rows show something else, that is in
    ``does_when_empty``, and where PostgreSQL 17 and before do, in ``does_before_18``."""

    name: str
    sql: str
    does: str
    does_when_empty: str | None = None
    does_before_18: str | None = None


FORMS = (
    # Columns
    Form("add column", "ALTER TABLE t ADD COLUMN x int", "t: ACCESS EXCLUSIVE"),
    Form(
        "add column, constant default",
        "ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 5",
        "t: ACCESS EXCLUSIVE",
    ),
    Form(
        "add column, stable default",
        "ALTER TABLE t ADD COLUMN x timestamptz DEFAULT now()",
        "t: ACCESS EXCLUSIVE",
    ),
    Form(
        "add column, volatile default",
        "ALTER TABLE t ADD COLUMN x uuid NOT NULL DEFAULT gen_random_uuid()",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form("add column, serial", "ALTER TABLE t ADD COLUMN x bigserial", "t: ACCESS EXCLUSIVE, rewrite, scan"),
    Form(
        "add column, identity",
        "ALTER TABLE t ADD COLUMN x bigint GENERATED ALWAYS AS IDENTITY",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "add column, stored",
        "ALTER TABLE t ADD COLUMN x int GENERATED ALWAYS AS (b * 2) STORED",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "add column, references",
        "ALTER TABLE t ADD COLUMN x int REFERENCES p",
        "p: SHARE ROW EXCLUSIVE; t: ACCESS EXCLUSIVE",
    ),
    Form("add column, unique", "ALTER TABLE t ADD COLUMN x int UNIQUE", "t: ACCESS EXCLUSIVE, scan"),
    Form("add column, check", "ALTER TABLE t ADD COLUMN x int CHECK (x > 0)", "t: ACCESS EXCLUSIVE, scan"),
    Form("add column, array", "ALTER TABLE t ADD COLUMN x text[] DEFAULT '{}'", "t: ACCESS EXCLUSIVE"),
    Form("drop column", "ALTER TABLE t DROP COLUMN c", "t: ACCESS EXCLUSIVE"),
    Form("drop column, indexed", "ALTER TABLE t DROP COLUMN a", "t: ACCESS EXCLUSIVE"),
    Form(
        "drop column, with a foreign key",
        "ALTER TABLE child DROP COLUMN p_id",
        "child: ACCESS EXCLUSIVE; p: ACCESS EXCLUSIVE",
    ),
    Form("rename column", "ALTER TABLE t RENAME COLUMN c TO c2", "t: ACCESS EXCLUSIVE"),
    Form("set default", "ALTER TABLE t ALTER COLUMN c SET DEFAULT 'x'", "t: ACCESS EXCLUSIVE"),
    Form("drop default", "ALTER TABLE t ALTER COLUMN serial_id DROP DEFAULT", "t: ACCESS EXCLUSIVE"),
    Form("set not null", "ALTER TABLE t ALTER COLUMN p_id SET NOT NULL", "t: ACCESS EXCLUSIVE, scan"),
    Form(
        "set not null, proven by a check", "ALTER TABLE t ALTER COLUMN a SET NOT NULL", "t: ACCESS EXCLUSIVE"
    ),
    Form("drop not null", "ALTER TABLE t ALTER COLUMN b DROP NOT NULL", "t: ACCESS EXCLUSIVE"),
    Form(
        "add identity",
        "ALTER TABLE t ALTER COLUMN b ADD GENERATED BY DEFAULT AS IDENTITY",
        "t: ACCESS EXCLUSIVE",
    ),
    Form("set statistics", "ALTER TABLE t ALTER COLUMN a SET STATISTICS 500", "t: SHARE UPDATE EXCLUSIVE"),
    Form("set storage", "ALTER TABLE t ALTER COLUMN d SET STORAGE EXTERNAL", "t: ACCESS EXCLUSIVE"),
    # Types
    Form(
        "type, int to bigint",
        "ALTER TABLE t ALTER COLUMN b TYPE bigint",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "type, int to bigint, of the primary key",
        "ALTER TABLE t ALTER COLUMN id TYPE bigint",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "type, int to text",
        "ALTER TABLE keyed ALTER COLUMN v TYPE text",
        "keyed: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form("type, longer varchar", "ALTER TABLE t ALTER COLUMN c TYPE varchar(50)", "t: ACCESS EXCLUSIVE"),
    Form("type, varchar to text", "ALTER TABLE t ALTER COLUMN c TYPE text", "t: ACCESS EXCLUSIVE"),
    Form(
        "type, shorter varchar",
        "ALTER TABLE t ALTER COLUMN d TYPE varchar(10)",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "type, text to varchar",
        "ALTER TABLE plain ALTER COLUMN b TYPE varchar(10)",
        "plain: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form("type, wider numeric", "ALTER TABLE t ALTER COLUMN n TYPE numeric(12, 2)", "t: ACCESS EXCLUSIVE"),
    Form(
        "type, other scale of numeric",
        "ALTER TABLE t ALTER COLUMN n TYPE numeric(12, 3)",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "type, timestamp to timestamptz in UTC",
        "SET LOCAL timezone = 'UTC'; ALTER TABLE t ALTER COLUMN at TYPE timestamptz",
        "t: ACCESS EXCLUSIVE",
    ),
    Form(
        "type, timestamp to timestamptz elsewhere",
        "SET LOCAL timezone = 'Europe/Berlin'; ALTER TABLE t ALTER COLUMN at TYPE timestamptz",
        "t: ACCESS EXCLUSIVE, rewrite, scan",
    ),
    Form(
        "type, longer varchar, indexed",
        "ALTER TABLE keyed ALTER COLUMN w TYPE varchar(50)",
        "keyed: ACCESS EXCLUSIVE",
    ),
    Form(
        "type, other collation, indexed",
        'ALTER TABLE keyed ALTER COLUMN w TYPE varchar(20) COLLATE "POSIX"',
        "keyed: ACCESS EXCLUSIVE, scan",
    ),
    Form("type, the same, checked", "ALTER TABLE t ALTER COLUMN a TYPE int", "t: ACCESS EXCLUSIVE, scan"),
    # Constraints
    Form("add check", "ALTER TABLE t ADD CONSTRAINT x CHECK (b > 0)", "t: ACCESS EXCLUSIVE, scan"),
    Form(
        "add check, not valid",
        "ALTER TABLE t ADD CONSTRAINT x CHECK (b > 0) NOT VALID",
        "t: ACCESS EXCLUSIVE",
    ),
    Form(
        "validate check", "ALTER TABLE t VALIDATE CONSTRAINT t_b_positive", "t: SHARE UPDATE EXCLUSIVE, scan"
    ),
    Form(
        "add foreign key",
        "ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (p_id) REFERENCES p",
        "p: SHARE ROW EXCLUSIVE, scan; t: SHARE ROW EXCLUSIVE, scan",
        does_when_empty="p: SHARE ROW EXCLUSIVE; t: SHARE ROW EXCLUSIVE, scan",
    ),
    Form(
        "add foreign key, not valid",
        "ALTER TABLE t ADD CONSTRAINT x FOREIGN KEY (p_id) REFERENCES p NOT VALID",
        "p: SHARE ROW EXCLUSIVE; t: SHARE ROW EXCLUSIVE",
    ),
    Form(
        "validate foreign key",
        "ALTER TABLE t VALIDATE CONSTRAINT t_p_later",
        "p: ROW SHARE, scan; t: SHARE UPDATE EXCLUSIVE, scan",
        does_when_empty="p: ROW SHARE; t: SHARE UPDATE EXCLUSIVE, scan",
    ),
    Form("add unique", "ALTER TABLE t ADD CONSTRAINT x UNIQUE (b)", "t: ACCESS EXCLUSIVE, scan"),
    Form(
        "add unique, using index",
        "ALTER TABLE keyed ADD CONSTRAINT x UNIQUE USING INDEX keyed_u",
        "keyed: ACCESS EXCLUSIVE",
    ),
    Form("add primary key", "ALTER TABLE plain ADD PRIMARY KEY (id)", "plain: ACCESS EXCLUSIVE, scan"),
    Form(
        "add primary key, columns that may be null",
        "ALTER TABLE plain ADD PRIMARY KEY (a)",
        "plain: ACCESS EXCLUSIVE, scan",
    ),
    Form(
        "add exclusion",
        "ALTER TABLE plain ADD CONSTRAINT x EXCLUDE USING btree (id WITH =)",
        "plain: ACCESS EXCLUSIVE, scan",
    ),
    Form("drop check", "ALTER TABLE t DROP CONSTRAINT t_a_present", "t: ACCESS EXCLUSIVE"),
    Form("drop unique", "ALTER TABLE keyed DROP CONSTRAINT keyed_v_key", "keyed: ACCESS EXCLUSIVE"),
    Form("drop primary key", "ALTER TABLE t DROP CONSTRAINT t_pkey", "t: ACCESS EXCLUSIVE"),
    Form(
        "drop foreign key",
        "ALTER TABLE child DROP CONSTRAINT child_p_id_fkey",
        "child: ACCESS EXCLUSIVE; p: ACCESS EXCLUSIVE",
    ),
    Form("rename constraint", "ALTER TABLE t RENAME CONSTRAINT t_a_present TO x", "t: ACCESS EXCLUSIVE"),
    Form(
        "alter constraint",
        "ALTER TABLE child ALTER CONSTRAINT child_p_id_fkey DEFERRABLE",
        "child: ACCESS EXCLUSIVE",
    ),
    # Indexes
    Form("create index", "CREATE INDEX ON t (b)", "t: SHARE, scan"),
    Form("create unique index", "CREATE UNIQUE INDEX ON t (b)", "t: SHARE, scan"),
    Form("create index, partial", "CREATE INDEX ON t (b) WHERE a IS NULL", "t: SHARE, scan"),
    Form(
        "create index, of a partitioned table",
        "CREATE INDEX ON parts (v)",
        "part_1: SHARE, scan; parts: SHARE",
    ),
    Form("create index, only of the partitioned table", "CREATE INDEX ON ONLY parts (v)", "parts: SHARE"),
    Form("drop index", "DROP INDEX t_a", "t: ACCESS EXCLUSIVE"),
    Form("rename index", "ALTER INDEX t_a RENAME TO x", "t: SHARE UPDATE EXCLUSIVE"),
    Form("set options of an index", "ALTER INDEX t_a SET (fillfactor = 70)", "t: SHARE UPDATE EXCLUSIVE"),
    Form("reindex index", "REINDEX INDEX t_a", "t: ACCESS EXCLUSIVE, scan"),
    Form("reindex table", "REINDEX TABLE t", "t: ACCESS EXCLUSIVE, scan"),
    Form("cluster", "CLUSTER t USING t_a", "t: ACCESS EXCLUSIVE, rewrite, scan"),
    Form("cluster on", "ALTER TABLE t CLUSTER ON t_a", "t: SHARE UPDATE EXCLUSIVE"),
    # Tables
    Form("create table", "CREATE TABLE x (id int PRIMARY KEY)", ""),
    Form(
        "create table, references",
        "CREATE TABLE x (id int PRIMARY KEY, p_id int REFERENCES p)",
        "p: SHARE ROW EXCLUSIVE",
    ),
    Form("create table, like", "CREATE TABLE x (LIKE t INCLUDING ALL)", "t: ACCESS SHARE"),
    Form("create table, as", "CREATE TABLE x AS SELECT * FROM plain", "plain: ACCESS SHARE, scan"),
    Form(
        "create table, partition of",
        "CREATE TABLE x PARTITION OF parts FOR VALUES FROM (5000000) TO (6000000)",
        "parts: ACCESS EXCLUSIVE",
    ),
    Form(
        "create table, inherits", "CREATE TABLE x () INHERITS (stranger)", "stranger: SHARE UPDATE EXCLUSIVE"
    ),
    Form("drop table", "DROP TABLE plain", "plain: ACCESS EXCLUSIVE"),
    Form(
        "drop table, with a foreign key", "DROP TABLE child", "child: ACCESS EXCLUSIVE; p: ACCESS EXCLUSIVE"
    ),
    Form(
        "drop table, cascade",
        "DROP TABLE p CASCADE",
        "; ".join(f"{table}: ACCESS EXCLUSIVE" for table in ("child", "kept", "p", "seen", "t")),
    ),
    Form("rename table", "ALTER TABLE t RENAME TO x", "t: ACCESS EXCLUSIVE"),
    Form("set schema", "ALTER TABLE t SET SCHEMA elsewhere", "t: ACCESS EXCLUSIVE"),
    Form("owner", "ALTER TABLE t OWNER TO CURRENT_USER", "t: ACCESS EXCLUSIVE"),
    Form("set options", "ALTER TABLE t SET (fillfactor = 70)", "t: SHARE UPDATE EXCLUSIVE"),
    Form(
        "set option of autovacuum",
        "ALTER TABLE t SET (autovacuum_vacuum_scale_factor = 0.01)",
        "t: SHARE UPDATE EXCLUSIVE",
    ),
    Form("set logged", "ALTER TABLE unlogged SET LOGGED", "unlogged: ACCESS EXCLUSIVE, rewrite, scan"),
    Form("set unlogged", "ALTER TABLE plain SET UNLOGGED", "plain: ACCESS EXCLUSIVE, rewrite, scan"),
    Form("set access method", "ALTER TABLE plain SET ACCESS METHOD heap", "plain: ACCESS EXCLUSIVE"),
    Form("replica identity", "ALTER TABLE t REPLICA IDENTITY FULL", "t: ACCESS EXCLUSIVE"),
    Form(
        "inherit",
        "ALTER TABLE stranger INHERIT elder",
        "elder: SHARE UPDATE EXCLUSIVE; stranger: ACCESS EXCLUSIVE",
    ),
    Form("no inherit", "ALTER TABLE heir NO INHERIT elder", "elder: ACCESS SHARE; heir: ACCESS EXCLUSIVE"),
    Form("truncate", "TRUNCATE t", "t: ACCESS EXCLUSIVE"),
    Form(
        "truncate, cascade",
        "TRUNCATE p CASCADE",
        "child: ACCESS EXCLUSIVE; p: ACCESS EXCLUSIVE; t: ACCESS EXCLUSIVE",
    ),
    Form("truncate, restart identity", "TRUNCATE t RESTART IDENTITY", "t: ACCESS EXCLUSIVE"),
    Form("lock table", "LOCK TABLE t IN SHARE MODE", "t: SHARE"),
    Form("comment on a table", "COMMENT ON TABLE t IS 'x'", "t: SHARE UPDATE EXCLUSIVE"),
    Form("comment on a column", "COMMENT ON COLUMN t.a IS 'x'", "t: SHARE UPDATE EXCLUSIVE"),
    Form("comment on an index", "COMMENT ON INDEX t_a IS 'x'", "t: SHARE UPDATE EXCLUSIVE"),
    Form("grant", "GRANT SELECT ON t TO PUBLIC", "t: ACCESS SHARE", does_before_18=""),
    Form("analyze", "ANALYZE t", "t: SHARE UPDATE EXCLUSIVE"),
    # Partitions
    Form(
        "attach partition",
        "ALTER TABLE parts ATTACH PARTITION candidate FOR VALUES FROM (1000000) TO (2000000)",
        "candidate: ACCESS EXCLUSIVE, scan; parts: SHARE UPDATE EXCLUSIVE",
    ),
    Form(
        "attach partition, proven by a check",
        "ALTER TABLE parts ATTACH PARTITION proven FOR VALUES FROM (2000000) TO (3000000)",
        "parts: SHARE UPDATE EXCLUSIVE; proven: ACCESS EXCLUSIVE",
    ),
    Form(
        "detach partition",
        "ALTER TABLE parts DETACH PARTITION part_1",
        "part_1: ACCESS EXCLUSIVE; parts: ACCESS EXCLUSIVE",
    ),
    Form(
        "add column, of a partitioned table",
        "ALTER TABLE parts ADD COLUMN x int DEFAULT 5",
        "part_1: ACCESS EXCLUSIVE; parts: ACCESS EXCLUSIVE",
    ),
    Form(
        "set not null, of a partitioned table",
        "ALTER TABLE parts ALTER COLUMN v SET NOT NULL",
        "part_1: ACCESS EXCLUSIVE, scan; parts: ACCESS EXCLUSIVE",
    ),
    # Triggers, policies, rules, statistics
    Form(
        "create trigger",
        "CREATE TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION do_nothing()",
        "t: SHARE ROW EXCLUSIVE",
    ),
    Form("drop trigger", "DROP TRIGGER t_trigger ON t", "t: ACCESS EXCLUSIVE"),
    Form("disable trigger", "ALTER TABLE t DISABLE TRIGGER t_trigger", "t: SHARE ROW EXCLUSIVE"),
    Form("enable row security", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "t: ACCESS EXCLUSIVE"),
    Form("force row security", "ALTER TABLE t FORCE ROW LEVEL SECURITY", "t: ACCESS EXCLUSIVE"),
    Form("create policy", "CREATE POLICY x ON t USING (true)", "t: ACCESS EXCLUSIVE"),
    Form("drop policy", "DROP POLICY t_policy ON t", "t: ACCESS EXCLUSIVE"),
    Form("create rule", "CREATE RULE x AS ON DELETE TO t DO INSTEAD NOTHING", "t: ACCESS EXCLUSIVE"),
    Form("create statistics", "CREATE STATISTICS x ON a, b FROM t", "t: SHARE UPDATE EXCLUSIVE"),
    # Views
    Form("create view", "CREATE VIEW x AS SELECT * FROM t", "t: ACCESS SHARE"),
    Form(
        "replace view",
        "CREATE OR REPLACE VIEW seen AS SELECT id, code, 1 AS one FROM p",
        "p: ACCESS SHARE; seen: ACCESS EXCLUSIVE",
    ),
    Form("drop view", "DROP VIEW seen", "seen: ACCESS EXCLUSIVE"),
    Form(
        "create materialized view", "CREATE MATERIALIZED VIEW x AS SELECT * FROM p", "p: ACCESS SHARE, scan"
    ),
    Form(
        "refresh materialized view",
        "REFRESH MATERIALIZED VIEW kept",
        "kept: ACCESS EXCLUSIVE, rewrite, scan; p: ACCESS SHARE, scan",
    ),
    Form(
        "refresh materialized view concurrently",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY kept",
        "kept: EXCLUSIVE, scan; p: ACCESS SHARE, scan",
    ),
    Form("drop materialized view", "DROP MATERIALIZED VIEW kept", "kept: ACCESS EXCLUSIVE"),
    # Types and sequences
    Form("add value to enum", "ALTER TYPE mood ADD VALUE 'x'", ""),
    Form("rename value of enum", "ALTER TYPE mood RENAME VALUE 'sad' TO 'x'", ""),
    Form("alter sequence", "ALTER SEQUENCE loose INCREMENT 10", "loose: SHARE ROW EXCLUSIVE"),
    Form("alter sequence of a column", "ALTER SEQUENCE t_serial_id_seq CACHE 10", "t: SHARE ROW EXCLUSIVE"),
    Form("drop sequence", "DROP SEQUENCE loose", "loose: ACCESS EXCLUSIVE"),
    # Rows
    Form("update", "UPDATE unlogged SET id = id", "unlogged: ROW EXCLUSIVE, scan"),
    Form("delete", "DELETE FROM unlogged WHERE id < 0", "unlogged: ROW EXCLUSIVE, scan"),
    Form(
        "insert, from a table",
        "INSERT INTO stranger SELECT id, a FROM plain WHERE id < 0",
        "plain: ACCESS SHARE, scan; stranger: ROW EXCLUSIVE",
    ),
    Form("select for update", "SELECT FROM plain WHERE id < 0 FOR UPDATE", "plain: ROW SHARE, scan"),
    # Several in one
    Form(
        "do block",
        "DO $$ BEGIN ALTER TABLE t ADD COLUMN x int; CREATE INDEX ON plain (a); END $$",
        "plain: SHARE, scan; t: ACCESS EXCLUSIVE",
    ),
    Form(
        "several statements",
        "ALTER TABLE t ADD COLUMN x int; CREATE INDEX ON plain (a)",
        "plain: SHARE, scan; t: ACCESS EXCLUSIVE",
    ),
)
"""Two differ where there are no rows: of a foreign key's tables, the one that is referred to is not read."""


@dataclass(frozen=True, slots=True)
class OutsideForm:
    """A statement that runs outside a transaction. ``held_up_by`` are locks that make it wait on its way, of
    one session each; ``undo`` restores what was there before."""

    name: str
    sql: str
    does: str
    held_up_by: tuple[str, ...]
    undo: str | None = None


_WRITER = ("LOCK TABLE t IN ROW EXCLUSIVE MODE",)

OUTSIDE_FORMS = (
    OutsideForm(
        "create index",
        "CREATE INDEX CONCURRENTLY x ON t (b)",
        "t: SHARE UPDATE EXCLUSIVE, scan",
        _WRITER,
        "DROP INDEX x",
    ),
    OutsideForm(
        "create unique index",
        "CREATE UNIQUE INDEX CONCURRENTLY x ON t (b)",
        "t: SHARE UPDATE EXCLUSIVE, scan",
        _WRITER,
        "DROP INDEX x",
    ),
    OutsideForm(
        "reindex index", "REINDEX INDEX CONCURRENTLY t_a", "t: SHARE UPDATE EXCLUSIVE, scan", _WRITER
    ),
    OutsideForm("reindex table", "REINDEX TABLE CONCURRENTLY t", "t: SHARE UPDATE EXCLUSIVE, scan", _WRITER),
    OutsideForm(
        "drop index",
        "DROP INDEX CONCURRENTLY t_a",
        "t: SHARE UPDATE EXCLUSIVE",
        _WRITER,
        "CREATE INDEX t_a ON t (a)",
    ),
    OutsideForm(
        "detach partition",
        "ALTER TABLE parts DETACH PARTITION part_1 CONCURRENTLY",
        "part_1: ACCESS EXCLUSIVE; parts: SHARE UPDATE EXCLUSIVE",
        ("LOCK TABLE ONLY parts IN ROW EXCLUSIVE MODE", "LOCK TABLE part_1 IN ACCESS SHARE MODE"),
        "ALTER TABLE part_1 DROP CONSTRAINT part_1_k_check;"
        "ALTER TABLE parts ATTACH PARTITION part_1 FOR VALUES FROM (1) TO (1000000)",
    ),
    OutsideForm(
        "vacuum",
        "VACUUM keyed",
        "keyed: SHARE UPDATE EXCLUSIVE",
        ("LOCK TABLE keyed IN SHARE UPDATE EXCLUSIVE MODE",),
    ),
    OutsideForm(
        "vacuum full",
        "VACUUM FULL keyed",
        "keyed: ACCESS EXCLUSIVE, rewrite, scan",
        ("LOCK TABLE keyed IN ACCESS SHARE MODE",),
    ),
)
