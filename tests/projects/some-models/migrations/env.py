"""What the models do not say is left out by name; what the database does not have yet, as an object."""

import os

from alembic import context
from shop import Base
from sqlalchemy import create_engine

IN_USE_ELSEWHERE = {("table", "legacy"), ("column", "note")}


def include_name(name, kind, _parents):
    return (kind, name) not in IN_USE_ELSEWHERE


def include_object(object_, _name, _kind, _is_reflected, _compared):
    return not object_.info.get("is_planned")


with create_engine(os.environ["DATABASE_URL"]).connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=include_name,
        include_object=include_object,
    )
    with context.begin_transaction():
        context.run_migrations()
