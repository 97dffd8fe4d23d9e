"""Hazards of locks: found on large tables and not on others, with a safe form that works and has none."""

import re

import pytest
from alembic import command
from alembic.config import Config

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import Hazard, HazardCode, Severity, find_hazards
from tests.integration.hazards.stage import (
    LARGE,
    Alone,
    Stage,
    Statement,
    connected,
    grown,
    recipe_in,
    run_traced,
)
from tests.projects import AlembicProject

LOCKS = {
    HazardCode.BLOCKS_READS,
    HazardCode.BLOCKS_WRITES,
    HazardCode.REWRITES_TABLE,
    HazardCode.SCANS_TABLE,
    HazardCode.LOCK_HELD_THROUGH_STATEMENTS,
}

# A statement, the serious hazard that it is on tables of 40,000,000 rows, words of the message, and words of
# the remedy, which has the user's own names.
CASES = [
    pytest.param(
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        HazardCode.BLOCKS_READS,
        ["ACCESS EXCLUSIVE on public.users (40,000,000 rows", "reads and writes wait for about"],
        [
            "ADD CONSTRAINT users_email_not_null CHECK (email IS NOT NULL) NOT VALID",
            "VALIDATE CONSTRAINT users_email_not_null",
            "ALTER COLUMN email SET NOT NULL",
            "DROP CONSTRAINT users_email_not_null",
        ],
        id="set not null",
    ),
    pytest.param(
        "ALTER TABLE users ADD CONSTRAINT score_sound CHECK (score >= 0)",
        HazardCode.BLOCKS_READS,
        ["ACCESS EXCLUSIVE on public.users"],
        [
            "ALTER TABLE public.users ADD CONSTRAINT score_sound CHECK ((score >= 0)) NOT VALID",
            "ALTER TABLE public.users VALIDATE CONSTRAINT score_sound",
        ],
        id="add check",
    ),
    pytest.param(
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id)"
        " ON DELETE CASCADE",
        HazardCode.BLOCKS_WRITES,
        ["SHARE ROW EXCLUSIVE on public.users (40,000,000 rows", "public.orders (40,000,000 rows"],
        ["REFERENCES users(id) ON DELETE CASCADE NOT VALID", "VALIDATE CONSTRAINT of_user"],
        id="add foreign key",
    ),
    pytest.param(
        'CREATE INDEX users_name ON users ("Full Name", lower(email) DESC) WHERE age > 3',
        HazardCode.BLOCKS_WRITES,
        ["SHARE on public.users", "writes wait for about"],
        [
            "with op.get_context().autocommit_block():",
            "CREATE INDEX CONCURRENTLY users_name ON public.users",
            'USING btree ("Full Name", lower(email) DESC) WHERE (age > 3)',
        ],
        id="create index",
    ),
    pytest.param(
        "CREATE UNIQUE INDEX users_email ON users (email)",
        HazardCode.BLOCKS_WRITES,
        ["SHARE on public.users"],
        ["CREATE UNIQUE INDEX CONCURRENTLY users_email ON public.users USING btree (email)"],
        id="create unique index",
    ),
    pytest.param(
        'ALTER TABLE users ADD CONSTRAINT one_code UNIQUE NULLS NOT DISTINCT (code, "Full Name")'
        " INCLUDE (age) DEFERRABLE INITIALLY DEFERRED",
        HazardCode.BLOCKS_READS,
        ["ACCESS EXCLUSIVE on public.users"],
        [
            'CREATE UNIQUE INDEX CONCURRENTLY one_code ON public.users (code, "Full Name") INCLUDE (age)'
            " NULLS NOT DISTINCT",
            "ADD CONSTRAINT one_code UNIQUE USING INDEX one_code DEFERRABLE INITIALLY DEFERRED",
        ],
        id="add unique",
    ),
    pytest.param(
        "ALTER TABLE ledger ADD CONSTRAINT ledger_key PRIMARY KEY (number)",
        HazardCode.BLOCKS_READS,
        ["ACCESS EXCLUSIVE on public.ledger"],
        [
            "CHECK (number IS NOT NULL) NOT VALID",
            "CREATE UNIQUE INDEX CONCURRENTLY ledger_key ON public.ledger (number)",
            "ADD CONSTRAINT ledger_key PRIMARY KEY USING INDEX ledger_key",
        ],
        id="add primary key",
    ),
    pytest.param(
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
        HazardCode.REWRITES_TABLE,
        ["writes public.orders (40,000,000 rows", "anew under ACCESS EXCLUSIVE"],
        [
            "ADD COLUMN total_new bigint",
            "CAST(total AS bigint)",
            "RENAME COLUMN total TO total_old",
            "RENAME COLUMN total_new TO total",
        ],
        id="alter type",
    ),
    pytest.param(
        "ALTER TABLE orders ALTER COLUMN total TYPE numeric(12,2) USING total / 100.0 * 100",
        HazardCode.REWRITES_TABLE,
        ["public.orders"],
        ["ADD COLUMN total_new numeric(12,2)", "total / 100.0 * 100"],
        id="alter type using",
    ),
    pytest.param(
        'ALTER TABLE users ADD COLUMN "Token" uuid NOT NULL DEFAULT gen_random_uuid()',
        HazardCode.REWRITES_TABLE,
        ["public.users"],
        ['ADD COLUMN "Token" uuid', 'ALTER COLUMN "Token" SET DEFAULT gen_random_uuid()', "LIMIT 10000"],
        id="volatile default",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN serial_number bigserial",
        HazardCode.REWRITES_TABLE,
        ["public.users"],
        ["CREATE SEQUENCE public.users_serial_number_seq", "OWNED BY public.users.serial_number"],
        id="serial",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY",
        HazardCode.REWRITES_TABLE,
        ["public.users"],
        ["CREATE SEQUENCE public.users_number_seq", "SET DEFAULT nextval('public.users_number_seq')"],
        id="identity",
    ),
    pytest.param(
        "ALTER TABLE users ADD COLUMN folded text GENERATED ALWAYS AS (lower(email)) STORED",
        HazardCode.REWRITES_TABLE,
        ["public.users"],
        ["CREATE TRIGGER users_folded_in_step BEFORE INSERT OR UPDATE ON public.users"],
        id="generated",
    ),
    pytest.param(
        "REFRESH MATERIALIZED VIEW totals",
        HazardCode.REWRITES_TABLE,
        ["public.totals"],
        ["REFRESH MATERIALIZED VIEW CONCURRENTLY totals"],
        id="refresh materialized view",
    ),
    pytest.param(
        "REINDEX TABLE orders",
        HazardCode.BLOCKS_READS,
        ["public.orders"],
        ["REINDEX TABLE CONCURRENTLY orders"],
        id="reindex",
    ),
]


