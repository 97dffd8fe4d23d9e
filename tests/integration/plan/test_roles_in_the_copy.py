"""SET ROLE in env.py, or in a revision, finds in the copy the role and the rights that production has."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from agent_factory.url import DatabaseURL, parse_url
from tests.commands import CommandLine
from tests.postgres import administering, throwaway_server
from tests.projects import AlembicProject

SWITCH = """
import sqlalchemy as sa
connection = context.config.attributes["connection"]
connection.execute(sa.text("SET ROLE {role}"))
connection.commit()
context.configure("""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Roles of production's server, and the database that they have rights on."""

    server: DatabaseURL
    url: str
    owner: str
    group: str
    login: str

    @property
    def login_url(self) -> str:
        where = parse_url(self.url)
        return f"postgresql://{self.login}:x@{where.host}:{where.port}/{where.database}"

    def execute(self, statements: str) -> None:
        with administering(parse_url(self.url)) as cursor:
            cursor.execute(statements.format(**self.names))

    @property
    def names(self) -> dict[str, str]:
        names = {"owner": self.owner, "group": self.group, "login": self.login}
        return {**names, "database": parse_url(self.url).database}


@pytest.fixture
def roles(server_url: DatabaseURL, postgresql_url: str) -> Iterator[Roles]:
    """``owner`` owns nothing yet and may do nothing; ``login`` is a member of it, and logs in."""
    end = uuid.uuid4().hex[:10]
    made = Roles(
        server=server_url,
        url=postgresql_url,
        owner=f"owner_{end}",
        group=f"group_{end}",
        login=f"login_{end}",
    )
    made.execute(
        "CREATE ROLE {owner}; CREATE ROLE {group}; CREATE ROLE {login} LOGIN NOINHERIT PASSWORD 'x';"
        "GRANT {owner} TO {login};"
        "GRANT CREATE ON DATABASE {database} TO {login};"  # for af-db's journal
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC"
    )
    yield made
    made.execute("ALTER DATABASE {database} OWNER TO CURRENT_USER")
    for role in (made.login, made.owner, made.group):
        made.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER; DROP OWNED BY {role} CASCADE")
    with administering(server_url) as cursor:
        for role in (made.login, made.owner, made.group):
            cursor.execute(f"DROP ROLE {role}")


def switching(project: AlembicProject, role: str) -> None:
    text = project.env_py.read_text()
    project.env_py.write_text(text.replace("context.configure(", SWITCH.format(role=role), 1))


GIVEN = {
    "a grant to the role": "GRANT CREATE, USAGE ON SCHEMA public TO {owner}",
    "a grant to PUBLIC": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "a grant to a group of it": "GRANT CREATE ON SCHEMA public TO {group}; GRANT {group} TO {owner}",
    "the schema is its own": "ALTER SCHEMA public OWNER TO {owner}",
    "the database is its own": "ALTER DATABASE {database} OWNER TO {owner}",
    "it is a superuser": "ALTER ROLE {owner} SUPERUSER",
}
"""By which CREATE on the schema may come to the role."""


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.usefixtures("own_scratch_server")
def test_a_role_may_do_in_the_copy_what_it_may_do_in_production(
    af_db: CommandLine, project: AlembicProject, roles: Roles, given: str
) -> None:
    roles.execute(GIVEN[given])
    switching(project, roles.owner)

    planned = af_db("prod", "plan", "--json", cwd=project.root, url=roles.login_url)
    ran = af_db("prod", "upgrade", "002", "--yes", "--json", cwd=project.root, url=roles.login_url)
    checked = af_db("prod", "check", "--json", cwd=project.root, url=roles.login_url)
    again = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=roles.login_url)

    assert planned.code == 0, planned.out
    assert planned.document["review"]["rehearsed_on"] is not None, planned.out
    assert ran.code == 0, ran.out
    assert any(item.startswith("drift: ") for item in checked.document["looked_at"]), checked.out
    assert not [one for one in checked.document["findings"] if one["code"] == "drift"], checked.out
    assert again.code == 0, again.out
    with administering(parse_url(roles.url)) as cursor:
        cursor.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 't00_'")
        assert cursor.fetchall() == [(roles.owner,)]


LACKING = {
    "nothing is granted": "",
    "a group that it does not inherit from": (
        "GRANT CREATE ON SCHEMA public TO {group}; ALTER ROLE {owner} NOINHERIT; GRANT {group} TO {owner}"
    ),
}


