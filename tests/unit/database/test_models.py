"""Conventions that hold for every table."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from agent_factory.database.models import Base

TABLES = [pytest.param(table, id=table.name) for table in Base.metadata.sorted_tables]
WITHOUT_UPDATED_AT = {"executions", "audit_logs", "api_keys", "usage_records"}


def test_there_are_twelve_tables() -> None:
    assert len(TABLES) == 12


@pytest.mark.parametrize("table", TABLES)
def test_names_are_unique_and_fit_postgresql(table: sa.Table) -> None:
    names = [str(constraint.name) for constraint in table.constraints]
    names += [str(index.name) for index in table.indexes]
    assert "None" not in names
    assert len(set(names)) == len(names)
    assert [name for name in names if len(name.encode()) > 63] == []


@pytest.mark.parametrize("table", TABLES)
def test_every_foreign_key_has_a_rule_and_an_index(table: sa.Table) -> None:
    leading = [
        *(
            tuple(index.columns.keys())
            for index in table.indexes
            if index.dialect_options["postgresql"]["where"] is None
        ),
        *(
            tuple(constraint.columns.keys())
            for constraint in table.constraints
            if isinstance(constraint, sa.UniqueConstraint | sa.PrimaryKeyConstraint)
        ),
    ]
    for key in table.foreign_key_constraints:
        columns = tuple(key.column_keys)
        assert key.ondelete in {"CASCADE", "SET NULL", "RESTRICT"}
        assert any(index[: len(columns)] == columns for index in leading), columns
        if key.ondelete == "SET NULL":
            assert all(table.columns[column].nullable for column in columns)


@pytest.mark.parametrize("table", TABLES)
def test_columns_follow_the_conventions(table: sa.Table) -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    assert isinstance(table.columns["id"].type, sa.Uuid)
    assert table.columns["id"].default is not None
    assert ("updated_at" in table.columns) == (table.name not in WITHOUT_UPDATED_AT)
    for column in table.columns:
        type_ = column.type.compile(dialect=dialect)
        if type_.startswith("TIMESTAMP"):
            assert type_ == "TIMESTAMP WITH TIME ZONE"
        if "JSON" in type_:
            assert type_ == "JSONB"
            assert not column.nullable
            assert str(getattr(column.server_default, "arg", None)) in {"'{}'", "'[]'"}
        if "price" in column.name:
            assert type_ == ("VARCHAR(20)" if column.name == "pricing_model" else "NUMERIC(12, 2)")
        if column.name in {"created_at", "updated_at"}:
            assert column.server_default is not None
            assert not column.nullable


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("blueprints", "pricing_model"),
        ("executions", "execution_type"),
        ("executions", "status"),
        ("plans", "plan_type"),
        ("subscriptions", "status"),
        ("subscriptions", "billing_cycle"),
    ],
)
def test_a_state_is_a_string_under_a_named_check(table: str, column: str) -> None:
    declared = Base.metadata.tables[table]
    checks = {str(item.name): item for item in declared.constraints if isinstance(item, sa.CheckConstraint)}
    assert str(checks[f"ck_{table}_{column}"].sqltext).startswith(f"{column} IN (")
    assert isinstance(declared.columns[column].type, sa.String)
    assert not isinstance(declared.columns[column].type, sa.Enum)
