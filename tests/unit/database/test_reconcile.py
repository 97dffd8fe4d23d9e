"""Which spellings mean the same, and what is said of those that do not."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from agent_factory.database.models import Base
from agent_factory.database.reconcile import (
    DataConflictError,
    Difference,
    SchemaConflictError,
    declared_parts,
    same_definition,
)


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (
            "CHECK (status IN ('a', 'B c'))",
            "CHECK (status::text = ANY (ARRAY['a'::character varying, 'B c'::character varying]::text[]))",
        ),
        (
            "CHECK (status IN ('a', 'b'))",
            "CHECK (((status)::text = ANY ((ARRAY['a'::varchar, 'b'::character varying(9)])::text[])))",
        ),
        ("CHECK (length(currency) = 3)", "CHECK ((length((currency)::text) = 3))"),
        ("CHECK (a <> 'x')", "CHECK (a != 'x')"),
        ("UNIQUE (a, b)", "unique(a,b)"),
        ("VARCHAR(20) DEFAULT 'free' NOT NULL", "VARCHAR(20) DEFAULT 'free'::character varying NOT NULL"),
        ("JSONB DEFAULT '{}' NOT NULL", "JSONB DEFAULT '{}'::jsonb NOT NULL"),
        ("DOUBLE PRECISION DEFAULT 0 NOT NULL", "DOUBLE PRECISION DEFAULT '0'::double precision NOT NULL"),
        ("DATETIME DEFAULT CURRENT_TIMESTAMP", "DATETIME DEFAULT (CURRENT_TIMESTAMP)"),
        (
            "FOREIGN KEY(a) REFERENCES t (id) ON DELETE SET NULL",
            'FOREIGN KEY (a) REFERENCES "t"(id) ON DELETE SET NULL',
        ),
        (
            "CREATE UNIQUE INDEX i ON t (lower(email))",
            "CREATE UNIQUE INDEX i ON t USING btree (lower(email::text))",
        ),
        (
            "CREATE UNIQUE INDEX i ON t (a) WHERE status <> 'x'",
            "CREATE UNIQUE INDEX i ON t USING btree (a) WHERE status::text <> 'x'::text",
        ),
        ("CREATE INDEX i ON t (a)", 'create index if not exists "i" on "t" (a)'),
        (None, None),
    ],
)
def test_the_same_in_other_words(declared: str | None, found: str | None) -> None:
    assert same_definition(declared, found)


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        ("CHECK (status IN ('a', 'b'))", "CHECK (status IN ('a', 'B'))"),
        ("CHECK (status IN ('a', 'b'))", "CHECK (status IN ('a'))"),
        ("CHECK (status IN ('a'))", "CHECK (status IN ('a')) NOT VALID"),
        ("CHECK (status <> 'a b')", "CHECK (status <> 'a  b')"),
        ("CHECK (a = 'it''s')", "CHECK (a = 'it' 's')"),
        ("VARCHAR(20)", "VARCHAR(200)"),
        ("VARCHAR(20)", "VARCHAR(20) NOT NULL"),
        ("TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITHOUT TIME ZONE"),
        ("JSON DEFAULT '{}'", "JSON DEFAULT '[]'"),
        ("FOREIGN KEY(a) REFERENCES t (id) ON DELETE CASCADE", "FOREIGN KEY (a) REFERENCES t(id)"),
        ("CREATE UNIQUE INDEX i ON t (lower(email))", "CREATE UNIQUE INDEX i ON t USING btree (email)"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t USING hash (a)"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t USING btree (a) INVALID"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t USING btree (a DESC)"),
        ("CREATE INDEX i ON t (a)", "CREATE INDEX i ON t USING btree (a) WHERE a > 0"),
        ("UNIQUE (a)", None),
        (None, "UNIQUE (a)"),
    ],
)
def test_something_else(declared: str | None, found: str | None) -> None:
    assert not same_definition(declared, found)


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(postgresql.dialect(), id="postgresql"),  # type: ignore[no-untyped-call]
        pytest.param(sqlite.dialect(), id="sqlite"),
    ],
)
def test_every_part_of_a_table_is_declared(dialect: sa.Dialect) -> None:
    parts = declared_parts(Base.metadata.tables["subscriptions"], dialect)
    assert next(iter(parts)) == "column id"
    assert parts["column status"] == "VARCHAR(20) DEFAULT 'trialing' NOT NULL"
    assert parts["column canceled_at"] == (
        "TIMESTAMP WITH TIME ZONE" if dialect.name == "postgresql" else "DATETIME"
    )
    assert parts["constraint pk_subscriptions"] == "PRIMARY KEY (id)"
    assert parts["constraint fk_subscriptions_plan_id_plans"] == (
        "FOREIGN KEY(plan_id) REFERENCES plans (id) ON DELETE RESTRICT"
    )
    assert parts["index uq_subscriptions_tenant_id_live"].endswith("(tenant_id) WHERE status <> 'canceled'")
    kinds = {part.partition(" ")[0] for part in parts}
    assert kinds == {"column", "constraint", "index"}


def test_a_conflict_names_table_part_expected_and_found() -> None:
    differences = [
        Difference(table="plans", part="column name", expected="TEXT", found="VARCHAR(9)"),
        Difference(table="plans", part="index i", expected=None, found="CREATE INDEX i ON plans (name)"),
    ]
    error = SchemaConflictError(differences)
    assert error.differences == tuple(differences)
    assert str(error).splitlines() == [
        "the database has tables that differ from what this migration makes; nothing was changed",
        "  plans: column name: expected TEXT, found VARCHAR(9)",
        "  plans: index i: expected none, found CREATE INDEX i ON plans (name)",
        error.hint,
    ]


def test_rows_that_do_not_fit_are_told_with_what_to_do() -> None:
    error = DataConflictError("users", "2 rows are wrong", "Mend them.")
    assert (error.table, error.problem, error.hint) == ("users", "2 rows are wrong", "Mend them.")
    assert str(error) == "users: 2 rows are wrong; nothing was changed\nMend them."
