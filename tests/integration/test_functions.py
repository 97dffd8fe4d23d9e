"""An upgrade() of which Alembic would run nothing is refused before anything runs, and is a finding."""

from pathlib import Path

import pytest

from tests.commands import CommandLine
from tests.integration.tables import tables_made
from tests.projects import AlembicProject, make_project

TOP = """
import functools

from alembic import op

revision = "002"
down_revision = "001"


"""
MAKES = "op.execute('CREATE TABLE made (n integer)')"
OTHER = {"upgrade": "downgrade", "downgrade": "upgrade"}

UNFIT = {
    "async": ("async def {name}():\n    op.execute('SELECT 1')", "an async function"),
    "generator": ("def {name}():\n    yield op.execute('SELECT 1')", "a generator"),
    "async generator": ("async def {name}():\n    yield op.execute('SELECT 1')", "an async generator"),
    "no function": ("{name} = ['SELECT 1']", "no function: it is list"),
    "needs an argument": (
        "def {name}(engine, *, schema, more=1):\n    pass",
        "nobody gives to it: engine, schema",
    ),
    "partial of async": (
        "async def run(n):\n    pass\n\n\n{name} = functools.partial(run, 1)",
        "an async function",
    ),
    "object that is async": (
        "class Run:\n    async def __call__(self):\n        pass\n\n\n{name} = Run()",
        "an async function",
    ),
}
FIT = {
    "partial": f"def run(n):\n    {MAKES}\n\n\nupgrade = functools.partial(run, 1)",
    "object": f"class Run:\n    def __call__(self):\n        {MAKES}\n\n\nupgrade = Run()",
    "lambda": f"upgrade = lambda: {MAKES}",
    "defaults": f"def upgrade(n=1, *more, **named):\n    {MAKES}",
    "what a decorator gives": (
        "def given(function):\n    @functools.wraps(function)\n    def run():\n        function(op)\n\n"
        "    return run\n\n\n"
        "@given\ndef upgrade(to):\n    to.execute('CREATE TABLE made (n integer)')"
    ),
    "async behind a decorator that runs it": (
        "import asyncio\n\n\ndef to_its_end(function):\n    @functools.wraps(function)\n    def run():\n"
        "        asyncio.run(function())\n\n    return run\n\n\n"
        f"@to_its_end\nasync def upgrade():\n    {MAKES}"
    ),
}


def write(project: AlembicProject, name: str, code: str) -> Path:
    """Write 002, after 001 that makes a table, with this code for its ``name``."""
    other = f"def {OTHER[name]}():\n    pass\n"
    path = project.versions / "002_x.py"
    path.write_text(TOP + f"{code.replace('{name}', name)}\n\n\n{other}")
    return path


@pytest.fixture
def one(tmp_path: Path) -> AlembicProject:
    return make_project(tmp_path / "one", tables=1)


@pytest.mark.parametrize(("code", "said"), UNFIT.values(), ids=UNFIT.keys())
def test_an_upgrade_of_which_nothing_would_run_is_refused_first(
    af_db: CommandLine, one: AlembicProject, sqlite_url: str, code: str, said: str
) -> None:
    path = write(one, "upgrade", code)
    line = next(number for number, text in enumerate(path.read_text().splitlines(), 1) if "upgrade" in text)

    for command in ("plan", "upgrade"):
        outcome = af_db("local", command, "--json", cwd=one.root, url=sqlite_url)

        assert (outcome.code, outcome.error["code"]) == (2, "bad-upgrade")
        message = outcome.error["message"]
        assert message.startswith("002_x.py (002): upgrade is ")
        assert said in message
        assert message.endswith(f", line {line}")
    assert tables_made(sqlite_url) == set()  # not even 001


@pytest.mark.parametrize(("code", "said"), UNFIT.values(), ids=UNFIT.keys())
def test_a_downgrade_of_which_nothing_would_run_is_refused_first(
    af_db: CommandLine, one: AlembicProject, sqlite_url: str, code: str, said: str
) -> None:
    write(one, "downgrade", code)
    assert af_db("local", "upgrade", cwd=one.root, url=sqlite_url).code == 0

    for arguments in (("plan", "--downgrade=base"), ("downgrade", "base", "--yes")):
        outcome = af_db("local", *arguments, "--json", cwd=one.root, url=sqlite_url)

        assert (outcome.code, outcome.error["code"]) == (2, "bad-downgrade"), outcome.err
        assert said in outcome.error["message"]
    assert tables_made(sqlite_url) == {"t001"}


