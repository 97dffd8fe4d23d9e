"""The projects that are tried, and what each has to be told to find its database."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A package that ships its migrations.

    ``config`` is its alembic.ini below site-packages, or the text of one where it ships none. In ``config``
    and ``environment`` ``{url}`` is the database and ``{site}`` the folder site-packages. ``settings`` are
    lines for ``[tool.af-db]``. ``before`` is code that makes what the package makes before its migrations,
    given ``url``, ``x`` are values of Alembic's option of that name, ``target`` is where the history ends.
    """

    name: str
    requirements: tuple[str, ...] = ()
    config: str
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    x: tuple[str, ...] = ()
    before: str = ""
    target: str = "head"


def _config(script_location: str) -> str:
    return f"[alembic]\nscript_location = {script_location}\nsqlalchemy.url = {{url}}\n"


PROJECTS: tuple[Project, ...] = (
    Project(name="optuna", config="optuna/storages/_rdb/alembic.ini"),
    Project(name="ckan", requirements=("ckan[requirements]",), config="ckan/migration/alembic.ini"),
    Project(
        name="apache-airflow-core",
        requirements=("apache-airflow-core", "asyncpg"),
        config="airflow/alembic.ini",
        environment={"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "{url}"},
    ),
    Project(
        name="mlflow",
        config=_config("{site}/mlflow/store/db_migrations"),
        before=(
            "import sys, sqlalchemy\n"
            "from mlflow.store.db.base_sql_model import Base\n"
            "from mlflow.store.tracking.dbmodels.initial_models import Base as First\n"
            "First.metadata.create_all(sqlalchemy.create_engine(sys.argv[1]))\n"
        ),
    ),
)
