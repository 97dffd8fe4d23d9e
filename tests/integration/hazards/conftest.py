"""A stage for each test: one database for production, one for the copy of its schema."""

from collections.abc import Iterator

import pytest

from agent_factory.url import DatabaseURL
from tests.integration.hazards.stage import Stage, run_script
from tests.postgres import new_database

SCHEMA = """
CREATE TABLE users (
    id bigint PRIMARY KEY, email text, "Full Name" text, age integer, code varchar(20),
    amount numeric(12,2), score integer, seen timestamp with time zone);
CREATE TABLE vacant (LIKE users INCLUDING ALL);
CREATE TABLE orders (id bigint PRIMARY KEY, user_id bigint, total integer, state text);
CREATE TABLE vacant_orders (LIKE orders INCLUDING ALL);
CREATE INDEX orders_user_id ON orders (user_id);
CREATE TABLE ledger (number integer, note text);
CREATE TABLE vacant_ledger (LIKE ledger INCLUDING ALL);
CREATE MATERIALIZED VIEW totals AS SELECT state, user_id FROM orders;
CREATE UNIQUE INDEX totals_user_id ON totals (user_id)
"""
# Sound where a constraint is to hold: email, "Full Name" and code are there and unique, score is not NULL.
ROWS = """
INSERT INTO users
SELECT n, 'user' || n || '@example.com', 'User ' || n, CASE WHEN n % 10 > 0 THEN n % 90 END, 'code ' || n,
       n / 100.0, n % 7, '2026-01-01 10:00'
FROM generate_series(1, 1000) n;
INSERT INTO orders SELECT n, n, n % 50, 'new' FROM generate_series(1, 1000) n;
INSERT INTO ledger SELECT n, 'note' FROM generate_series(1, 1000) n;
REFRESH MATERIALIZED VIEW totals
"""


@pytest.fixture(scope="session")
def filled(server_url: DatabaseURL) -> Iterator[str]:
    """A database with users, orders and a ledger of 1,000 rows each, and the same tables without any."""
    with new_database(server_url) as url:
        run_script(url, SCHEMA)
        run_script(url, ROWS)
        run_script(url, "ANALYZE")
        yield url


@pytest.fixture(scope="session")
def empty(server_url: DatabaseURL) -> Iterator[str]:
    """The same schema without rows."""
    with new_database(server_url) as url:
        run_script(url, SCHEMA)
        yield url


@pytest.fixture
def stage(server_url: DatabaseURL, filled: str, empty: str) -> Iterator[Stage]:
    """Production that other tests read as well, and a copy of its schema for this one alone."""
    with new_database(server_url, template=empty) as scratch_url:
        yield Stage(production_url=filled, scratch_url=scratch_url)


@pytest.fixture
def own_stage(server_url: DatabaseURL, filled: str, empty: str) -> Iterator[Stage]:
    """The same with a production of this test's own, to be written to."""
    with (
        new_database(server_url, template=filled) as production_url,
        new_database(server_url, template=empty) as scratch_url,
    ):
        yield Stage(production_url=production_url, scratch_url=scratch_url)


@pytest.fixture
def bare_stage(server_url: DatabaseURL) -> Iterator[Stage]:
    """Two empty databases."""
    with new_database(server_url) as production_url, new_database(server_url) as scratch_url:
        yield Stage(production_url=production_url, scratch_url=scratch_url)
