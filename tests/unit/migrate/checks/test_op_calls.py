"""Which tables a revision's file changes, read without running it."""

import pytest

from agent_factory.migrate.checks.op_calls import TABLE_ARGUMENTS, NamedTables, tables_named_in

FILE = '''"""A revision."""

import sqlalchemy as sa
from alembic import op

USERS = "users"
orders = sa.table("orders", sa.column("id"))


def upgrade():
    {upgrade}


def downgrade():
    op.drop_table("of_the_way_back")
'''


@pytest.mark.parametrize(
    ("call", "tables"),
    [
        ('op.create_table("users", sa.Column("id", sa.Integer))', {"users"}),
        ('op.create_table("users", schema="app")', {"app.users"}),
        ('op.rename_table("old", "new")', {"old", "new"}),
        ('op.add_column("users", sa.Column("x", sa.Integer))', {"users"}),
        ('op.add_column(table_name="users", column=sa.Column("x", sa.Integer))', {"users"}),
        ("op.drop_column(USERS, 'x')", {"users"}),
        ('op.create_index("ix", "users", ["x"])', {"users"}),
        ('op.drop_index("ix", table_name="users")', {"users"}),
        ('op.create_foreign_key("fk", "orders", "users", ["user_id"], ["id"])', {"orders"}),
        ('op.drop_constraint("ck", "users", type_="check")', {"users"}),
        ('with op.batch_alter_table("users") as batch:\n        batch.drop_column("x")', {"users"}),
        ("op.bulk_insert(orders, [])", {"orders"}),
        ('op.bulk_insert(sa.table("users"), [])', {"users"}),
        ("op.execute(orders.update().values(id=1))", {"orders"}),
        ("op.execute(sa.insert(orders).values(id=1))", {"orders"}),
        ("op.get_bind().execute(sa.delete(orders).where(orders.c.id == 1))", {"orders"}),
        ('op.execute("UPDATE users SET x = 1")', {"users"}),
        ('op.execute(sa.text("insert into App.Users values (1)"))', {"app.users"}),
        ("op.execute('DELETE FROM \"Odd Name\" WHERE true')", {"Odd Name"}),
        ('op.execute("ALTER TABLE IF EXISTS ONLY app.users ADD x int")', {"app.users"}),
        ('op.execute("CREATE UNIQUE INDEX CONCURRENTLY ix ON users (x)")', {"users"}),
        ("op.execute(\"TRUNCATE a; COMMENT ON TABLE b IS 'x'\")", {"a", "b"}),
        ('connection = op.get_bind()\n    connection.execute(sa.text("UPDATE users SET x = 1"))', {"users"}),
        ('op.execute("SELECT 1 FROM users")', set()),
        ("op.get_bind().execute(sa.select(orders.c.id).where(orders.c.id == 1))", set()),
        ("pass", set()),
    ],
)
def test_a_call_names_its_table(call: str, tables: set[str]) -> None:
    named = tables_named_in(FILE.format(upgrade=call))

    assert named == NamedTables(tables=frozenset(tables), unclear_lines=())


@pytest.mark.parametrize(
    "call",
    [
        'op.drop_index("ix")',
        "op.drop_table(name_of_it())",
        'op.execute("DO $$ BEGIN PERFORM f(); END $$")',
        "op.execute(statement)",
        "op.my_own_operation()",
    ],
)
def test_a_call_that_does_not_say_is_told_with_its_line(call: str) -> None:
    named = tables_named_in(FILE.format(upgrade=call))

    assert named == NamedTables(tables=frozenset(), unclear_lines=(11,))


def test_what_a_function_of_the_file_does_counts() -> None:
    source = FILE.format(upgrade="fill()") + '\n\ndef fill():\n    op.execute("UPDATE users SET x = 1")\n'

    assert tables_named_in(source).tables == {"users"}


def test_a_file_that_is_no_python_is_unclear() -> None:
    assert tables_named_in("def upgrade(:").unclear_lines == (1,)


def test_every_operation_of_alembic_is_known() -> None:
    from alembic import op
    from alembic.operations import Operations

    known = {*TABLE_ARGUMENTS, "execute"}
    told = {name for name in dir(op) if name.startswith(("create_", "drop_", "add_", "alter_", "bulk_"))}
    told |= {name for name in dir(Operations) if name.startswith(("create_", "drop_", "add_", "alter_"))}

    assert told - known <= {"create_module_class_proxy"}
