"""The names of SQLAlchemy that no documentation promises: each test fails by its name."""

import sqlalchemy as sa

from agent_factory.migrate.db.sqlalchemy_internals import sequences_of


def test_sequences_are_those_of_the_metadata_and_of_its_columns() -> None:
    metadata = sa.MetaData()
    sa.Sequence("alone", metadata=metadata, schema="house")
    sa.Table("t", metadata, sa.Column("id", sa.Integer, sa.Sequence("of_a_column"), primary_key=True))
    sa.Table("u", metadata, sa.Column("id", sa.Integer, primary_key=True))

    found = {(sequence.schema, sequence.name) for sequence in sequences_of(metadata)}

    assert found == {("house", "alone"), (None, "of_a_column")}, (
        "MetaData._sequences lacks some, or has others"
    )
