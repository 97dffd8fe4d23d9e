"""Whose a schema is."""

import pytest

from agent_factory.migrate.catalog.platforms import PLATFORMS, ROLES, own_schemas

SUPABASE = (
    *(
        "auth",
        "extensions",
        "graphql",
        "graphql_public",
        "pgbouncer",
        "public",
        "realtime",
        "storage",
        "vault",
    ),
)


@pytest.mark.parametrize(
    ("schemas", "roles", "own"),
    [
        pytest.param((), (), (), id="nothing"),
        pytest.param(("public", "app"), (), ("app", "public"), id="only one's own"),
        pytest.param(("af_db", "public"), (), ("public",), id="af-db's"),
        pytest.param(SUPABASE, ("supabase_admin",), ("public",), id="Supabase"),
        pytest.param(SUPABASE, (), ("public",), id="a copy of Supabase without its roles"),
        pytest.param(("auth", "public"), ("supabase_admin",), ("public",), id="Supabase by its role"),
        pytest.param(("auth", "storage", "public"), (), ("auth", "public", "storage"), id="common words"),
        pytest.param(
            ("auth", "public"), ("neon_superuser",), ("auth", "public"), id="another platform's word"
        ),
        pytest.param(("neon_control_plane", "public"), (), ("public",), id="Neon"),
        pytest.param(("rdsadmin", "public"), (), ("public",), id="Amazon RDS"),
        pytest.param(
            ("_timescaledb_catalog", "_timescaledb_internal", "timescale", "public"),
            (),
            ("public", "timescale"),
            id="TimescaleDB",
        ),
    ],
)
def test_own_schemas(schemas: tuple[str, ...], roles: tuple[str, ...], own: tuple[str, ...]) -> None:
    assert own_schemas(schemas, roles) == own


def test_no_name_is_both_a_platforms_own_and_common() -> None:
    only = [name for platform in PLATFORMS for name in platform.schemas]
    common = [name for platform in PLATFORMS for name in platform.common_schemas]

    assert len({*only, *common}) == len(only) + len(common)
    assert len(set(ROLES)) == len(ROLES)
    assert "public" not in {*only, *common}
