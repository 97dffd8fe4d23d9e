"""Safe forms: statements that are no hazard, and rewrites that can be copied as they stand."""

import re

from alembic import command
from alembic.config import Config

from tests.integration.hazards.lock_cases import of_locks
from tests.integration.hazards.stage import Autocommit, Stage, Statement, connected
from tests.projects import AlembicProject


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
        Autocommit(sql="CREATE INDEX CONCURRENTLY users_age ON users (age)"),
        Autocommit(sql="DROP INDEX CONCURRENTLY users_age"),
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