def on_empty(statement: str) -> str:
    """The same statement on the tables that have no rows."""
    return re.sub(
        r"\b(TABLE|ON|UPDATE) (users|orders|ledger)\b",
        lambda match: f"{match[1]} {'vacant' if match[2] == 'users' else f'vacant_{match[2]}'}",
        statement,
    )


def of_locks(hazards: tuple[Hazard, ...]) -> list[Hazard]:
    return [hazard for hazard in hazards if hazard.code in LOCKS]


@pytest.mark.parametrize(("statement", "code", "message", "remedy"), CASES)
def test_it_is_serious_on_a_large_table_and_none_on_a_small_one(
    stage: Stage, statement: str, code: HazardCode, message: list[str], remedy: list[str]
) -> None:
    rehearsed = stage.rehearse([statement])
    sizes, counted = stage.look(rehearsed)
    found = find_hazards(rehearsed, Direction.UPGRADE, grown(sizes, 2 * LARGE), counted)
    (hazard,) = [hazard for hazard in found if hazard.code is code]
    assert hazard.severity is Severity.HIGH
    assert (hazard.revision, hazard.statement) == ("1", 1)
    for words in ("statement 1 ", *message):
        assert words in hazard.message
    for words in remedy:
        assert words in hazard.remedy
    assert not of_locks(find_hazards(rehearsed, Direction.UPGRADE, sizes, counted))


def test_they_are_none_on_empty_tables(stage: Stage) -> None:
    statements = [str(case.values[0]) for case in CASES if case.id != "refresh materialized view"]
    empty = [on_empty(statement) for statement in statements]
    assert not set(empty) & set(statements)
    assert not of_locks(stage.hazards(*([statement] for statement in empty)))


