"""The tables that the package needs."""

import sqlalchemy as sa

metadata = sa.MetaData()

warehouse = sa.Table(
    "warehouse",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(100), nullable=False),
)

stock = sa.Table(
    "stock",
    metadata,
    sa.Column("warehouse_id", sa.ForeignKey(warehouse.c.id), primary_key=True),
    sa.Column("article", sa.String(40), primary_key=True),
    sa.Column("amount", sa.Integer, nullable=False),
)
