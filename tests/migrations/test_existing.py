"""An upgrade that meets what exists already: it finishes when that is right, and stops when it is not."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic import command

from agent_factory.database.models import Base
from agent_factory.database.reconcile import DataConflictError, Difference, SchemaConflictError
from agent_factory.database.session import build_engine
from agent_factory.url import parse_url
from tests.migrations import rows
from tests.migrations.catalog import read_catalog
from tests.migrations.runs import (
    configuration,
    connect,
    create_all,
    current,
    downgrade,
    execute,
    shape,
    upgrade,
)
from tests.migrations.test_schema import catalog_of

PROJECTS_BY_HAND = {
    "postgresql": """
        create table projects (
            id uuid constraint pk_projects primary key,
            config jsonb not null default '{}'::jsonb,
            tenant_id uuid not null
                constraint fk_projects_tenant_id_tenants references tenants on delete cascade,
            created_by uuid constraint fk_projects_created_by_users references users (id) on delete set null,
            "name" varchar(255) not null,
            project_type character varying (50) not null,
            is_active bool not null default 't',
            created_at timestamp with time zone not null default (now()),
            updated_at timestamptz not null default now()
        )""",
    "sqlite": """
        create table projects (
            id char(32) not null,
            config json not null default '{}',
            tenant_id char(32) not null,
            created_by char(32),
            [name] varchar(255) not null,
            project_type varchar(50) not null,
            is_active boolean not null default 1,
            created_at datetime not null default (current_timestamp),
            updated_at datetime not null default CURRENT_TIMESTAMP,
            constraint "fk_projects_tenant_id_tenants" foreign key (tenant_id) references tenants (id)
                on delete cascade,
            constraint fk_projects_created_by_users foreign key (created_by) references users (id)
                on delete set null,
            constraint pk_projects primary key (id)
        )""",
}
PROJECTS_INDEXES = (
    "create index ix_projects_tenant_id on projects (tenant_id)",
    "create index if not exists ix_projects_created_by on projects (created_by)",
)


def backend(url: str) -> str:
    return parse_url(url).backend


@pytest.fixture
def head_catalog(database_url: str) -> set[str]:
    """The catalog of a database that the models made; the database itself is empty again."""
    return catalog_of(database_url, Base.metadata)


def conflict(url: str, revision: str = "head") -> tuple[Difference, ...]:
    """Upgrade, which must stop for the schema and leave everything as it was; return the differences."""
    catalog, at = read_catalog(url), current(url)
    with pytest.raises(SchemaConflictError) as caught:
        upgrade(url, revision)
    assert read_catalog(url) == catalog
    assert current(url) == at
    for difference in caught.value.differences:
        assert str(difference) in str(caught.value)
    assert caught.value.hint in str(caught.value)
    return caught.value.differences


def test_tables_that_the_models_made(database_url: str, head_catalog: set[str]) -> None:
    create_all(database_url, Base.metadata)
    upgrade(database_url)
    assert current(database_url) == "002"
    assert read_catalog(database_url) == head_catalog


@pytest.mark.parametrize(
    "tables",
    [
        pytest.param(("tenants", "users", "agents", "projects"), id="tables of both revisions"),
        pytest.param(("plans",), id="a table of 002 alone"),
        pytest.param(("tenants", "plans", "subscriptions"), id="with what they refer to"),
    ],
)
def test_some_tables_that_the_models_made(
    database_url: str, head_catalog: set[str], tables: tuple[str, ...]
) -> None:
    create_all(database_url, Base.metadata, *tables)
    upgrade(database_url)
    assert read_catalog(database_url) == head_catalog


def test_tables_of_001_without_a_version(database_url: str, head_catalog: set[str]) -> None:
    create_all(database_url, shape("001"))
    rows.seed(database_url)
    upgrade(database_url)
    assert read_catalog(database_url) == head_catalog
    assert rows.read(database_url, "002") == rows.expected_at_002()


def test_a_table_made_by_hand_as_the_migration_makes_it(database_url: str, head_catalog: set[str]) -> None:
    upgrade(database_url, "001")
    execute(database_url, PROJECTS_BY_HAND[backend(database_url)], *PROJECTS_INDEXES)
    upgrade(database_url)
    assert current(database_url) == "002"
    if backend(database_url) == "postgresql":  # SQLite keeps the words of the statement
        assert read_catalog(database_url) == head_catalog
    downgrade(database_url, "base")
    upgrade(database_url)
    assert read_catalog(database_url) == head_catalog


def test_a_table_made_by_hand_in_another_way(database_url: str) -> None:
    upgrade(database_url, "001")
    statement = (
        PROJECTS_BY_HAND[backend(database_url)].replace("(50)", "(40)").replace("on delete cascade", "")
    )
    execute(database_url, statement, PROJECTS_INDEXES[0])
    differences = conflict(database_url)
    assert {difference.table for difference in differences} == {"projects"}
    assert {difference.part for difference in differences} == {
        "column project_type",
        "constraint fk_projects_tenant_id_tenants",
        "index ix_projects_created_by",
    }
    by_part = {difference.part: difference for difference in differences}
    assert by_part["column project_type"].expected == "VARCHAR(50) NOT NULL"
    assert by_part["column project_type"].found == "VARCHAR(40) NOT NULL"
    assert by_part["index ix_projects_created_by"].found is None


def test_a_strange_table_stops_the_first_revision(database_url: str) -> None:
    execute(database_url, "CREATE TABLE users (id INTEGER NOT NULL, email TEXT)")
    differences = conflict(database_url)
    assert {difference.table for difference in differences} == {"users"}
    assert "users: column id: expected " in str(differences[0])
    assert current(database_url) is None


def test_a_table_that_is_gone_stops_the_second_revision(database_url: str) -> None:
    upgrade(database_url, "001")
    execute(database_url, "DROP TABLE api_keys")
    (difference,) = conflict(database_url)
    assert str(difference) == "api_keys: table: expected as revision 001 makes it, found none"


TAMPERED = [
    ("both", ["ALTER TABLE agents ADD COLUMN notes TEXT"], {"column notes"}),
    ("both", ["CREATE INDEX by_name ON agents (name)"], {"index by_name"}),
    ("both", ["DROP INDEX ix_agents_tenant_id"], {"index ix_agents_tenant_id"}),
    (
        "both",
        ["DROP INDEX uq_users_email_lower", "CREATE UNIQUE INDEX uq_users_email_lower ON users (email)"],
        {"index uq_users_email_lower"},
    ),
    (
        "both",
        ["DROP INDEX uq_users_email_lower", "CREATE INDEX uq_users_email_lower ON users (lower(email))"],
        {"index uq_users_email_lower"},
    ),
    (
        "both",
        [
            "DROP INDEX uq_subscriptions_tenant_id_live",
            "CREATE UNIQUE INDEX uq_subscriptions_tenant_id_live ON subscriptions (tenant_id) "
            "WHERE status <> 'past_due'",
        ],
        {"index uq_subscriptions_tenant_id_live"},
    ),
    (
        "sqlite",
        ["CREATE TRIGGER stamp AFTER UPDATE ON agents BEGIN SELECT 1; END"],
        {"trigger stamp"},
    ),
    ("postgresql", ["ALTER TABLE agents ALTER tools DROP NOT NULL"], {"column tools"}),
    ("postgresql", ["ALTER TABLE agents ALTER tools SET DEFAULT '[1]'"], {"column tools"}),
    ("postgresql", ["ALTER TABLE agents ALTER tools DROP DEFAULT"], {"column tools"}),
    ("postgresql", ["ALTER TABLE agents ALTER created_at TYPE timestamptz(0)"], {"column created_at"}),
    (
        "postgresql",
        ["ALTER TABLE agents ALTER created_at TYPE timestamp USING created_at AT TIME ZONE 'UTC'"],
        {"column created_at"},
    ),
    (
        "postgresql",
        ["ALTER TABLE tenants RENAME CONSTRAINT pk_tenants TO tenants_pkey"],
        {"constraint pk_tenants", "constraint tenants_pkey"},
    ),
    (
        "postgresql",
        [
            "ALTER TABLE agents DROP CONSTRAINT fk_agents_tenant_id_tenants",
            "ALTER TABLE agents ADD CONSTRAINT fk_agents_tenant_id_tenants "
            "FOREIGN KEY (tenant_id) REFERENCES tenants (id) ON DELETE CASCADE NOT VALID",
        ],
        {"constraint fk_agents_tenant_id_tenants"},
    ),
    (
        "postgresql",
        [
            "ALTER TABLE executions DROP CONSTRAINT ck_executions_status",
            "ALTER TABLE executions ADD CONSTRAINT ck_executions_status CHECK (status IN ('pending'))",
        ],
        {"constraint ck_executions_status"},
    ),
    (
        "postgresql",
        ["ALTER TABLE api_keys DROP CONSTRAINT uq_api_keys_key_hash"],
        {"constraint uq_api_keys_key_hash"},
    ),
    (
        "postgresql",
        ["UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_agents_tenant_id'::regclass"],
        {"index ix_agents_tenant_id"},
    ),
]


@pytest.mark.parametrize(
    ("url_fixture", "statements", "parts"),
    [
        pytest.param(f"{kind}_url", statements, parts, id=f"{kind}: {statements[-1][:60]}")
        for on, statements, parts in TAMPERED
        for kind in (("sqlite", "postgresql") if on == "both" else (on,))
    ],
)
def test_tables_that_the_models_made_and_somebody_changed(
    request: pytest.FixtureRequest, url_fixture: str, statements: list[str], parts: set[str]
) -> None:
    url = request.getfixturevalue(url_fixture)
    create_all(url, Base.metadata)
    execute(url, *statements)
    if parts & {"index uq_subscriptions_tenant_id_live"}:
        upgrade(url, "001")  # the first revision has nothing to do with subscriptions
    assert {difference.part for difference in conflict(url)} == parts


def by_hand(url: str, *, type_: str) -> Iterator[str]:
    yield f"ALTER TABLE agents ADD COLUMN created_by {type_}"
    yield f"UPDATE agents SET created_by = user_id WHERE user_id = '{_text(url, rows.ADA)}'"


def _text(url: str, value: object) -> str:
    return str(value) if backend(url) == "postgresql" else str(value).replace("-", "")


def test_a_column_added_by_hand_as_the_migration_makes_it(database_url: str, head_catalog: set[str]) -> None:
    upgrade(database_url, "001")
    rows.seed(database_url)
    uuid_type = "uuid" if backend(database_url) == "postgresql" else "CHAR(32)"
    execute(database_url, *by_hand(database_url, type_=uuid_type))
    execute(database_url, "CREATE INDEX ix_agents_created_by ON agents (created_by)")
    if backend(database_url) == "postgresql":
        execute(
            database_url,
            "ALTER TABLE agents ADD CONSTRAINT fk_agents_created_by_users "
            "FOREIGN KEY (created_by) REFERENCES users (id) ON DELETE SET NULL",
        )
    execute(database_url, f"ALTER TABLE executions ADD COLUMN created_by {uuid_type}")
    upgrade(database_url)
    assert read_catalog(database_url) == head_catalog
    assert rows.read(database_url, "002") == rows.expected_at_002()


def test_a_column_added_by_hand_in_another_way(database_url: str) -> None:
    upgrade(database_url, "001")
    execute(database_url, "ALTER TABLE agents ADD COLUMN created_by VARCHAR(36) DEFAULT 'nobody'")
    (difference,) = conflict(database_url)
    assert (difference.table, difference.part) == ("agents", "column created_by")
    assert difference.expected == ("UUID" if backend(database_url) == "postgresql" else "CHAR(32)")
    assert str(difference.found).startswith("VARCHAR(36) DEFAULT 'nobody'")


def test_a_column_that_no_revision_knows(database_url: str) -> None:
    upgrade(database_url, "001")
    execute(database_url, "ALTER TABLE agents ADD COLUMN notes TEXT")
    assert conflict(database_url) == (
        Difference(table="agents", part="column notes", expected=None, found="TEXT"),
    )


def test_a_column_added_before_the_downgrade_is_not_lost(database_url: str) -> None:
    upgrade(database_url)
    execute(database_url, "ALTER TABLE agents ADD COLUMN notes TEXT")
    before = read_catalog(database_url)
    with pytest.raises(SchemaConflictError, match="agents: column notes: expected none, found TEXT"):
        downgrade(database_url, "001")
    assert read_catalog(database_url) == before
    assert current(database_url) == "002"


BAD_ROWS = [
    pytest.param(
        "UPDATE users SET email = 'ADA@example.ORG' WHERE email = 'staff@example.org'",
        "users",
        "2 rows have email addresses that differ by case alone (id ",
        id="email addresses that differ by case alone",
    ),
    pytest.param(
        "UPDATE executions SET status = 'done' WHERE status = 'pending'",
        "executions",
        "1 rows do not satisfy status IN ('pending', 'running', 'completed', 'failed', 'cancelled') (id ",
        id="an unknown state",
    ),
    pytest.param(
        "UPDATE blueprints SET pricing_model = 'Free'",
        "blueprints",
        "5 rows do not satisfy pricing_model IN ('free', 'one_time', 'subscription') (id ",
        id="a state in capitals",
    ),
]


@pytest.mark.parametrize(("statement", "table", "problem"), BAD_ROWS)
def test_rows_that_would_not_fit_stop_the_upgrade(
    database_url: str, statement: str, table: str, problem: str
) -> None:
    upgrade(database_url, "001")
    rows.seed(database_url)
    execute(database_url, statement)
    catalog, before = read_catalog(database_url), rows.read(database_url, "001")
    with pytest.raises(DataConflictError) as caught:
        upgrade(database_url)
    assert caught.value.table == table
    assert caught.value.problem.startswith(problem)
    assert caught.value.hint.endswith("then run the migration again.")
    assert "Ada@" not in str(caught.value)
    assert read_catalog(database_url) == catalog
    assert rows.read(database_url, "001") == before
    assert current(database_url) == "001"


def test_two_authors_of_one_row_stop_the_upgrade(database_url: str) -> None:
    upgrade(database_url, "001")
    rows.seed(database_url)
    uuid_type = "uuid" if backend(database_url) == "postgresql" else "CHAR(32)"
    execute(
        database_url,
        *by_hand(database_url, type_=uuid_type),
        f"UPDATE agents SET created_by = '{_text(database_url, rows.STAFF)}' WHERE user_id IS NOT NULL",
    )
    with pytest.raises(DataConflictError, match="one author in user_id and another in created_by"):
        upgrade(database_url)
    assert current(database_url) == "001"


def test_sqlite_with_foreign_keys_enforced_is_refused(sqlite_url: str) -> None:
    """Replacing a table would then delete the rows that refer to it."""
    upgrade(sqlite_url, "001")
    rows.seed(sqlite_url)
    engine = build_engine(parse_url(sqlite_url))
    try:
        with engine.connect() as connection:
            config = configuration()
            config.attributes["connection"] = connection
            with pytest.raises(DataConflictError, match="foreign keys are enforced"):
                command.upgrade(config, "head")
    finally:
        engine.dispose()
    with connect(sqlite_url) as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM users")) == 2


def test_a_revision_that_fails_late_leaves_nothing_behind(database_url: str) -> None:
    """A name that 002 needs is taken by something that is no table of ours."""
    upgrade(database_url, "001")
    rows.seed(database_url)
    execute(
        database_url,
        "CREATE TABLE elsewhere (a INTEGER)",
        "CREATE INDEX ix_projects_tenant_id ON elsewhere (a)",
    )
    catalog, before = read_catalog(database_url), rows.read(database_url, "001")
    with pytest.raises(sa.exc.DBAPIError, match="ix_projects_tenant_id"):
        upgrade(database_url)
    assert read_catalog(database_url) == catalog
    assert rows.read(database_url, "001") == before
    assert current(database_url) == "001"
