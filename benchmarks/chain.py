"""The same chain of revisions as each tool wants it: Python for Alembic and Django, SQL for the others."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.projects import AlembicProject, make_project

LONG_AGO = 1_700_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one revision does: ``op`` for Alembic, ``sql``, and the ``operations`` of Django."""

    op: str = "pass"
    sql: str = "SELECT 1;"
    operations: str = ""

    def format(self, **values: int) -> "Step":
        """Fill in the values."""
        return Step(
            op=self.op.format(**values),
            sql=self.sql.format(**values),
            operations=self.operations.format(**values),
        )


NOTHING = Step()
CREATE = Step(
    op="""
op.create_table(
    "t{table}",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("amount", sa.Numeric(12, 2)),
    sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
    sa.Column("is_active", sa.Boolean, nullable=False, server_default=sa.true()),
)
op.create_index("ix_t{table}_name", "t{table}", ["name"])
""",
    sql="""
CREATE TABLE t{table} (
    id serial PRIMARY KEY,
    name text NOT NULL,
    amount numeric(12, 2),
    created_at timestamptz DEFAULT now(),
    is_active boolean NOT NULL DEFAULT true
);
CREATE INDEX ix_t{table}_name ON t{table} (name);
""",
    operations="""
        migrations.CreateModel(
            name="T{table}",
            fields=[
                ("id", models.AutoField(primary_key=True)),
                ("name", models.TextField()),
                ("amount", models.DecimalField(max_digits=12, decimal_places=2, null=True)),
                ("created_at", models.DateTimeField(null=True, db_default=Now())),
                ("is_active", models.BooleanField(db_default=True)),
            ],
            options={{
                "db_table": "t{table}",
                "indexes": [models.Index(fields=["name"], name="ix_t{table}_name")],
            }},
        ),
""",
)
ADD = Step(
    op='op.add_column("t{table}", sa.Column("extra_{number}", sa.Text))',
    sql="ALTER TABLE t{table} ADD COLUMN extra_{number} text;",
    operations="""
        migrations.AddField("t{table}", "extra_{number}", models.TextField(null=True)),
""",
)

ENV_PY = """
import os

import sqlalchemy as sa
from alembic import context


def migrate(connection):
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    url = sa.make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg2")
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        migrate(connection)
"""

DJANGO_MANAGE = """
import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
execute_from_command_line(sys.argv)
"""
DJANGO_SETTINGS = """
import os
from urllib.parse import unquote, urlsplit

at = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": at.path[1:],
        "USER": unquote(at.username or ""),
        "PASSWORD": unquote(at.password or ""),
        "HOST": at.hostname or "",
        "PORT": at.port or "",
    }
}
INSTALLED_APPS = ["chain"]
SECRET_KEY = "-"
USE_TZ = True
"""
DJANGO_MIGRATION = """
from django.db import migrations, models
from django.db.models.functions import Now


class Migration(migrations.Migration):
    dependencies = [{follows}]
    operations = [{operations}]
"""

YOYO_INI = """
[DEFAULT]
sources = migrations
database = %(database_url)s
batch_mode = on
verbosity = 0
"""


def chain(length: int) -> list[Step]:
    """One revision in five creates a table of five columns and an index, the others add a column to it."""
    return [
        (ADD if number % 5 else CREATE).format(table=number // 5, number=number) for number in range(length)
    ]


def write_alembic(folder: Path, steps: Sequence[Step]) -> AlembicProject:
    """A project for Alembic and for af-db, one transaction per revision."""
    project = make_project(folder)
    project.env_py.write_text(ENV_PY)
    for number, step in enumerate(steps, 1):
        project.add(f"{number:05}", f"{number - 1:05}" if number > 1 else None, step.op)
    for path in folder.rglob("*.*"):
        os.utime(path, (LONG_AGO, LONG_AGO))  # af-db does not trust the times of files that are new
    return project


def write_dbmate(folder: Path, steps: Sequence[Step]) -> None:
    migrations = folder / "db" / "migrations"
    migrations.mkdir(parents=True)
    for number, step in enumerate(steps, 1):
        text = f"-- migrate:up\n{step.sql}\n\n-- migrate:down\n"
        (migrations / f"{number:05}_step.sql").write_text(text)


def write_django(folder: Path, steps: Sequence[Step]) -> None:
    migrations = folder / "chain" / "migrations"
    migrations.mkdir(parents=True)
    (folder / "manage.py").write_text(DJANGO_MANAGE)
    (folder / "settings.py").write_text(DJANGO_SETTINGS)
    for package in (folder / "chain", migrations):
        (package / "__init__.py").touch()
    for number, step in enumerate(steps, 1):
        follows = f'("chain", "{number - 1:05}_step")' if number > 1 else ""
        text = DJANGO_MIGRATION.format(follows=follows, operations=step.operations)
        (migrations / f"{number:05}_step.py").write_text(text)


def write_yoyo(folder: Path, steps: Sequence[Step]) -> None:
    migrations = folder / "migrations"
    migrations.mkdir(parents=True)
    (folder / "yoyo.ini").write_text(YOYO_INI)
    for number, step in enumerate(steps, 1):
        follows = f"{number - 1:05}.step" if number > 1 else ""
        (migrations / f"{number:05}.step.sql").write_text(f"-- depends: {follows}\n{step.sql}\n")


def write_sql(folder: Path, steps: Sequence[Step]) -> None:
    """All of it in one file."""
    folder.mkdir(parents=True)
    (folder / "all.sql").write_text("\n".join(step.sql for step in steps))