def test_production_is_refused_it_before_a_rehearsal(
    af_db: CommandLine, one: AlembicProject, postgresql_url: str
) -> None:
    write(one, "upgrade", UNFIT["async"][0])

    for arguments in (
        ("plan",),
        ("plan", "--no-rehearsal"),
        ("upgrade", "--yes"),
        ("upgrade", "001", "--yes"),
    ):
        outcome = af_db("prod", *arguments, "--json", cwd=one.root, url=postgresql_url)
        if "001" in arguments:
            assert outcome.code == 0, outcome.err
        else:
            assert (outcome.code, outcome.error["code"]) == (2, "bad-upgrade")
            assert tables_made(postgresql_url) == set()


@pytest.mark.parametrize("name", ["upgrade", "downgrade"])
def test_a_function_that_is_not_there_is_refused_first(
    af_db: CommandLine, one: AlembicProject, sqlite_url: str, name: str
) -> None:
    write(one, name, "")
    if name == "downgrade":
        assert af_db("local", "upgrade", cwd=one.root, url=sqlite_url).code == 0
    to = "head" if name == "upgrade" else "base"

    outcome = af_db("local", name, to, "--yes", "--json", cwd=one.root, url=sqlite_url)

    assert (outcome.code, outcome.error["code"]) == (2, f"no-{name}")
    assert tables_made(sqlite_url) == (set() if name == "upgrade" else {"t001"})


@pytest.mark.parametrize("name", ["upgrade", "downgrade"])
@pytest.mark.parametrize(("code", "said"), UNFIT.values(), ids=UNFIT.keys())
def test_it_is_a_finding(af_db: CommandLine, one: AlembicProject, name: str, code: str, said: str) -> None:
    path = write(one, name, code)

    findings = af_db("check", "--no-rehearsal", "--json", cwd=one.root).document["findings"]

    (found,) = [item for item in findings if item["code"] == f"bad-{name}"]
    assert (found["level"], Path(found["file"])) == ("error", path)
    assert name in path.read_text().splitlines()[found["line"] - 1]
    assert said in found["message"]


@pytest.mark.parametrize("code", FIT.values(), ids=FIT.keys())
def test_what_runs_with_alembic_runs(
    af_db: CommandLine, one: AlembicProject, sqlite_url: str, code: str
) -> None:
    write(one, "upgrade", code)

    outcome = af_db("local", "upgrade", cwd=one.root, url=sqlite_url)

    assert outcome.code == 0, outcome.err
    assert "made" in tables_made(sqlite_url)
    findings = af_db("check", "--no-rehearsal", "--json", cwd=one.root).document["findings"]
    assert [item for item in findings if item["code"].startswith("bad-")] == []


@pytest.mark.parametrize("given", ['table="made"', '**{"table": "made"}'])
def test_arguments_that_env_py_gives_are_taken(
    af_db: CommandLine, one: AlembicProject, sqlite_url: str, given: str
) -> None:
    """Alembic's own template for several databases does so."""
    text = one.env_py.read_text()
    one.env_py.write_text(text.replace("context.run_migrations()", f"context.run_migrations({given})"))
    for path in one.versions.glob("*.py"):
        path.unlink()
    path = write(one, "upgrade", "def upgrade(table):\n    op.execute(f'CREATE TABLE {table} (n integer)')")
    path.write_text(path.read_text().replace('"001"', "None"))

    outcome = af_db("local", "upgrade", cwd=one.root, url=sqlite_url)

    assert outcome.code == 0, outcome.err
    assert tables_made(sqlite_url) == {"made"}


def test_what_an_upgrade_returns_is_not_left_lying(
    af_db: CommandLine, one: AlembicProject, sqlite_url: str
) -> None:
    write(one, "upgrade", "async def run():\n    pass\n\n\ndef upgrade():\n    return run()")

    outcome = af_db("local", "upgrade", "--json", cwd=one.root, url=sqlite_url)

    assert outcome.code == 7
    assert "upgrade() returned a coroutine, of which nothing has run" in outcome.error["message"]
    assert tables_made(sqlite_url) == {"t001"}
