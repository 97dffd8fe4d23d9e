"""Alembic projects made for one test: any project will do, as long as env.py takes the shared connection."""

import textwrap
from dataclasses import dataclass
from pathlib import Path

ENV_PY = """
from alembic import context

from {models} import metadata

connection = context.config.attributes.get("connection")
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
"""

TEMPLATE = '''"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade():
    ${upgrades if upgrades else "pass"}


def downgrade():
    ${downgrades if downgrades else "pass"}
'''

REVISION = '''"""{message}"""

import sqlalchemy as sa
from alembic import op

revision = {id!r}
down_revision = {follows!r}
branch_labels = {labels!r}


def upgrade():
{upgrade}


def downgrade():
{downgrade}
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicProject:
    """A project in ``root``; its models are the module ``models_py``."""

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "alembic.ini"

    @property
    def versions(self) -> Path:
        return self.root / "alembic" / "versions"

    @property
    def env_py(self) -> Path:
        return self.root / "alembic" / "env.py"

    def add(
        self,
        revision: str,
        follows: str | tuple[str, ...] | None,
        upgrade: str = "pass",
        downgrade: str = "pass",
        *,
        message: str | None = None,
        labels: tuple[str, ...] = (),
        name: str | None = None,
    ) -> Path:
        """Write a revision file whose bodies are the given lines."""
        message = message or f"step {revision}"
        path = self.versions / (name or f"{revision}_{message.replace(' ', '_')}.py")
        path.write_text(
            REVISION.format(
                message=message,
                id=revision,
                follows=follows,
                labels=labels or None,
                upgrade=textwrap.indent(textwrap.dedent(upgrade).strip(), "    "),
                downgrade=textwrap.indent(textwrap.dedent(downgrade).strip(), "    "),
            )
        )
        return path

    def add_table(self, revision: str, follows: str | None) -> Path:
        """Write a revision that makes the table ``t`` plus its own id."""
        return self.add(
            revision,
            follows,
            f'op.create_table("t{revision}", sa.Column("id", sa.Integer, primary_key=True))',
            f'op.drop_table("t{revision}")',
        )

    def write_models(self, code: str) -> None:
        """Replace the models: the code has to define ``metadata``."""
        (self.root / f"{self._models}.py").write_text(f"import sqlalchemy as sa\n\n{textwrap.dedent(code)}")

    @property
    def _models(self) -> str:
        return f"models_of_{self.root.name}".replace("-", "_")


def make_project(root: Path, tables: int = 0) -> AlembicProject:
    """Make a project with ``tables`` revisions that follow each other: 001, 002, ..."""
    project = AlembicProject(root=root)
    project.versions.mkdir(parents=True)
    project.config.write_text(
        "[alembic]\nscript_location = %(here)s/alembic\nprepend_sys_path = %(here)s\n"
        "path_separator = os\nfile_template = %%(rev)s_%%(slug)s\n"
    )
    project.env_py.write_text(ENV_PY.format(models=project._models))
    (root / "alembic" / "script.py.mako").write_text(TEMPLATE)
    project.write_models("metadata = sa.MetaData()")
    for number in range(1, tables + 1):
        project.add_table(f"{number:03}", f"{number - 1:03}" if number > 1 else None)
    return project
