"""The names of SQLAlchemy that no documentation promises: each test fails by its name."""

import sqlalchemy as sa

from agent_factory.migrate.db.sqlalchemy_internals import begins_noted, commit_and_begin, sequences_of


def test_sequences_are_those_of_the_metadata_and_of_its_columns() -> None:
    metadata = sa.MetaData()
    sa.Sequence("alone", metadata=metadata, schema="house")
    sa.Table("t", metadata, sa.Column("id", sa.Integer, sa.Sequence("of_a_column"), primary_key=True))
    sa.Table("u", metadata, sa.Column("id", sa.Integer, primary_key=True))

    found = {(sequence.schema, sequence.name) for sequence in sequences_of(metadata)}

    assert found == {("house", "alone"), (None, "of_a_column")}, (
        "MetaData._sequences lacks some, or has others"
    )


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
