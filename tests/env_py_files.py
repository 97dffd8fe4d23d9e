"""env.py files as other projects have them: none of them takes the connection that af-db hands over."""

import textwrap
from pathlib import Path

import alembic

TEMPLATES = Path(alembic.__file__).parent / "templates"
PLACEHOLDER = "driver://user:pass@localhost/dbname"

LOGGING = """
[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = WARNING
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain

[formatter_plain]
format = %(message)s
"""
"""What a project's alembic.ini says of loggers."""

HEAD = """
import os

import sqlalchemy as sa
from alembic import context

URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")
IS_POSTGRESQL = URL.startswith("postgresql")
engine = sa.create_engine(URL)
"""
A_TRANSACTION_AROUND = """
transaction = connection.begin()
try:
    context.configure(connection=connection, target_metadata=None, transaction_per_migration=True)
    context.run_migrations()
    transaction.commit()
except Exception:
    transaction.rollback()
    raise
"""
RUNS = """
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()
"""
CONNECTS = f"with engine.connect() as connection:{RUNS}"

ASYNCHRONOUS = """
import asyncio
import os

from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

URL = os.environ["DATABASE_URL"].replace("postgresql:", "postgresql+asyncpg:")
URL = URL.replace("sqlite:", "sqlite+aiosqlite:")
engine = create_async_engine(URL{arguments})


def migrate(connection):
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.run_migrations()


async def main():
    async with engine.{connect}() as connection:
        await connection.run_sync(migrate)
    await engine.dispose()


asyncio.run(main())
"""

BY_ITSELF = {
    "an engine of its own": HEAD + CONNECTS,
    "engine.begin()": HEAD + CONNECTS.replace("engine.connect()", "engine.begin()"),
    "no block": HEAD
    + """
connection = engine.connect()
try:"""
    + RUNS
    + """
finally:
    connection.close()
    engine.dispose()
""",
    "a statement before, and a commit after": HEAD
    + CONNECTS.replace(":\n", ':\n    connection.execute(sa.text("SELECT 1"))\n', 1)
    + "    connection.commit()\n",
    "a transaction around": HEAD
    + "with engine.connect() as connection:"
    + textwrap.indent(A_TRANSACTION_AROUND, "    "),
    "a connection before the one": HEAD
    + 'with engine.connect() as connection:\n    connection.execute(sa.text("SELECT 1"))\n'
    + CONNECTS,
    "another connection while it is open": HEAD
    + """
connection = engine.connect()
other = engine.connect()
assert other.execute(sa.text("SELECT 1")).scalar_one() == 1
other.close()
sa.inspect(engine).has_table("t001")

if True:"""
    + RUNS,
    "a thread": HEAD
    + """
import threading

errors = []


def work():
    try:
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=None)
            with context.begin_transaction():
                context.run_migrations()
    except BaseException as error:
        errors.append(error)


thread = threading.Thread(target=work)
thread.start()
thread.join()
if errors:
    raise errors[0]
""",
    "asyncio": ASYNCHRONOUS.format(arguments="", connect="connect"),
    "a listener to what is lent": HEAD
    + """

@sa.event.listens_for(engine, "engine_connect")
def ask(connection):
    connection.execute(sa.text("SELECT 1"))
    connection.commit()


"""
    + CONNECTS,
    "a listener that begins SQLite's transactions": HEAD
    + """

if engine.dialect.name == "sqlite":

    @sa.event.listens_for(engine, "connect")
    def leave_transactions_to_us(driver, _record):
        driver.isolation_level = None

    @sa.event.listens_for(engine, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN")


@sa.event.listens_for(engine, "commit")
@sa.event.listens_for(engine, "rollback")
def end(connection):
    connection.info.pop("of this transaction", None)


"""
    + CONNECTS,
    "asyncio, a statement before": ASYNCHRONOUS.format(arguments="", connect="connect")
    .replace("import os\n", "import os\n\nimport sqlalchemy as sa\n")
    .replace(
        "        await connection.run",
        '        await connection.execute(sa.text("SELECT 1"))\n'
        "        await connection.commit()\n        await connection.run",
    ),
    "asyncio, engine.begin()": ASYNCHRONOUS.format(arguments="", connect="begin"),
}
"""What makes its engine for DATABASE_URL, by how it does; plain Alembic runs all of them too."""

FROM_AF_DB = {
    "the engine of the connection": """
from alembic import context

with context.config.attributes["connection"].engine.connect() as connection:"""
    + RUNS,
    "the connection as an engine": """
from alembic import context

with context.config.attributes["connection"].connect() as connection:"""
    + RUNS,
}
"""What takes what it finds for an engine, as an older recipe of Alembic's has it."""

LOCKS = (
    HEAD
    + """
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        context.get_context()._ensure_version_table()
        connection.execute(sa.text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
        context.run_migrations()
"""
)
"""What has others wait, by a well-known recipe."""

IN_APP = {
    "options of the engine": HEAD.replace(
        "create_engine(URL)", 'create_engine(URL, connect_args={"options": "-csearch_path=app"})'
    )
    + CONNECTS,
    "options in the URL": HEAD.replace(
        "create_engine(URL)", 'create_engine(URL + "?options=-c%20search_path%3Dapp")'
    )
    + CONNECTS,
    "settings of asyncpg": ASYNCHRONOUS.format(
        arguments=', connect_args={"server_settings": {"search_path": "app"}}', connect="connect"
    ),
    "a listener": HEAD
    + """

@sa.event.listens_for(engine, "connect")
def set_path(driver, _record):
    with driver.cursor() as cursor:
        cursor.execute("SET search_path = app")
    driver.commit()


"""
    + CONNECTS,
    "a listener to each use": HEAD
    + """

@sa.event.listens_for(engine, "engine_connect")
def set_path(connection):
    connection.execute(sa.text("SET search_path = app"))
    connection.commit()


"""
    + CONNECTS,
    "a listener to each transaction": HEAD
    + """

@sa.event.listens_for(engine, "begin")
def set_path(connection):
    connection.execute(sa.text("SET LOCAL search_path = app"))


"""
    + CONNECTS,
    "a statement": HEAD
    + CONNECTS.replace(
        ":\n", ':\n    connection.execute(sa.text("SET search_path = app"))\n    connection.commit()\n', 1
    ),
}
"""What works in the schema ``app``, by what says so."""
