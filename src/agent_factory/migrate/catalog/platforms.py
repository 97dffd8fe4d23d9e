"""What a platform keeps for itself in its customers' databases: no migration makes it, so none is compared.

Each name is from the platform's documentation. A word that anybody may use for a schema of their own,
``auth`` for one, is a platform's only where the platform shows by a role or by a schema that only it has. A
copy of the schemas without the roles is recognised as well.
"""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

AF_DB_SCHEMA = "af_db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """``schemas`` are names that nobody else uses, ``common_schemas`` those that others may.

    ``*`` in the name of a schema is any text; ``publications`` are beginnings of names.
    """

    name: str
    schemas: tuple[str, ...] = ()
    common_schemas: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    publications: tuple[str, ...] = ()


PLATFORMS = (
    Platform(
        name="Supabase",
        schemas=(
            *("graphql_public", "pgbouncer", "pgsodium", "pgsodium_masks", "supabase_functions"),
            *("supabase_migrations", "_analytics", "_realtime", "_supavisor"),
        ),
        common_schemas=("auth", "cron", "extensions", "graphql", "net", "realtime", "storage", "vault"),
        roles=(
            *("supabase_admin", "supabase_auth_admin", "supabase_functions_admin", "supabase_realtime_admin"),
            *("supabase_replication_admin", "supabase_storage_admin", "pgsodium_keymaker"),
        ),
        publications=("supabase_realtime",),
    ),
    Platform(
        name="Neon",
        schemas=("neon_control_plane", "neon_migration"),
        common_schemas=("neon",),
        roles=("cloud_admin", "neon_service", "neon_superuser"),
    ),
    Platform(name="Amazon RDS", schemas=("rdsadmin", "rds_tools"), roles=("rdsadmin",)),
    Platform(
        name="Google Cloud SQL",
        schemas=("google_vacuum_mgmt", "google_db_advisor"),
        roles=("cloudsqladmin", "cloudsqlagent"),
    ),
    Platform(name="Azure Database", common_schemas=("azure", "azure_sys"), roles=("azuresu",)),
    Platform(name="Heroku Postgres", schemas=("heroku_ext", "_heroku")),
    Platform(
        name="TimescaleDB",
        schemas=("_timescaledb_*", "timescaledb_information", "timescaledb_experimental"),
    ),
)

ROLES = tuple(sorted(role for platform in PLATFORMS for role in platform.roles))
PUBLICATIONS = tuple(sorted(name for platform in PLATFORMS for name in platform.publications))


def own_schemas(schemas: Collection[str], roles: Collection[str]) -> tuple[str, ...]:
    """Return those of a database's schemas that are no platform's and not af-db's; ``roles`` it has."""
    theirs = {AF_DB_SCHEMA}
    for platform in PLATFORMS:
        only_its = [name for name in schemas if _is_one_of(name, platform.schemas)]
        theirs.update(only_its)
        if only_its or any(role in roles for role in platform.roles):
            theirs.update(name for name in schemas if _is_one_of(name, platform.common_schemas))
    return tuple(sorted(name for name in schemas if name not in theirs))


def _is_one_of(name: str, patterns: Collection[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
