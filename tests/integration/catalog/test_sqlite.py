"""SQLite's catalog: what is changed is found, and what a table rebuilt by Alembic spells otherwise is not."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations

from agent_factory import sqlite
from agent_factory.migrate.catalog import Catalog, Scope, compare, read_catalog
from tests.integration.catalog.change import Change, change

SAMPLE = """
CREATE TABLE tenants (id CHAR(32) NOT NULL PRIMARY KEY, name VARCHAR(100) NOT NULL UNIQUE);
CREATE TABLE users (
    id INTEGER NOT NULL,
    tenant_id CHAR(32) NOT NULL,
    email VARCHAR(255) COLLATE NOCASE NOT NULL, -- a comment, with (parentheses
    age INTEGER DEFAULT 18,
    state VARCHAR(10) DEFAULT 'new, it''s' NOT NULL,
    created_at DATETIME DEFAULT (CURRENT_TIMESTAMP) NOT NULL,
    shouted TEXT GENERATED ALWAYS AS (upper(email)) VIRTUAL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT fk_users_tenant FOREIGN KEY(tenant_id) REFERENCES tenants (id) ON DELETE CASCADE,
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT ck_users_age CHECK (age > 0 AND age < 200),
    CHECK (state IN ('new', 'old'))
);
CREATE INDEX ix_users_age ON users (age) WHERE age > 3;
CREATE INDEX ix_users_lower ON users (lower(email), age DESC);
CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    "order" TEXT,
    user_id INTEGER REFERENCES users DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE pairs (a INTEGER NOT NULL, b INTEGER NOT NULL, PRIMARY KEY (a, b)) WITHOUT ROWID;
CREATE TRIGGER touch AFTER UPDATE ON users BEGIN UPDATE users SET age = age WHERE id = new.id; END;
CREATE VIEW adults AS SELECT id, email FROM users WHERE age >= 18;
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
"""

CHANGES = [
    change(
        "table added", "CREATE TABLE extra (id INTEGER PRIMARY KEY)", ("table", "extra"), has_remedy=False
    ),
    change("table dropped", "DROP TABLE notes", ("table", "notes"), has_remedy=False),
    change(
        "table renamed",
        "ALTER TABLE notes RENAME TO memos",
        ("table", "memos"),
        ("table", "notes"),
        has_remedy=False,
    ),
    change(
        "column added",
        "ALTER TABLE pairs ADD COLUMN c TEXT COLLATE NOCASE",
        ("column", "pairs.c"),
        has_remedy=False,
    ),
    change(
        "column dropped",
        'ALTER TABLE notes DROP COLUMN "order"',
        ("column", 'notes."order"'),
        has_remedy=False,
    ),
    change("index dropped", "DROP INDEX ix_users_age", ("index", "ix_users_age")),
    change("index added", "CREATE UNIQUE INDEX ix_notes ON notes (user_id)", ("index", "ix_notes")),
    change(
        "index's predicate",
        "DROP INDEX ix_users_age; CREATE INDEX ix_users_age ON users (age) WHERE age > 4",
        ("index", "ix_users_age"),
    ),
    change(
        "index's order",
        "DROP INDEX ix_users_lower; CREATE INDEX ix_users_lower ON users (lower(email), age)",
        ("index", "ix_users_lower"),
    ),
    change("trigger dropped", "DROP TRIGGER touch", ("trigger", "touch")),
    change(
        "trigger changed",
        "DROP TRIGGER touch; CREATE TRIGGER touch AFTER UPDATE ON users BEGIN UPDATE users SET age = 1; END",
        ("trigger", "touch"),
    ),
    change(
        "view changed",
        "DROP VIEW adults; CREATE VIEW adults AS SELECT id, email FROM users WHERE age >= 21",
        ("view", "adults"),
    ),
    change("view dropped", "DROP VIEW adults", ("view", "adults")),
]

REBUILT = [
    pytest.param("age INTEGER DEFAULT 18", "age BIGINT DEFAULT 18", ("column", "users.age"), id="type"),
    pytest.param("age INTEGER DEFAULT 18", "age INTEGER DEFAULT 19", ("column", "users.age"), id="default"),
    pytest.param("age INTEGER DEFAULT 18", "age INTEGER", ("column", "users.age"), id="default gone"),
    pytest.param(
        "age INTEGER DEFAULT 18", "age INTEGER DEFAULT 18 NOT NULL", ("column", "users.age"), id="not null"
    ),
    pytest.param(" COLLATE NOCASE", "", ("column", "users.email"), id="collation"),
    pytest.param(
        "(upper(email)) VIRTUAL", "(lower(email)) VIRTUAL", ("column", "users.shouted"), id="expression"
    ),
    pytest.param("(upper(email)) VIRTUAL", "(upper(email)) STORED", ("column", "users.shouted"), id="stored"),
    pytest.param("age > 0 AND", "age > 1 AND", ("constraint", "users.ck_users_age"), id="check"),
    pytest.param(" ON DELETE CASCADE", "", ("constraint", "users.fk_users_tenant"), id="foreign key's rule"),
    pytest.param(
        "CONSTRAINT uq_users_email UNIQUE (email)",
        "CONSTRAINT uq_users_email UNIQUE (email, age)",
        ("constraint", "users.uq_users_email"),
        id="unique",
    ),
    pytest.param(
        "CONSTRAINT uq_users_email UNIQUE (email),",
        "",
        ("constraint", "users.uq_users_email"),
        id="unique gone",
    ),
    pytest.param(
        "CONSTRAINT pk_users PRIMARY KEY (id)",
        "CONSTRAINT pk_users PRIMARY KEY (id DESC)",
        ("constraint", "users.pk_users"),
        id="primary key",
    ),
    pytest.param(" AUTOINCREMENT", "", ("constraint", "notes.PRIMARY KEY (id)"), id="autoincrement"),
    pytest.param(" WITHOUT ROWID", "", ("table", "pairs"), id="without rowid"),
    pytest.param(
        "users DEFERRABLE INITIALLY DEFERRED",
        "users",
        ("constraint", "notes.FOREIGN KEY (user_id) REFERENCES users"),
        id="deferrable",
    ),
]


@contextlib.contextmanager
def connected(url: str = "sqlite://") -> Iterator[sa.Connection]:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    sqlite.use_real_transactions(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def execute(connection: sa.Connection, statements: str) -> None:
    driver: Any = connection.connection.dbapi_connection
    driver.executescript(statements)


def catalog_of(statements: str) -> Catalog:
    with connected() as connection:
        execute(connection, statements)
        return read_catalog(connection)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_found_and_nothing_else_is(change: Change) -> None:
    with connected() as connection:
        execute(connection, SAMPLE)
        before = read_catalog(connection)
        execute(connection, change.sql)
        changed = read_catalog(connection)
        differences = compare(before, changed)

        assert tuple((one.kind, one.name) for one in differences) == change.reported
        assert changed.sha256 != before.sha256
        remedies = [one.remedy for one in differences if one.remedy is not None]
        assert (len(remedies) == len(differences)) is change.has_remedy
        if change.has_remedy:
            execute(connection, ";".join(remedies))
            assert read_catalog(connection) == before


@pytest.mark.parametrize(("before", "after", "reported"), REBUILT)
def test_what_a_rebuilt_table_has_otherwise_is_found(
    before: str, after: str, reported: tuple[str, str]
) -> None:
    assert before in SAMPLE
    differences = compare(catalog_of(SAMPLE), catalog_of(SAMPLE.replace(before, after)))

    changed = {(one.kind, one.name) for one in differences}
    # A constraint without a name is known by what it says, so another one has another name.
    assert reported in changed
    assert len(changed) == 1 or {kind for kind, _ in changed} == {"constraint"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param(
            "CREATE TABLE t (a INTEGER)", 'create table "t"(\n  [a]   integer\n)', id="quotes and blanks"
        ),
        pytest.param(
            "CREATE TABLE t (a INTEGER, b TEXT)", "CREATE TABLE t (b TEXT, a INTEGER)", id="order of columns"
        ),
        pytest.param(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b INTEGER REFERENCES t (a) UNIQUE CHECK (b > 0))",
            "CREATE TABLE t (a INTEGER, b INTEGER, CHECK (b>0), UNIQUE (b), FOREIGN KEY(b) REFERENCES t(a),"
            " PRIMARY KEY (a))",
            id="constraints of columns and of the table",
        ),
        pytest.param(
            "CREATE TABLE t (a DATETIME DEFAULT (CURRENT_TIMESTAMP), b INTEGER DEFAULT -1)",
            "CREATE TABLE t (a DATETIME DEFAULT CURRENT_TIMESTAMP, b INTEGER DEFAULT (-1))",
            id="parentheses of defaults",
        ),
        pytest.param(
            "CREATE TABLE t (a INTEGER REFERENCES u (b) ON UPDATE CASCADE ON DELETE SET NULL NOT DEFERRABLE)",
            "CREATE TABLE t (a INTEGER REFERENCES u(b) ON DELETE SET NULL ON UPDATE CASCADE MATCH SIMPLE)",
            id="order of a foreign key's rules",
        ),
        pytest.param(
            "CREATE TABLE t (a INTEGER /* why */, -- that\n b TEXT)",
            "CREATE TABLE t (a INTEGER, b TEXT)",
            id="comments",
        ),
        pytest.param(
            "CREATE TABLE t (a VARCHAR (20))", "CREATE TABLE t (a varchar(20))", id="length of a type"
        ),
        pytest.param(
            "CREATE TABLE t (a, b, CONSTRAINT x CHECK (a > 1) CONSTRAINT y CHECK (b > 1))",
            "CREATE TABLE t (a, b, CONSTRAINT y CHECK (b > 1), CONSTRAINT x CHECK (a > 1))",
            id="no comma between constraints",
        ),
        pytest.param(
            'CREATE TABLE t ("key" TEXT COLLATE NOCASE PRIMARY KEY, "match" TEXT CHECK ("match" > 0))',
            "CREATE TABLE t (key TEXT COLLATE NOCASE, match TEXT, PRIMARY KEY (key), CHECK (match > 0))",
            id="keywords as names",
        ),
        pytest.param(
            "CREATE TABLE t (a); CREATE INDEX i ON t (a) WHERE a IS NOT NULL",
            'create table t (a); create index "i" on "t"("a")where a is not null',
            id="index",
        ),
    ],
)
def test_another_spelling_is_no_difference(one: str, other: str) -> None:
    assert compare(catalog_of(one), catalog_of(other)) == ()
    assert catalog_of(one).sha256 == catalog_of(other).sha256


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("CHECK (a = 'x')", "CHECK (a = 'X')", id="case of a literal"),
        pytest.param("CHECK (a = 'x  y')", "CHECK (a = 'x y')", id="blanks of a literal"),
        pytest.param("CHECK (a <> '--' OR a)", "CHECK (a <> '')", id="a literal is no comment"),
        pytest.param("b DEFAULT ((1) + (2))", "b DEFAULT (1 + 2)", id="parentheses inside of a default"),
        pytest.param("UNIQUE (a COLLATE NOCASE)", "UNIQUE (a)", id="collation of a constraint"),
        pytest.param("UNIQUE (a) ON CONFLICT IGNORE", "UNIQUE (a)", id="conflict clause"),
        pytest.param("CHECK (a) CHECK (a)", "CHECK (a)", id="twice the same"),
    ],
)
def test_what_means_something_else_is_a_difference(one: str, other: str) -> None:
    assert catalog_of(f"CREATE TABLE t (a, {one})") != catalog_of(f"CREATE TABLE t (a, {other})")


@pytest.mark.parametrize(
    "sql",
    [
        pytest.param("DROP VIEW adults", id="missing"),
        pytest.param(
            "DROP VIEW adults; CREATE VIEW adults AS SELECT id FROM users;"
            "CREATE TRIGGER adding INSTEAD OF INSERT ON adults BEGIN SELECT 1; END",
            id="changed",
        ),
    ],
)
def test_a_view_is_made_with_its_triggers(sql: str) -> None:
    with connected() as connection:
        execute(connection, SAMPLE)
        execute(connection, "CREATE TRIGGER adding INSTEAD OF INSERT ON adults BEGIN SELECT 1; END")
        before = read_catalog(connection)
        execute(connection, sql)
        (difference,) = compare(before, read_catalog(connection))
        execute(connection, str(difference.remedy))

        assert (difference.kind, difference.name) == ("view", "adults")
        assert read_catalog(connection) == before


TO_REBUILD = """
CREATE TABLE tenants (id INTEGER PRIMARY KEY);
CREATE TABLE users (
    id INTEGER NOT NULL,
    tenant_id INTEGER NOT NULL,
    email VARCHAR(255)   NOT NULL,
    state VARCHAR(10) DEFAULT 'new, it''s' NOT NULL,
    created_at DATETIME DEFAULT (CURRENT_TIMESTAMP) NOT NULL,
    age INTEGER DEFAULT 18,
    CONSTRAINT uq_users_email UNIQUE ("email"),
    CONSTRAINT fk_users_tenant FOREIGN KEY(tenant_id) REFERENCES tenants(id) ON DELETE CASCADE,
    CONSTRAINT ck_users_age CHECK (age > 0 AND age < 200),
    PRIMARY KEY (id)
);
CREATE INDEX ix_users_age ON users (age);
CREATE TRIGGER touch AFTER UPDATE ON users BEGIN UPDATE users SET age = age WHERE id = new.id; END;
"""


def test_a_table_that_alembic_rebuilds_is_the_same() -> None:
    with connected() as connection:
        execute(connection, TO_REBUILD)
        before = read_catalog(connection)
        operations = Operations(MigrationContext.configure(connection))
        with operations.batch_alter_table("users", recreate="always") as batch:
            batch.add_column(sa.Column("nick", sa.String(20)))
        (added, lost) = compare(before, read_catalog(connection))

    assert (added.kind, added.name, added.found) == ("column", "users.nick", "VARCHAR(20)")
    assert (lost.kind, lost.name) == ("trigger", "touch")  # Alembic does not make triggers again


def test_the_version_table_is_left_out() -> None:
    with connected() as connection:
        execute(connection, SAMPLE)
        assert not [one for one in read_catalog(connection).objects if "alembic" in one.name]
        reported = read_catalog(connection, Scope(version_table="users"))

    assert {one.table for one in reported.objects} == {
        "alembic_version",
        "tenants",
        "notes",
        "pairs",
        "adults",
    }


def test_kinds_can_be_left_out() -> None:
    with connected() as connection:
        execute(connection, SAMPLE)
        catalog = read_catalog(connection, Scope(leave_out_kinds=frozenset({"trigger", "view"})))

    assert {one.kind for one in catalog.objects} == {"table", "column", "constraint", "index"}


def test_virtual_tables() -> None:
    with connected() as connection:
        try:
            execute(connection, "CREATE VIRTUAL TABLE found USING fts5(body, title)")
        except sa.exc.OperationalError:  # pragma: no cover - a SQLite without the module
            return
        catalog = read_catalog(connection)

    (found,) = (one for one in catalog.objects if one.key == ("table", "found"))
    assert found.definition == "CREATE VIRTUAL TABLE found USING fts5(body, title)"


def test_reading_takes_part_in_the_callers_transaction() -> None:
    with connected() as connection:
        with connection.begin() as transaction:
            connection.exec_driver_sql("CREATE TABLE t (a)")
            assert read_catalog(connection).objects
            transaction.rollback()
        assert read_catalog(connection).objects == ()


def test_the_number_of_queries_does_not_grow() -> None:
    with connected() as connection:
        driver: Any = connection.connection.dbapi_connection
        counted = []
        for number in range(20):
            execute(connection, f"CREATE TABLE t{number} (a INTEGER PRIMARY KEY, b REFERENCES t0)")
            statements: list[str] = []
            driver.set_trace_callback(statements.append)
            read_catalog(connection)
            driver.set_trace_callback(None)
            counted.append(
                len([statement for statement in statements if statement.lstrip().startswith("SELECT")])
            )

    assert set(counted) == {2}