def test_they_are_none_on_a_table_that_the_plan_makes(stage: Stage) -> None:
    statements = [str(case.values[0]) for case in CASES if " TABLE users" in str(case.values[0])]
    new = [statement.replace("TABLE users", "TABLE new_users") for statement in statements]
    found = stage.hazards(
        ["CREATE TABLE new_users AS SELECT * FROM users"], *([statement] for statement in new)
    )
    assert not of_locks(found)


@pytest.mark.parametrize(
    "statement", [pytest.param(case.values[0], id=case.id) for case in CASES if case.values[3]]
)
def test_the_remedy_works_where_rows_are_and_is_no_hazard(
    stage: Stage, own_stage: Stage, statement: str
) -> None:
    """Its code is run as it stands there: rehearsed, and then on tables that have rows."""
    hazard = max(of_locks(stage.hazards([statement])), key=lambda hazard: len(hazard.remedy))
    recipe = recipe_in(hazard.remedy)
    assert recipe
    assert not own_stage.hazards(*recipe)
    run_traced(own_stage.production_url, *recipe)


def test_an_update_of_all_rows_keeps_them_locked(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN folded text"],
        ["UPDATE users SET folded = lower(email) WHERE folded IS NULL"],
    )
    (hazard,) = found
    assert (hazard.code, hazard.severity) == (HazardCode.BLOCKS_WRITES, Severity.HIGH)
    assert "each row of public.users (20,000,000 rows" in hazard.message
    assert "ctid = ANY (ARRAY(SELECT ctid FROM users WHERE folded IS NULL LIMIT 10000))" in hazard.remedy


def test_an_update_of_few_rows_is_no_hazard(stage: Stage) -> None:
    """Production was asked how many rows meet the condition."""
    assert not stage.hazards(["UPDATE users SET score = 1 WHERE email = 'user7@example.com'"])


def test_a_lock_is_held_while_something_else_takes_long(stage: Stage) -> None:
    found = stage.hazards(
        [
            "ALTER TABLE users ADD COLUMN folded text",
            "CREATE INDEX orders_total ON orders (total)",
            "UPDATE users SET folded = lower(email) WHERE folded IS NULL",
        ]
    )
    hazard, other = [item for item in found if item.code is HazardCode.LOCK_HELD_THROUGH_STATEMENTS]
    assert (hazard.severity, hazard.statement) == (Severity.HIGH, 1)
    assert "ACCESS EXCLUSIVE on public.users (20,000,000 rows" in hazard.message
    assert "held through statements 2 and 3: reads and writes wait for about" in hazard.message
    assert "statements 2 and 3 into another revision than statement 1" in hazard.remedy
    assert (other.severity, other.statement) == (Severity.HIGH, 2)
    assert "SHARE on public.orders" in other.message
    assert "held through statement 3: writes wait" in other.message


def test_revisions_of_their_own_hold_no_lock_for_each_other(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN folded text"],
        [Alone(sql="CREATE INDEX CONCURRENTLY orders_total ON orders (total)")],
    )
    assert not found


def test_what_keeps_the_same_table_waiting_is_told_once(stage: Stage) -> None:
    """The second statement takes as strong a lock by itself."""
    found = stage.hazards(
        ["ALTER TABLE users ADD COLUMN folded text", "ALTER TABLE users ALTER COLUMN score SET NOT NULL"]
    )
    assert [(item.code, item.statement) for item in found if item.severity is Severity.HIGH] == [
        (HazardCode.BLOCKS_READS, 2)
    ]


def test_many_short_statements_are_no_hazard(stage: Stage) -> None:
    assert not stage.hazards([f"ALTER TABLE users ADD COLUMN extra_{number} text" for number in range(50)])


def test_a_table_is_known_by_its_new_name(stage: Stage) -> None:
    found = stage.hazards(
        ["ALTER TABLE orders RENAME TO purchases", "CREATE VIEW orders AS SELECT * FROM purchases"],
        ["ALTER TABLE purchases ADD CONSTRAINT sound CHECK (total >= 0)"],
    )
    (hazard,) = [item for item in found if item.severity is Severity.HIGH]
    assert (hazard.code, hazard.table, hazard.revision) == (HazardCode.BLOCKS_READS, "public.orders", "2")
    assert "ALTER TABLE public.purchases ADD CONSTRAINT sound" in hazard.remedy


