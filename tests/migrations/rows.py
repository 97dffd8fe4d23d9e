"""Rows of every table as 001 has them, and what they must be after the upgrade and after the downgrade."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from tests.migrations.runs import connect, shape

Row = dict[str, Any]

NULL = sa.null()
"""NULL in a JSON column. None there is the JSON value null, which SQLAlchemy writes unless told otherwise."""

# In summer, at both changes of the clocks in New York, and before 1970; one has microseconds.
SUMMER = datetime.fromisoformat("2024-07-01T12:30:15.123456")
TWICE = datetime.fromisoformat("2024-11-03T01:30:00")
NEVER = datetime.fromisoformat("2025-03-09T02:30:00")
EARLY = datetime.fromisoformat("1969-12-31T23:59:59")

LISTS = {"roles", "permissions", "tools", "scopes"}
RENAMED = {"agents", "workflows", "executions"}


def number(n: int) -> uuid.UUID:
    return uuid.UUID(int=n)


def row(n: int, **columns: Any) -> Row:
    return {"id": number(n), **columns}


ACME, ZOLW, ADA, STAFF, AGENT = number(1), number(2), number(10), number(11), number(20)
LIVE = {"created_at": SUMMER, "updated_at": TWICE, "is_active": True}
DEAD = {"created_at": EARLY, "updated_at": NEVER, "is_active": False}

ROWS: dict[str, list[Row]] = {
    "tenants": [
        row(
            1,
            name="Acme",
            slug="acme",
            plan="pro",
            resource_quota={"a": {"b": [1, None]}},
            usage=NULL,
            **LIVE,
        ),
        row(2, name="Żółw 🐢", slug="zolw", plan="free", resource_quota=None, usage={}, **DEAD),
    ],
    "users": [
        row(
            10,
            tenant_id=ACME,
            email="Ada@Example.org",
            hashed_password="x",
            is_superuser=False,
            roles=["admin"],
            permissions=NULL,
            **LIVE,
        ),
        row(
            11,
            tenant_id=None,
            email="staff@example.org",
            hashed_password="y",
            is_superuser=True,
            roles=None,
            permissions=["a", "b"],
            **DEAD,
        ),
    ],
    "agents": [
        row(
            20,
            tenant_id=ACME,
            user_id=ADA,
            name="a",
            instructions='it\'s\n"quoted"; -- %s :x',
            model="m",
            tools=[{"name": "search"}],
            config=NULL,
            **LIVE,
        ),
        row(
            21,
            tenant_id=ZOLW,
            user_id=None,
            name="b",
            instructions="",
            model="m",
            tools=NULL,
            config={"temperature": 0.1},
            **DEAD,
        ),
    ],
    "workflows": [
        row(30, tenant_id=ACME, user_id=ADA, name="w", description=None, definition={"steps": ["x"]}, **LIVE),
        row(31, tenant_id=ZOLW, user_id=STAFF, name="v", description="text", definition=None, **DEAD),
    ],
    "blueprints": [
        row(
            40 + n,
            publisher_id=ADA,
            name="b",
            description=None,
            version=f"1.{n}",
            definition=definition,
            pricing_model=pricing_model,
            price=price,
            is_public=True,
            downloads=n,
            rating=4.7,
            reviews_count=3,
            created_at=SUMMER,
            updated_at=NEVER,
        )
        for n, (pricing_model, price, definition) in enumerate(
            [
                ("free", 0.0, NULL),
                ("one_time", 19.99, {"a": 1}),
                ("subscription", 0.1 + 0.2, {}),
                ("one_time", 1234567890.12, {"deep": {"list": [1, 2, {"x": None}]}}),
                ("one_time", 10.0, None),
            ]
        )
    ],
    "executions": [
        row(
            50 + n,
            tenant_id=ACME,
            user_id=ADA if n else None,
            execution_type="agent" if n % 2 else "workflow",
            resource_id=AGENT,
            status=status,
            input_data={"n": n},
            output_data=NULL,
            error_message=None,
            execution_time=0.25 * n,
            completed_at=TWICE if n > 1 else None,
            created_at=SUMMER,
        )
        for n, status in enumerate(["pending", "running", "completed", "failed", "cancelled"])
    ],
    "audit_logs": [
        row(
            60,
            tenant_id=ACME,
            user_id=ADA,
            action="agent.create",
            resource_type="agent",
            resource_id=AGENT,
            details={"from": "console"},
            ip_address="2001:db8::1",
            created_at=NEVER,
        ),
        row(
            61,
            tenant_id=ZOLW,
            user_id=None,
            action="purge",
            resource_type="tenant",
            resource_id=None,
            details=NULL,
            ip_address=None,
            created_at=EARLY,
        ),
    ],
    "api_keys": [
        row(
            70,
            tenant_id=ACME,
            user_id=ADA,
            name="k",
            key_prefix="af_live_",
            key_hash="0" * 64,
            scopes=["read"],
            is_active=True,
            last_used_at=TWICE,
            expires_at=NEVER,
            created_at=SUMMER,
        ),
        row(
            71,
            tenant_id=ACME,
            user_id=STAFF,
            name="l",
            key_prefix="af_test_",
            key_hash="1" * 64,
            scopes=None,
            is_active=False,
            last_used_at=None,
            expires_at=None,
            created_at=SUMMER,
        ),
    ],
}


def seed(url: str) -> None:
    """Write the rows into a database at 001."""
    with connect(url) as connection, connection.begin():
        for table in shape("001").sorted_tables:
            for values in ROWS[table.name]:
                connection.execute(sa.insert(table), values)


def read(url: str, revision: str) -> dict[str, list[Row]]:
    """Read the eight tables by the shape of a revision; at 002 every time is given in UTC."""
    metadata = shape(revision)

    def plain(value: Any) -> Any:
        if revision == "002" and isinstance(value, datetime):
            return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return value

    found: dict[str, list[Row]] = {}
    with connect(url) as connection:
        for name in ROWS:
            table = metadata.tables[name]
            rows = connection.execute(sa.select(table).order_by(table.c.id)).mappings()
            found[name] = [{key: plain(value) for key, value in values.items()} for values in rows]
    return found


def expected_at_002() -> dict[str, list[Row]]:
    tables = shape("002").tables
    documents = {name: {c.name for c in tables[name].columns if isinstance(c.type, sa.JSON)} for name in ROWS}

    def new(table: str, values: Mapping[str, Any]) -> Row:
        changed: Row = {}
        for name, value in values.items():
            if name in documents[table] and (value is None or value is NULL):
                changed[name] = [] if name in LISTS else {}
            elif isinstance(value, datetime):
                changed[name] = value.replace(tzinfo=UTC)
            elif name == "price":
                changed[name] = round(Decimal(value), 2)
            else:
                changed["created_by" if name == "user_id" and table in RENAMED else name] = value
        return changed

    return {table: [new(table, values) for values in rows] for table, rows in ROWS.items()}


def expected_back_at_001() -> dict[str, list[Row]]:
    """As they were, but for JSON that was null and prices of more than two decimals."""

    def old(values: Mapping[str, Any]) -> Row:
        changed: Row = {}
        for name, value in values.items():
            if isinstance(value, datetime):
                changed[name] = value.replace(tzinfo=None)
            elif isinstance(value, Decimal):
                changed[name] = float(value)
            else:
                changed["user_id" if name == "created_by" else name] = value
        return changed

    return {table: [old(values) for values in rows] for table, rows in expected_at_002().items()}
