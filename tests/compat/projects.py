"""The projects that are tried, and what each has to be told to find its database."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A package that ships its migrations.

    ``config`` is its alembic.ini below site-packages, or the text of one where it ships none. In what is
    written, and in ``environment``, ``{url}`` is the database, ``{site}`` the folder site-packages and
    ``{folder}`` that of the trial, where ``files`` are written and modules are found. ``settings`` are lines
    for ``[tool.af-db]``. ``attributes`` is the function, as ``module:name``, that returns what the package's
    own command puts into ``config.attributes``, beside the connection. ``before`` is the function that makes
    what the package makes before its migrations; ``x`` are values of Alembic's option, ``allows`` consents,
    and ``target`` is where the history ends. ``is_of_flask``: ``flask db`` is what runs it; ``goes_down``:
    its revisions have a ``downgrade()``; ``driver`` is what its URL names.
    """

    name: str
    requirements: tuple[str, ...] = ()
    config: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    settings: str = ""
    attributes: str = ""
    before: str = ""
    x: tuple[str, ...] = ()
    allows: tuple[str, ...] = ()
    target: str = "head"
    is_of_flask: bool = False
    goes_down: bool = True
    driver: str = "psycopg2"


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


def _config(script_location: str, more: str = "") -> str:
    return f"[alembic]\nscript_location = {script_location}\nsqlalchemy.url = {{url}}\n{more}{LOGGING}"


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
        settings='baseline = "mlflow_first:create"\n',
        files={
            "mlflow_first.py": "from mlflow.store.tracking.dbmodels.initial_models import Base\n\n\n"
            "def create(connection):\n    Base.metadata.create_all(connection)\n"
        },
        before="mlflow_first:create",
        allows=("baseline", "depends-on-data"),
    ),
    Project(
        name="fractal-server",
        config="fractal_server/alembic.ini",
        environment={
            "JWT_SECRET_KEY": "of-a-trial",
            "POSTGRES_DB": "{database}",
            "POSTGRES_USER": "{username}",
            "POSTGRES_PASSWORD": "{password}",
            "POSTGRES_HOST": "127.0.0.1",
            "POSTGRES_PORT": "{port}",
            "DATA_DIR": "{folder}",
            "FRACTAL_TASKS_DIR": "{folder}",
        },
    ),
    Project(
        name="dstack",
        driver="asyncpg",
        requirements=("dstack[server]", "asyncpg"),
        config=_config("{site}/dstack/_internal/server/migrations", "recursive_version_locations = true\n"),
        settings='programs = ["git"]  # GitPython starts it when it is imported\n',
        environment={"DSTACK_DATABASE_URL": "{url}"},
    ),
    Project(
        name="arize-phoenix",
        driver="asyncpg",
        requirements=("arize-phoenix", "asyncpg"),
        config="phoenix/db/alembic.ini",
        environment={"PHOENIX_SQL_DATABASE_URL": "{url}"},
        allows=("depends-on-data",),
    ),
    Project(name="gpustack", config=_config("{site}/gpustack/migrations"), allows=("depends-on-data",)),
    Project(
        name="gnocchi",
        requirements=("gnocchi[postgresql]",),
        config="gnocchi/indexer/alembic/alembic.ini",
        environment={"OS_INDEXER__URL": "{url}"},
        goes_down=False,
    ),
    Project(
        name="openstack-placement",
        config="placement/db/sqlalchemy/alembic.ini",
        environment={"OS_PLACEMENT_DATABASE__CONNECTION": "{url}"},
        goes_down=False,
    ),
    Project(name="meltano", config=_config("{site}/meltano/migrations")),
    Project(
        name="aiida-core",
        config=_config("{site}/aiida/storage/psql_dos/migrations"),
        files={"aiida_profile.py": "def attributes():\n    return {'aiida_profile': object()}\n"},
        settings='ignore = [{ code = "behind", reason = "a database is on one of three branches" }]\n',
        attributes="aiida_profile:attributes",
        allows=("depends-on-data",),
        target="main@head",
    ),
)