def test_partitions_count_once_and_get_their_indexes_one_by_one(bare_stage: Stage) -> None:
    bare_stage.build(
        """CREATE TABLE event (id bigint, at date, kind text) PARTITION BY RANGE (at);
           CREATE TABLE event_2025 PARTITION OF event FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
           CREATE TABLE event_2026 PARTITION OF event FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')""",
        "INSERT INTO event SELECT n, date '2025-01-01' + n % 700, 'k' FROM generate_series(1, 1000) n",
    )
    (hazard,) = bare_stage.hazards(["CREATE INDEX event_id ON event (id)"])
    assert (hazard.code, hazard.severity) == (HazardCode.BLOCKS_WRITES, Severity.HIGH)
    assert "SHARE on public.event (20,000,000 rows" in hazard.message
    recipe = recipe_in(hazard.remedy)
    assert recipe[1:3] == [
        [Alone(sql="CREATE INDEX CONCURRENTLY event_2025_event_id ON public.event_2025 USING btree (id)")],
        [Alone(sql="CREATE INDEX CONCURRENTLY event_2026_event_id ON public.event_2026 USING btree (id)")],
    ]
    run_traced(bare_stage.production_url, *recipe)
    (required, *_rest) = bare_stage.hazards(["ALTER TABLE event ALTER COLUMN kind SET NOT NULL"])
    assert required.code is HazardCode.BLOCKS_READS
    assert len(recipe_in(required.remedy)) == 2


def test_a_partition_that_is_attached_is_checked(bare_stage: Stage) -> None:
    bare_stage.build(
        """CREATE TABLE event (id bigint, at date) PARTITION BY RANGE (at);
           CREATE TABLE old_events (id bigint, at date)""",
        "INSERT INTO old_events SELECT n, '2025-05-05' FROM generate_series(1, 1000) n",
    )
    found = bare_stage.hazards(
        ["ALTER TABLE event ATTACH PARTITION old_events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01')"]
    )
    assert {item.code for item in found} == {HazardCode.BLOCKS_READS, HazardCode.SCANS_TABLE}
    assert {item.table for item in found} == {"public.old_events"}
    assert "CHECK with the bounds" in found[0].remedy


def test_safe_statements_are_no_hazard(stage: Stage) -> None:
    statements: list[Statement] = [
        "ALTER TABLE users ADD COLUMN note text",
        "ALTER TABLE users ADD COLUMN level integer NOT NULL DEFAULT 5",
        "ALTER TABLE users ALTER COLUMN code TYPE varchar(40)",
        "ALTER TABLE users ALTER COLUMN code TYPE text",
        "ALTER TABLE users ALTER COLUMN code SET DEFAULT 'x'",
        "ALTER TABLE users ADD CONSTRAINT sound CHECK (score >= 0) NOT VALID",
        "ALTER TABLE users VALIDATE CONSTRAINT sound",
        "ALTER TABLE orders ADD CONSTRAINT of_user FOREIGN KEY (user_id) REFERENCES users (id) NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT of_user",
        "CREATE TABLE visits (id bigint PRIMARY KEY, user_id bigint REFERENCES users (id))",
        "COMMENT ON TABLE users IS 'people'",
        "CREATE VIEW adults AS SELECT * FROM users WHERE age > 17",
        "INSERT INTO vacant (id) VALUES (1)",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY totals",
        "DROP INDEX orders_user_id",
        Alone(sql="CREATE INDEX CONCURRENTLY users_age ON users (age)"),
        Alone(sql="DROP INDEX CONCURRENTLY users_age"),
    ]
    assert not stage.hazards(*([statement] for statement in statements))


def test_the_remedy_can_be_pasted_into_revisions(
    stage: Stage, own_stage: Stage, project: AlembicProject
) -> None:
    """The code is a revision's as it stands, loops and blocks included."""
    statement = "ALTER TABLE orders ALTER COLUMN total TYPE text USING 'total: ' || total || ' :a'"
    remedy = max((hazard.remedy for hazard in of_locks(stage.hazards([statement]))), key=len)
    _intro, *bodies = re.split(r"^  revision \d+\n", remedy, flags=re.MULTILINE)
    for number, body in enumerate(bodies, 4):
        project.add(f"{number:03}", f"{number - 1:03}", body)
    config = Config(project.config)
    with connected(own_stage.production_url) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        changed = "SELECT count(*) FROM orders WHERE total = 'total: 7 :a'"
        assert connection.exec_driver_sql(changed).scalar() == 20
