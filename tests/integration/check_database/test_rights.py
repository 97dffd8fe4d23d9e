"""Owners and grants: compared where the migrations set them, and whatever nothing gives is named."""

import os
import uuid
from collections.abc import Iterator

import pytest

from tests.integration.check_database.conftest import Checked

Roles = dict[str, str]

OPEN_AND_CLOSED = """
op.execute("CREATE TABLE closed (id int)")
op.execute("ALTER TABLE closed ENABLE ROW LEVEL SECURITY")
op.execute("CREATE VIEW seen AS SELECT id FROM closed")
op.execute("CREATE VIEW seen_as_oneself WITH (security_invoker = true) AS SELECT id FROM closed")
op.execute("CREATE SEQUENCE numbers")
op.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
op.execute("CREATE TYPE mood AS ENUM ('well')")
"""


@pytest.fixture
def roles(prod: Checked, monkeypatch: pytest.MonkeyPatch) -> Iterator[Roles]:
    """Roles of both servers; a server of af-db's own would make those of production."""
    scratch = Checked(
        af_db=prod.af_db, project=prod.project, url=os.environ["AF_DB_SCRATCH_URL"], group="prod"
    )
    made = {name: f"{name}_{uuid.uuid4().hex[:6]}" for name in ("app", "owner", "reader")}
    made["odd"] = f'"one TO {made["app"]}"'
    for server in (prod, scratch):
        server.execute(*(f"CREATE ROLE {name}" for name in made.values()))
    yield made
    for server in (prod, scratch):
        server.execute(*(f"DROP OWNED BY {name}" for name in made.values()))
        server.execute(*(f"DROP ROLE {name}" for name in made.values()))


@pytest.fixture
def tables(prod: Checked, roles: Roles) -> Checked:
    """Production with a table that has row level security, and others that have none."""
    prod.project.add("003", "002", OPEN_AND_CLOSED)
    assert prod.run("upgrade", "--yes", "--no-rehearsal").code == 0
    assert prod.check()["findings"] == []
    return prod


def levels(checked: Checked, code: str = "unexpected-grant") -> dict[str, str]:
    """The level of each finding with this code, by its object."""
    found = [item for item in checked.check()["findings"] if item["code"] == code]
    assert len({item["object"] for item in found}) == len(found)
    return {item["object"]: item["level"] for item in found}


@pytest.mark.parametrize(
    ("on", "level"),
    [
        ("SELECT ON users", "error"),
        ("SELECT (email) ON users", "error"),
        ("TRIGGER ON users", "note"),
        ("SELECT ON closed", "note"),
        ("SELECT ON seen", "error"),
        ("SELECT ON seen_as_oneself", "note"),
        ("USAGE ON SEQUENCE numbers", "note"),
        ("CREATE ON SCHEMA public", "note"),
        ("EXECUTE ON FUNCTION f()", "note"),
    ],
)
def test_a_grant_that_nothing_gives_is_named(tables: Checked, roles: Roles, on: str, level: str) -> None:
    tables.execute(f"GRANT {on} TO {roles['reader']}")

    assert levels(tables) == {roles["reader"]: level}
    assert levels(tables, "drift") == {}


def test_what_is_open_to_everybody_is_an_error_with_what_takes_it_back(tables: Checked) -> None:
    tables.execute("GRANT SELECT ON users, orders TO PUBLIC")

    found = tables.findings()["unexpected-grant"]

    assert (found["object"], found["level"]) == ("PUBLIC", "error")
    assert found["message"].startswith("PUBLIC has rights on 2 objects, without row level security")
    tables.execute(*found["details"])
    assert levels(tables) == {}


def test_a_role_may_have_any_name(tables: Checked, roles: Roles) -> None:
    tables.execute(f"GRANT SELECT ON users, closed TO {roles['odd']}")

    found, _of_closed = tables.check()["findings"]
    assert found["object"] == roles["odd"]
    assert found["details"] == [f"REVOKE SELECT ON TABLE public.users FROM {roles['odd']}"]


def test_what_is_built_in_or_given_by_default_is_none(tables: Checked, roles: Roles) -> None:
    tables.execute(
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO {roles['app']}",
        f"ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO {roles['app']}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO {roles['app']}",
        f"GRANT USAGE ON SCHEMA public TO {roles['app']}",
        f"GRANT SELECT ON users TO {roles['app']}",
        f"GRANT EXECUTE ON FUNCTION f() TO {roles['app']}",
        f"GRANT ALL ON SEQUENCE numbers, users_id_seq TO {roles['app']}",
    )
    assert levels(tables) == {}

    tables.execute(f"GRANT DELETE ON users TO {roles['app']}")
    assert levels(tables) == {roles["app"]: "error"}


@pytest.mark.slow
def test_the_default_of_another_role_gives_nothing(tables: Checked, roles: Roles) -> None:
    tables.execute(
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {roles['owner']} GRANT SELECT ON TABLES TO {roles['app']}",
        f"GRANT SELECT ON users TO {roles['app']}",
    )

    assert levels(tables) == {roles["app"]: "error"}


@pytest.fixture
def granted(tables: Checked, roles: Roles) -> Checked:
    """The migrations give rights, take one, and give a table away."""
    app, owner = roles["app"], roles["owner"]
    tables.project.add(
        "004",
        "003",
        f"""
        op.execute("GRANT SELECT, INSERT ON users TO {app}")
        op.execute("GRANT UPDATE (age) ON users TO {app}")
        op.execute("REVOKE EXECUTE ON FUNCTION f() FROM PUBLIC")
        op.execute("ALTER TABLE orders OWNER TO {owner}")
        op.execute("GRANT SELECT ON orders TO {owner}")
        """,
    )
    assert tables.run("upgrade", "--yes", "--no-rehearsal").code == 0
    assert tables.check()["findings"] == []
    return tables


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("REVOKE INSERT ON users FROM {app}", "grant TABLE public.users TO {app} is not as"),
        ("REVOKE UPDATE (age) ON users FROM {app}", "grant COLUMN public.users.age TO {app} is missing"),
        ("ALTER TABLE orders OWNER TO {app}", "owner TABLE public.orders is not as the migrations make it"),
    ],
)
def test_what_the_migrations_set_is_drift_when_it_differs(
    granted: Checked, roles: Roles, change: str, said: str
) -> None:
    granted.execute(change.format(**roles))
    found = granted.findings()["drift"]

    assert found["message"].startswith(said.format(**roles))
    granted.execute(found["remedy"])
    assert granted.check()["findings"] == []


@pytest.mark.slow
def test_what_the_migrations_have_revoked_is_not_built_in(granted: Checked) -> None:
    granted.execute("GRANT EXECUTE ON FUNCTION f() TO PUBLIC")

    assert levels(granted) == {"PUBLIC": "note"}


@pytest.mark.slow
def test_more_than_the_migrations_grant_is_named(granted: Checked, roles: Roles) -> None:
    granted.execute(f"GRANT DELETE ON users TO {roles['app']}")

    assert levels(granted) == {roles["app"]: "error"}
    assert levels(granted, "drift") == {}


@pytest.mark.slow
def test_a_role_can_be_ignored_by_its_name(tables: Checked, roles: Roles) -> None:
    tables.execute(f"GRANT SELECT ON users TO {roles['reader']}")
    ignore = f'{{ code = "unexpected-grant", object = "{roles["reader"]}", reason = "given by hand" }}'
    (tables.project.root / "pyproject.toml").write_text(f"[tool.af-db]\nignore = [{ignore}]\n")

    assert tables.check()["findings"] == []