@pytest.mark.parametrize("lacking", LACKING)
@pytest.mark.usefixtures("own_scratch_server")
def test_a_right_that_it_lacks_in_production_it_lacks_in_the_copy(
    af_db: CommandLine, project: AlembicProject, roles: Roles, lacking: str
) -> None:
    roles.execute(LACKING[lacking] or "SELECT 1")
    switching(project, roles.owner)

    ended = af_db("prod", "upgrade", "--yes", "--json", cwd=project.root, url=roles.login_url)

    assert ended.code == 4, ended.out
    assert ended.error["code"] == "rehearsal-failed"
    assert "permission denied for schema public" in ended.error["message"]


@pytest.mark.usefixtures("own_scratch_server")
def test_what_the_role_owns_and_may_read_it_does_in_the_copy_too(
    af_db: CommandLine, project: AlembicProject, roles: Roles
) -> None:
    """Tables, sequences, types and functions; rights on them, on columns, and by default."""
    roles.execute(
        "GRANT CREATE, USAGE ON SCHEMA public TO {owner}; CREATE SCHEMA inner_ AUTHORIZATION {owner};"
        "SET ROLE {owner};"
        "CREATE TYPE public.mood AS ENUM ('a');"
        "CREATE TABLE public.own (id serial PRIMARY KEY, m public.mood);"
        "CREATE FUNCTION public.one() RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "RESET ROLE;"
        "CREATE TABLE public.theirs (a int, b int);"
        "GRANT SELECT (a) ON public.theirs TO {group}; GRANT SELECT ON public.theirs TO {owner};"
        "ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA inner_ GRANT SELECT ON TABLES TO {group}"
    )
    switching(project, roles.owner)
    project.add(
        "002",
        "001",
        "op.execute('ALTER TABLE own ADD n int'); op.execute('ALTER SEQUENCE own_id_seq RESTART 5')\n"
        "op.execute('DROP FUNCTION one()'); op.execute('CREATE TABLE inner_.t (x int)')\n"
        "op.execute('ALTER TYPE mood RENAME TO moods')\n"
        f"op.execute('SET LOCAL ROLE {roles.group}')\n"
        "op.execute('SELECT a FROM theirs')\n"
        f"op.execute('SET LOCAL ROLE {roles.owner}')",
        name="002_step_002.py",
    )
    roles.execute("GRANT {group} TO {login}; GRANT USAGE ON SCHEMA public TO {group}")

    planned = af_db("prod", "plan", "--json", cwd=project.root, url=roles.login_url)
    command = ("prod", "upgrade", "--yes", "--json", "--allow", "drift", "--allow", "breaks-running-code")
    ran = af_db(*command, cwd=project.root, url=roles.login_url)

    assert planned.code == 0, planned.out
    assert planned.document["review"]["rehearsed_on"] is not None, planned.out
    assert ran.code == 0, ran.out
    with administering(parse_url(roles.url)) as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'inner_.t', 'SELECT')", [roles.group])
        assert cursor.fetchall() == [(True,)]


@pytest.mark.parametrize("at", ["base", "001"])
def test_a_server_that_lacks_the_role_says_so(
    af_db: CommandLine, project: AlembicProject, roles: Roles, at: str
) -> None:
    roles.execute("GRANT CREATE, USAGE ON SCHEMA public TO {owner}")
    switching(project, roles.owner)
    if at != "base":
        ran = af_db("prod", "upgrade", at, "--yes", "--no-rehearsal", cwd=project.root, url=roles.login_url)
        assert ran.code == 0, ran.err

    planned = af_db("prod", "plan", "--json", cwd=project.root, url=roles.login_url)

    assert planned.code == 0, planned.out
    review = planned.document["review"]
    assert review["rehearsed_on"] is None
    said = " ".join(review["notes"]) + str(review)
    assert f"CREATE ROLE {roles.owner}" in said, said


def test_a_server_whose_role_is_no_superuser_says_what_differs(
    af_db: CommandLine, project: AlembicProject, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    roles.execute("GRANT CREATE, USAGE ON SCHEMA public TO {owner}")
    switching(project, roles.owner)
    with throwaway_server() as other:
        with administering(parse_url(other.url("postgres"))) as cursor:
            cursor.execute("CREATE ROLE maker LOGIN CREATEDB PASSWORD 'x'")
            cursor.execute(f"CREATE ROLE {roles.owner}")
        monkeypatch.setenv("AF_DB_SCRATCH_URL", f"postgresql://maker:x@{other.host}:{other.port}/postgres")

        planned = af_db("prod", "plan", "--json", cwd=project.root, url=roles.login_url)

    assert planned.code == 0, planned.out
    assert planned.document["review"]["rehearsed_on"] is None
    assert f"GRANT {roles.owner} TO maker" in str(planned.document["review"])
