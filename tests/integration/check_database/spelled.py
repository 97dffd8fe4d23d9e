"""One of every kind of object that PostgreSQL prints in other words once restored, and a change of each."""

from dataclasses import dataclass

import pytest

from agent_factory.migrate.catalog import Key

IN = "IN ('new', 'old')"
"""On a varchar: printed as an array that is cast, and after a restore as an array of casts."""
OTHER = "IN ('new', 'gone')"
OF_SESSION = "current_setting('x.y', true)::varchar(20)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """``make`` is what a migration does, ``change`` what somebody does, ``reported`` what that changes."""

    make: str
    change: str
    reported: Key


def spelled(name: str, make: str, change: str, *reported: str) -> tuple[str, Spelled]:
    kind, of = reported
    return name, Spelled(make=make, change=change, reported=(kind, of))


TABLES = """
CREATE SCHEMA app;
CREATE TABLE app.t (id integer PRIMARY KEY, status varchar(20), amount numeric(10, 2), span tstzrange);
CREATE TABLE app.other (id integer PRIMARY KEY, status varchar(20));
CREATE FUNCTION app.stay() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
ALTER TABLE app.t ENABLE ROW LEVEL SECURITY;
"""

SPELLED = dict(
    (
        spelled(
            "check",
            f"ALTER TABLE app.t ADD CONSTRAINT ck CHECK (status {IN})",
            f"ALTER TABLE app.t DROP CONSTRAINT ck, ADD CONSTRAINT ck CHECK (status {OTHER})",
            *("constraint", "app.t.ck"),
        ),
        spelled(
            "check that is not valid",
            f"ALTER TABLE app.t ADD CONSTRAINT ck_new CHECK (status NOT {IN}) NOT VALID",
            "ALTER TABLE app.t DROP CONSTRAINT ck_new,"
            f" ADD CONSTRAINT ck_new CHECK (status NOT {OTHER}) NOT VALID",
            *("constraint", "app.t.ck_new"),
        ),
        spelled(
            "check of children",
            f"CREATE TABLE app.mother (status varchar(20), CONSTRAINT ck_m CHECK (status {IN}));"
            "CREATE TABLE app.child (n int) INHERITS (app.mother)",
            f"ALTER TABLE app.mother DROP CONSTRAINT ck_m, ADD CONSTRAINT ck_m CHECK (status {OTHER})",
            *("constraint", "app.mother.ck_m"),
        ),
        spelled(
            "exclusion constraint",
            f"ALTER TABLE app.t ADD CONSTRAINT ex EXCLUDE USING gist (span WITH &&) WHERE (status {IN})",
            "ALTER TABLE app.t DROP CONSTRAINT ex, ADD CONSTRAINT ex EXCLUDE USING gist (span WITH &&)"
            f" WHERE (status {OTHER})",
            *("constraint", "app.t.ex"),
        ),
        spelled(
            "check of a domain",
            f"CREATE DOMAIN app.state AS varchar(20) CONSTRAINT ck CHECK (VALUE {IN})",
            "ALTER DOMAIN app.state DROP CONSTRAINT ck;"
            f"ALTER DOMAIN app.state ADD CONSTRAINT ck CHECK (VALUE {OTHER})",
            *("constraint", "app.state.ck"),
        ),
        spelled(
            "default of a domain",
            f"CREATE DOMAIN app.truth AS boolean DEFAULT ({OF_SESSION} {IN})",
            f"ALTER DOMAIN app.truth SET DEFAULT ({OF_SESSION} {OTHER})",
            *("domain", "app.truth"),
        ),
        spelled(
            "default",
            f"ALTER TABLE app.t ADD COLUMN is_new boolean DEFAULT ({OF_SESSION} {IN})",
            f"ALTER TABLE app.t ALTER COLUMN is_new SET DEFAULT ({OF_SESSION} {OTHER})",
            *("column", "app.t.is_new"),
        ),
        spelled(
            "generated column",
            f"ALTER TABLE app.t ADD COLUMN is_known boolean GENERATED ALWAYS AS (status {IN}) STORED",
            "ALTER TABLE app.t DROP COLUMN is_known;"
            f"ALTER TABLE app.t ADD COLUMN is_known boolean GENERATED ALWAYS AS (status {OTHER}) STORED",
            *("column", "app.t.is_known"),
        ),
        spelled(
            "predicate of an index",
            f"CREATE INDEX ix_some ON app.t (id) WHERE status {IN}",
            f"DROP INDEX app.ix_some; CREATE INDEX ix_some ON app.t (id) WHERE status {OTHER}",
            *("index", "app.ix_some"),
        ),
        spelled(
            "expression of an index",
            f"CREATE UNIQUE INDEX ix_of ON app.t (id, (status {IN}))",
            f"DROP INDEX app.ix_of; CREATE UNIQUE INDEX ix_of ON app.t (id, (status {OTHER}))",
            *("index", "app.ix_of"),
        ),
        spelled(
            "view",
            f"CREATE VIEW app.v AS SELECT id, status {IN} AS is_known FROM app.t;"
            f"ALTER VIEW app.v ALTER COLUMN is_known SET DEFAULT ({OF_SESSION} {IN})",
            f"CREATE OR REPLACE VIEW app.v AS SELECT id, status {OTHER} AS is_known FROM app.t",
            *("view", "app.v"),
        ),
        spelled(
            "default of a view's column",
            "CREATE VIEW app.w AS SELECT id, true AS is_known FROM app.t;"
            f"ALTER VIEW app.w ALTER COLUMN is_known SET DEFAULT ({OF_SESSION} {IN})",
            f"ALTER VIEW app.w ALTER COLUMN is_known SET DEFAULT ({OF_SESSION} {OTHER})",
            *("view", "app.w"),
        ),
        spelled(
            "materialized view",
            f"CREATE MATERIALIZED VIEW app.m AS SELECT id FROM app.t WHERE status {IN}",
            "DROP MATERIALIZED VIEW app.m;"
            f"CREATE MATERIALIZED VIEW app.m AS SELECT id FROM app.t WHERE status {OTHER}",
            *("materialized view", "app.m"),
        ),
        spelled(
            "rule",
            f"CREATE RULE r AS ON DELETE TO app.other WHERE OLD.status {IN} DO INSTEAD NOTHING",
            f"CREATE OR REPLACE RULE r AS ON DELETE TO app.other WHERE OLD.status {OTHER} DO INSTEAD NOTHING",
            *("rule", "app.other.r"),
        ),
        spelled(
            "policy",
            f"CREATE POLICY p ON app.t USING (status {IN}) WITH CHECK (status {IN})",
            f"ALTER POLICY p ON app.t WITH CHECK (status {OTHER})",
            *("policy", "app.t.p"),
        ),
        spelled(
            "trigger",
            f"CREATE TRIGGER g BEFORE UPDATE ON app.t FOR EACH ROW WHEN (NEW.status {IN})"
            " EXECUTE FUNCTION app.stay()",
            "DROP TRIGGER g ON app.t; CREATE TRIGGER g BEFORE UPDATE ON app.t FOR EACH ROW"
            f" WHEN (NEW.status {OTHER}) EXECUTE FUNCTION app.stay()",
            *("trigger", "app.t.g"),
        ),
        spelled(
            "statistics",
            f"CREATE STATISTICS app.st ON id, (status {IN}) FROM app.t",
            f"DROP STATISTICS app.st; CREATE STATISTICS app.st ON id, (status {OTHER}) FROM app.t",
            *("statistics", "app.st"),
        ),
        spelled(
            "partition key",
            f"CREATE TABLE app.parts (id int, status varchar(20)) PARTITION BY LIST ((status {IN}));"
            "CREATE TABLE app.part PARTITION OF app.parts FOR VALUES IN (true)",
            "DROP TABLE app.parts;"
            f"CREATE TABLE app.parts (id int, status varchar(20)) PARTITION BY LIST ((status {OTHER}));"
            "CREATE TABLE app.part PARTITION OF app.parts FOR VALUES IN (true)",
            *("table", "app.parts"),
        ),
        spelled(
            "partition bound",
            f"CREATE TABLE app.days (at timestamptz, status varchar(20), CONSTRAINT ck CHECK (status {IN}))"
            " PARTITION BY RANGE (at);"
            f"CREATE INDEX ix_days ON app.days (at) WHERE status {IN};"
            f"CREATE TRIGGER g BEFORE UPDATE ON app.days FOR EACH ROW WHEN (NEW.status {IN})"
            " EXECUTE FUNCTION app.stay();"
            "CREATE TABLE app.day PARTITION OF app.days"
            " FOR VALUES FROM ('2026-01-01') TO ('2026-01-02 12:00+02')",
            "ALTER TABLE app.days DETACH PARTITION app.day;"
            "ALTER TABLE app.days ATTACH PARTITION app.day FOR VALUES FROM ('2026-01-01') TO ('2026-01-03')",
            *("table", "app.day"),
        ),
        spelled(
            "default of an argument",
            f"CREATE FUNCTION app.f(a boolean DEFAULT ({OF_SESSION} {IN})) RETURNS boolean"
            " LANGUAGE sql AS 'SELECT a'",
            f"CREATE OR REPLACE FUNCTION app.f(a boolean DEFAULT ({OF_SESSION} {OTHER})) RETURNS boolean"
            " LANGUAGE sql AS 'SELECT a'",
            *("function", "app.f(boolean)"),
        ),
        spelled(
            "body of a function",
            f"CREATE FUNCTION app.b(s varchar) RETURNS boolean LANGUAGE sql BEGIN ATOMIC SELECT s {IN}; END",
            f"CREATE OR REPLACE FUNCTION app.b(s varchar) RETURNS boolean LANGUAGE sql"
            f" BEGIN ATOMIC SELECT s {OTHER}; END",
            *("function", "app.b(character varying)"),
        ),
        spelled(
            "publication",
            "CREATE PUBLICATION known FOR TABLE app.other WHERE (id BETWEEN 1 AND 9)",
            "ALTER PUBLICATION known SET TABLE app.other WHERE (id BETWEEN 1 AND 8)",
            *("publication", "known"),
        ),
    )
)
"""By what is spelled in two ways."""

EACH = [pytest.param(one, id=name) for name, one in SPELLED.items()]

EVERY_KIND = ";\n".join((TABLES.strip().removesuffix(";"), *(one.make for one in SPELLED.values())))
