"""The names of SQLAlchemy that no documentation promises: each test fails by its name."""

import sqlite3

import sqlalchemy as sa

from agent_factory.migrate.db.sqlalchemy_internals import (
    begins_noted,
    commit_and_begin,
    copy_of,
    create_own_engine,
    give_listeners,
    has_own_creator,
    sequences_of,
    with_listeners_of,
)


def test_sequences_are_those_of_the_metadata_and_of_its_columns() -> None:
    metadata = sa.MetaData()
    sa.Sequence("alone", metadata=metadata, schema="house")
    sa.Table("t", metadata, sa.Column("id", sa.Integer, sa.Sequence("of_a_column"), primary_key=True))
    sa.Table("u", metadata, sa.Column("id", sa.Integer, primary_key=True))

    found = {(sequence.schema, sequence.name) for sequence in sequences_of(metadata)}

    assert found == {("house", "alone"), (None, "of_a_column")}, (
        "MetaData._sequences lacks some, or has others"
    )


def test_a_copy_of_a_column_belongs_to_no_table() -> None:
    column = sa.Column("c", sa.String(5), nullable=False, server_default="x")
    sa.Table("t", sa.MetaData(), column)

    copied = copy_of(column)

    assert getattr(copied, "table") is None, "Column._copy has another meaning"  # noqa: B009
    assert (copied.name, copied.nullable, column.table.name) == ("c", False, "t")


def test_what_is_committed_in_a_transaction_that_goes_on() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        transaction = connection.begin()
        connection.execute(sa.text("CREATE TABLE t (n INTEGER)"))
        connection.execute(sa.text("INSERT INTO t VALUES (1)"))

        commit_and_begin(connection, transaction)

        assert transaction.is_active, "Connection._commit_impl or _begin_impl have ended it"
        connection.execute(sa.text("INSERT INTO t VALUES (2)"))
        transaction.rollback()
        rows = connection.execute(sa.text("SELECT n FROM t")).scalars().all()
        assert list(rows) == [1], "Connection._commit_impl does not commit"


def test_a_transaction_that_somebody_begins_is_told_from_one_that_begins_by_itself() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection, begins_noted(connection) as begun:
        assert begun() is None
        with connection.begin() as transaction:
            assert begun() is transaction, "Connection.begin is not what is called"
        connection.execute(sa.text("SELECT 1"))
        assert connection.in_transaction()
        assert begun() is None
    assert "begin" not in vars(connection)


def test_what_listens_to_an_engine_hears_of_another_ones_connection_for_the_block() -> None:
    engine, other = sa.create_engine("sqlite://"), sa.create_engine("sqlite://")
    heard: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute", retval=True)
    def replace(_connection: object, _cursor: object, sql: str, values: object, *_rest: object) -> object:
        heard.append(sql)
        return sql.replace("1", "2"), values

    with other.connect() as connection:
        with with_listeners_of(engine, connection):
            assert connection.exec_driver_sql("SELECT 1").scalar() == 2, "Engine.dispatch has no listeners"
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1
    assert heard == ["SELECT 1"]


def test_what_listens_to_transactions_of_an_engine_hears_of_another_ones() -> None:
    engine, other = sa.create_engine("sqlite://"), sa.create_engine("sqlite://")
    heard: list[str] = []
    for name in ("commit", "rollback"):
        sa.event.listen(engine, name, lambda _connection, name=name: heard.append(name))

    with other.connect() as connection, with_listeners_of(engine, connection):
        connection.exec_driver_sql("SELECT 1")
        connection.commit()
        connection.exec_driver_sql("SELECT 1")
        connection.rollback()

    assert heard == ["commit", "rollback"], "Engine.dispatch has no listeners"


def test_an_engine_hears_what_another_one_and_its_pool_do() -> None:
    engine, other = sa.create_engine("sqlite://"), sa.create_engine("sqlite://")
    heard: list[str] = []
    sa.event.listen(engine, "connect", lambda *_facts: heard.append("connect"))
    sa.event.listen(engine, "begin", lambda _connection: heard.append("begin"))

    give_listeners(engine, other)
    with other.begin():
        pass

    assert heard == ["connect", "begin"], "Engine.dispatch._update or Pool.dispatch have changed"


def test_which_engine_opens_its_connections_by_a_function_of_its_own() -> None:
    assert not has_own_creator(sa.create_engine("sqlite://")), "Pool._creator is of another module"
    assert has_own_creator(sa.create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:")))


def test_an_engine_of_its_own_hears_of_nothing_that_is_listened_to_on_a_class() -> None:
    heard: list[str] = []
    listeners = [
        (target, name, lambda *_facts, name=name: heard.append(name))
        for target, name in (
            (sa.Engine, "connect"),
            (sa.Pool, "checkout"),
            (sa.Engine, "do_connect"),
            (sa.Engine, "engine_connect"),
            (sa.Engine, "before_cursor_execute"),
            (sa.Engine, "begin"),
            (sa.Engine, "rollback"),
        )
    ]
    for listener in listeners:
        sa.event.listen(*listener)
    try:
        before = create_own_engine(sa.make_url("sqlite://"), connect_args={})
        with before.connect() as connection:
            connection.execute(sa.text("SELECT 1"))
        assert heard == [], "_sa_propagate_class_events is not heeded any more"
        with with_listeners_of(None, connection := before.connect()):
            connection.execute(sa.text("SELECT 1"))
        assert heard == ["before_cursor_execute"], "Engine.dispatch._for_class has not the listeners of all"
        with sa.create_engine("sqlite://").connect():
            assert "connect" in heard
    finally:
        for listener in listeners:
            sa.event.remove(*listener)
