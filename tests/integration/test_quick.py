"""The quick answers are the normal way's, byte for byte, and cost none of its libraries."""

import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa

from agent_factory.migrate.quick import answer
from agent_factory.url import parse_url
from tests.commands import CommandLine, Outcome, bare_environment
from tests.env_py_files import LOGGING, PLACEHOLDER, TEMPLATES
from tests.projects import AlembicProject

CURRENT = (
    ("current",),
    ("current", "--check-heads"),
    ("current", "--json"),
    ("current", "--json", "--check-heads"),
    ("local", "current"),
    ("local", "current", "--json"),
)
HISTORY = (("local", "history"), ("local", "history", "--json"))
OF_PRODUCTION = tuple(
    ("prod", *words) for words in (("current",), ("current", "--json"), ("history",), ("history", "--json"))
)
UPGRADE = (("upgrade",), ("upgrade", "head"), ("upgrade", "--yes"), ("upgrade", "head", "-y", "--json"))

Ask = Callable[..., Outcome | None]


@pytest.fixture
def quick(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """Ask the quick way only: its outcome, or None where it leaves the question, having said nothing."""

    def ask(*arguments: str, cwd: Path, url: str | None = None) -> Outcome | None:
        monkeypatch.chdir(cwd)
        if url is None:
            monkeypatch.delenv("DATABASE_URL", raising=False)
        else:
            monkeypatch.setenv("DATABASE_URL", url)
        capsys.readouterr()
        code = answer(arguments)
        said = capsys.readouterr()
        assert Path.cwd() == cwd
        if code is None:
            assert (said.out, said.err) == ("", "")
            return None
        return Outcome(code=code, out=said.out, err=said.err)

    return ask


def same(
    quick: Ask, af_db: CommandLine, questions: Sequence[Sequence[str]], *, cwd: Path, url: str | None = None
) -> list[Outcome]:
    """Ask both ways, twice for the cache, and return the answers, which have to be the same and quick."""
    outcomes = []
    for question in questions:
        normal = af_db(*question, cwd=cwd, url=url)
        for _ in range(2):
            assert quick(*question, cwd=cwd, url=url) == normal, question
        outcomes.append(normal)
    return outcomes


def left(quick: Ask, questions: Sequence[Sequence[str]], *, cwd: Path, url: str | None = None) -> None:
    """Ask the quick way, which has to leave the questions to the normal one."""
    for question in questions:
        assert quick(*question, cwd=cwd, url=url) is None, question


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "af-db"


def commands_of(url: str) -> tuple[tuple[str, ...], ...]:
    return (*CURRENT, *HISTORY, *(OF_PRODUCTION if url.startswith("postgresql") else ()))


def upgrades_of(url: str) -> tuple[tuple[str, ...], ...]:
    groups = ("local", "prod") if url.startswith("postgresql") else ("local",)
    return tuple((group, *words) for group in groups for words in UPGRADE)


@pytest.mark.parametrize("at", ["base", "001", "002", "003"])
def test_wherever_the_database_is(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, at: str
) -> None:
    if at != "base":
        af_db("local", "upgrade", at, cwd=project.root, url=database_url)

    outcomes = same(quick, af_db, commands_of(database_url), cwd=project.root, url=database_url)
    if at == "003":
        done = same(quick, af_db, upgrades_of(database_url), cwd=project.root, url=database_url)
        assert {outcome.code for outcome in done} == {0}
    else:
        left(quick, upgrades_of(database_url), cwd=project.root, url=database_url)

    assert outcomes[0].out == {"base": "(no revision)\n", "003": "003 (head)\n"}.get(at, f"{at}\n")


@pytest.mark.parametrize("url", [PLACEHOLDER, None])
def test_the_env_py_that_alembic_init_writes(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, url: str | None
) -> None:
    project.env_py.write_text((TEMPLATES / "generic" / "env.py").read_text())
    project.config.write_text(
        project.config.read_text() + (f"sqlalchemy.url = {url}\n" if url else "") + LOGGING
    )
    af_db("local", "upgrade", "002", cwd=project.root, url=database_url)

    outcomes = same(quick, af_db, commands_of(database_url), cwd=project.root, url=database_url)

    assert (outcomes[0].out, outcomes[0].err) == ("002\n", "")
    (project.root / "pyproject.toml").write_text('[tool.af-db]\nenv-py = "strict"\n')
    left(quick, CURRENT, cwd=project.root, url=database_url)
    refused = af_db("current", "--json", cwd=project.root, url=database_url)
    assert (refused.code, refused.error["code"]) == (2, "env-py-contract")


def test_a_database_that_was_downgraded_to_base(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)
    af_db("local", "downgrade", "base", "--yes", cwd=project.root, url=database_url)

    same(quick, af_db, commands_of(database_url), cwd=project.root, url=database_url)


@pytest.mark.parametrize("rows", [["004"], ["00"], ["003", "004"], ["head"], ["001", "003"]])
def test_rows_that_this_checkout_does_not_expect(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, rows: list[str]
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)
    write_rows(database_url, rows)

    same(quick, af_db, commands_of(database_url), cwd=project.root, url=database_url)
    left(quick, upgrades_of(database_url), cwd=project.root, url=database_url)


def test_several_heads(quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str) -> None:
    project.add_table("004", "002")
    af_db("local", "upgrade", "heads", cwd=project.root, url=database_url)

    outcomes = same(quick, af_db, commands_of(database_url), cwd=project.root, url=database_url)

    assert outcomes[0].out == "003 (head)\n004 (head)\n"
    left(quick, upgrades_of(database_url), cwd=project.root, url=database_url)


def test_branches_and_merges(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    project.add("a1", "001")
    project.add("a2", "a1")
    project.add("b1", "002", name="0_first_by_its_name.py")
    project.add("m1", ("b1", "a1"), message="join b1, a1")
    project.add("m2", ("003", "m1", "a2"))
    af_db("local", "upgrade", "m1", cwd=project.root, url=database_url)

    outcome, _ = same(quick, af_db, HISTORY, cwd=project.root, url=database_url)
    project.add("c1", "b1")
    same(quick, af_db, HISTORY, cwd=project.root, url=database_url)

    assert "b1, a1" in outcome.out
    assert outcome.out.count("applied") == 5


@pytest.mark.parametrize("columns", ["60", "110", "200"])
def test_a_history_on_a_terminal(
    quick: Ask,
    af_db: CommandLine,
    project: AlembicProject,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    project.add("004", "003", message="a [message] of " + "many " * 20 + "words", name="004_long.py")
    af_db("local", "upgrade", "002", cwd=project.root, url=database_url)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)

    outcome, _ = same(quick, af_db, HISTORY, cwd=project.root, url=database_url)

    assert "\x1b[" in outcome.out


@pytest.mark.parametrize(
    "doc", ["one\ntwo\n\nthree", "\n  über\n\n", "", "password='hidden' \x7f", "50 % of {it}"]
)
def test_messages(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, doc: str
) -> None:
    path = project.add_table("004", "003")
    path.write_text(path.read_text().replace("step 004", doc), encoding="utf-8")

    same(quick, af_db, HISTORY, cwd=project.root, url=database_url)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("step 003", "one\n  two"),
        ("step 003", "one\ttab"),
        ("branch_labels = None", "branch_labels = 'label'"),
        ("branch_labels = None", "depends_on = '001'"),
    ],
)
def test_histories_whose_current_revision_alone_is_quick(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, before: str, after: str
) -> None:
    path = next(project.versions.glob("003*"))
    path.write_text(path.read_text().replace(before, after, 1))
    af_db("local", "upgrade", cwd=project.root, url=database_url)

    same(quick, af_db, CURRENT, cwd=project.root, url=database_url)
    left(quick, HISTORY, cwd=project.root, url=database_url)


def test_what_the_journal_says_of_a_history(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    af_db("local", "upgrade", "002", cwd=project.root, url=postgresql_url)
    edited = next(project.versions.glob("001*"))
    edited.write_text(f"{edited.read_text()}\n# edited\n")
    spaced = next(project.versions.glob("002*"))
    spaced.write_bytes(spaced.read_bytes().replace(b"\n", b" \r\n"))
    write_rows(postgresql_url, ["003"])

    (history, *_) = same(
        quick, af_db, commands_of(postgresql_url)[len(CURRENT) :], cwd=project.root, url=postgresql_url
    )

    rows = history.out.splitlines()[2:]
    assert ["edited since" in row for row in rows] == [False, False, True]
    assert ["not by af-db" in row for row in rows] == [True, False, False]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP SCHEMA af_db CASCADE",
        "DELETE FROM af_db.journal",
        "UPDATE af_db.journal SET state = 'failed'",
        "UPDATE af_db.journal SET state = 'started', duration_s = NULL, os_user = NULL, host = NULL",
        "UPDATE af_db.journal SET source_sha256 = '', accepted_sha256 = source_sha256",
        "UPDATE af_db.journal SET direction = 'downgrade'",
        "ALTER DATABASE {database} SET timezone = 'Asia/Kathmandu'",
    ],
)
def test_other_states_of_the_journal(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str, statement: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    execute(postgresql_url, statement)

    same(quick, af_db, HISTORY, cwd=project.root, url=postgresql_url)


def test_a_journal_that_may_not_be_read_is_none(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    url = parse_url(postgresql_url)
    role = f"reader_of_{url.database}"
    execute(postgresql_url, f"CREATE ROLE {role} LOGIN PASSWORD 'reads only'")
    execute(postgresql_url, f"GRANT SELECT ON alembic_version TO {role}")
    try:
        as_reader = f"postgresql://{role}:reads only@{url.host}:{url.port}/{url.database}"
        history, _ = same(quick, af_db, HISTORY, cwd=project.root, url=as_reader)
    finally:
        execute(postgresql_url, f"DROP OWNED BY {role}; DROP ROLE {role}")

    assert "by whom" not in history.out


def test_a_journal_of_another_form_is_left(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    execute(postgresql_url, "ALTER TABLE af_db.journal RENAME COLUMN host TO machine")

    same(quick, af_db, CURRENT, cwd=project.root, url=postgresql_url)
    left(quick, HISTORY, cwd=project.root, url=postgresql_url)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE alembic_version ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE alembic_version RENAME TO hidden; CREATE VIEW alembic_version AS SELECT * FROM hidden",
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
        "REVOKE SELECT ON alembic_version FROM PUBLIC",
    ],
)
def test_rows_that_may_be_hidden_are_left(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str, statement: str
) -> None:
    """The normal way says why."""
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    url = parse_url(postgresql_url)
    role = f"reader_of_{url.database}"
    execute(postgresql_url, f"CREATE ROLE {role} LOGIN PASSWORD 'reads only'")
    execute(postgresql_url, "GRANT SELECT ON alembic_version TO PUBLIC")
    as_reader = f"postgresql://{role}:reads only@{url.host}:{url.port}/{url.database}"
    try:
        same(quick, af_db, CURRENT, cwd=project.root, url=as_reader)
        execute(postgresql_url, statement)
        left(quick, (*CURRENT, *HISTORY, *upgrades_of(as_reader)), cwd=project.root, url=as_reader)
        refused = af_db("current", "--json", cwd=project.root, url=as_reader)
    finally:
        execute(postgresql_url, f"DROP ROLE {role}")

    assert (refused.code, refused.error["code"]) == (4, "hidden-rows")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE af_db.journal SET version_table = NULL, version_schema = NULL WHERE revision = '001'",
        "COMMENT ON TABLE af_db.journal IS 'af-db journal, format 3'",
        "DROP TABLE af_db.environment",
        "COMMENT ON TABLE af_db.journal IS NULL;"
        "ALTER TABLE af_db.journal DROP version_table, DROP version_schema",
    ],
)
def test_journals_that_take_more_than_their_own_rows_are_left(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str, statement: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    execute(postgresql_url, statement)

    same(quick, af_db, CURRENT, cwd=project.root, url=postgresql_url)
    left(quick, HISTORY, cwd=project.root, url=postgresql_url)


def test_rows_of_another_version_table_are_not_this_history(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    execute(
        postgresql_url,
        "INSERT INTO af_db.journal (run_id, revision, direction, state, source_sha256, source, af_db_version,"
        " alembic_version, started_at, version_schema, version_table)"
        " SELECT run_id, revision, 'downgrade', state, 'another', 'another', af_db_version, alembic_version,"
        " now(), 'other', version_table FROM af_db.journal",
    )

    history, _ = same(quick, af_db, HISTORY, cwd=project.root, url=postgresql_url)

    assert "not by af-db" not in history.out
    assert "edited since" not in history.out


def test_a_history_that_the_output_has_no_characters_for_is_left(
    project: AlembicProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.add("004", "003", message="Jos\u00e9", name="004_jose.py")
    written = io.BytesIO()
    monkeypatch.chdir(project.root)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    assert answer(("local", "history")) is None
    sys.stdout.flush()
    assert written.getvalue() == b""


def test_where_python_drops_the_messages_the_history_is_as_alembic_has_it(project: AlembicProject) -> None:
    finished = subprocess.run(
        [sys.executable, "-OO", "-m", "agent_factory.migrate", "local", "history"],
        cwd=project.root,
        env=bare_environment(None),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "pending, head" in finished.stdout
    assert "step" not in finished.stdout


def test_a_head_that_another_one_depends_on(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str
) -> None:
    """It is a head to ``upgrade``, and has no row in the version table."""
    path = project.add("004", None, labels=("billing",))
    path.write_text(f"{path.read_text()}\ndepends_on = '003'\n")
    af_db("local", "upgrade", "heads", cwd=project.root, url=database_url)

    current = [words for words in commands_of(database_url) if "current" in words]
    outcomes = same(quick, af_db, current, cwd=project.root, url=database_url)

    assert [(outcome.code, outcome.out) for outcome in outcomes[:2]] == [(0, "004 (head)\n")] * 2
    left(quick, upgrades_of(database_url), cwd=project.root, url=database_url)


def test_where_the_configuration_is(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, tmp_path: Path
) -> None:
    below = project.root / "src" / "deep"
    below.mkdir(parents=True)
    named = [
        *(("-c", str(project.config), *words) for words in CURRENT),
        *((*words, "--config", f"{project.root.name}/alembic.ini") for words in CURRENT),
    ]

    same(quick, af_db, CURRENT, cwd=below, url=database_url)
    same(quick, af_db, named, cwd=project.root.parent, url=database_url)
    left(quick, CURRENT, cwd=tmp_path, url=database_url)
    left(quick, [("current", "-c", "nowhere.ini")], cwd=project.root, url=database_url)


@pytest.mark.parametrize(
    "text",
    ["", "DATABASE_URL=\n", "# nothing\n\nOTHER=1\n", "DATABASE_URL={url}\n", "DATABASE_URL={url}\nX=a b\n"],
)
def test_env_files(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, text: str
) -> None:
    af_db("local", "upgrade", "002", cwd=project.root, url=database_url)
    (project.root / ".env").write_text(text.format(url=database_url))

    if "a b" in text:
        left(quick, CURRENT, cwd=project.root)
    else:
        outcomes = same(quick, af_db, CURRENT, cwd=project.root)
        assert outcomes[0].out == (
            "002\n" if database_url in (project.root / ".env").read_text() else "(no revision)\n"
        )


@pytest.mark.parametrize(
    "text",
    [
        "DATABASE_URL='{url}'",
        "export DATABASE_URL={url}",
        "DATABASE_URL = {url}",
        "DATABASE_URL=${{OTHER}}",
        "database_url={url}",
        "AF_DB_LOCK_WAIT=soon",
        "AF_DB_NEW=1",
        'DATABASE_URL="',
    ],
)
def test_env_files_that_are_left_to_the_normal_way(
    quick: Ask, project: AlembicProject, sqlite_url: str, text: str
) -> None:
    (project.root / ".env").write_text(text.format(url=sqlite_url))

    left(quick, CURRENT, cwd=project.root)


def test_settings_of_runs_are_no_obstacle(
    quick: Ask,
    af_db: CommandLine,
    project: AlembicProject,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AF_DB_LOCK_WAIT", "5min")
    af_db("local", "upgrade", cwd=project.root, url=database_url)
    same(quick, af_db, upgrades_of(database_url), cwd=project.root, url=database_url)

    monkeypatch.setenv("AF_DB_LOCK_WAIT", "later")
    left(quick, upgrades_of(database_url), cwd=project.root, url=database_url)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--help",),
        ("current", "--help"),
        ("current", "--json", "--json"),
        ("current", "--nonsense"),
        ("current", "now"),
        ("prod", "current", "--check-heads"),
        ("local", "-c", "alembic.ini", "current"),
        ("local", "--json", "current"),
        ("--json", "current"),
        ("current", "-c"),
        ("--version", "current"),
        ("local", "upgrade", "+1"),
        ("local", "upgrade", "head", "head"),
        ("local", "upgrade", "--progress", "json"),
        ("local", "history", "--diff"),
        ("history",),
        ("local", "downgrade", "-1"),
        ("current", "-x", "a=1"),
        ("-x", "a=1", "current"),
        ("local", "upgrade", "-xa=1"),
        ("local", "history", "-n", "alembic"),
        ("-n", "alembic", "prod", "current"),
        ("prod", "current", "--name=alembic"),
    ],
)
def test_other_command_lines_are_left(
    quick: Ask, project: AlembicProject, sqlite_url: str, arguments: tuple[str, ...]
) -> None:
    left(quick, [arguments], cwd=project.root, url=sqlite_url)


def test_the_version(quick: Ask, af_db: CommandLine, project: AlembicProject) -> None:
    same(quick, af_db, [("--version",)], cwd=project.root)


def test_databases_that_do_not_answer(
    quick: Ask, project: AlembicProject, postgresql_url: str, tmp_path: Path
) -> None:
    url = parse_url(postgresql_url)
    (tmp_path / "text.db").write_text("no database at all, and long enough to be seen as none\n" * 40)
    for wrong in (
        f"postgresql://{url.user}:wrong-password@{url.host}:{url.port}/{url.database}",
        f"postgresql://{url.user}:{url.password}@{url.host}:1/{url.database}",
        f"{postgresql_url}_not_there",
        f"{postgresql_url}?sslmode=nonsense",
        "postgresql://nowhere",
        "sqlite:///:memory:",
        "nonsense",
        f"sqlite:///{tmp_path / 'text.db'}",
        f"sqlite:///{tmp_path}",
    ):
        left(quick, (*CURRENT, *HISTORY), cwd=project.root, url=wrong)


def test_a_version_table_that_may_not_be_read(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)
    execute(postgresql_url, "ALTER TABLE alembic_version RENAME COLUMN version_num TO version")

    left(quick, (*CURRENT, *HISTORY), cwd=project.root, url=postgresql_url)


def test_reading_makes_no_file(quick: Ask, af_db: CommandLine, project: AlembicProject) -> None:
    same(quick, af_db, CURRENT, cwd=project.root)

    assert not (project.root / "agent_factory.db").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("context.configure(", 'context.configure(version_table="other", '),
        ("context.configure(", 'context.configure(version_table_schema="other", '),
        ("context.configure(", "context.configure(**options, "),
        ("context.configure(", 'connection.exec_driver_sql("SET search_path = other")\ncontext.configure('),
        ("context.configure(", "print(1)\ncontext.configure("),
        ("connection=connection", "connection=other"),
        ('get("connection")', 'get("other")'),
        ("    context.run_migrations()", "    pass"),
        ("from alembic import context", "import nonsense("),
    ],
)
def test_env_py_that_does_more_is_left(
    quick: Ask, project: AlembicProject, sqlite_url: str, before: str, after: str
) -> None:
    text = project.env_py.read_text()
    assert before in text
    project.env_py.write_text(text.replace(before, after, 1))

    left(quick, CURRENT, cwd=project.root, url=sqlite_url)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("alembic.ini", "[alembic]\nscript_location = alembic\nversion_locations = a b\n"),
        ("alembic.ini", "[alembic]\nscript_location = package:alembic\n"),
        ("alembic.ini", "[alembic]\nscript_location = alembic\nsourceless = true\n"),
        ("alembic.ini", "[alembic]\nscript_location = nowhere\n"),
        ("alembic.ini", "[alembic]\n"),
        ("alembic.ini", "no ini\n"),
        ("pyproject.toml", '[tool.alembic]\nscript_location = "other"\n'),
        ("pyproject.toml", "[tool.af-db]\nnonsense = 1\n"),
        ("pyproject.toml", "no toml\n"),
    ],
)
def test_configurations_that_are_left(
    quick: Ask, project: AlembicProject, sqlite_url: str, file: str, text: str
) -> None:
    (project.root / file).write_text(text)

    left(quick, CURRENT, cwd=project.root, url=sqlite_url)


@pytest.mark.parametrize(
    "text",
    [
        'revision = "004"\ndown_revision = "009"\n',
        'revision = "003"\ndown_revision = "002"\n',
        'revision = "004"\n',
        'down_revision = "003"\n',
        'revision = str(4)\ndown_revision = "003"\n',
        'revision = "004"\ndown_revision = "003"\nif True:\n    revision = "005"\n',
        'revision = "004"\ndown_revision = "003"\nglobals()["revision"] = "005"\n',
        'revision = "004"\ndown_revision = "004"\n',
        'revision = "00+4"\ndown_revision = "003"\n',
        'revision = "004"\ndown_revision = "003"\ndepends_on = "009"\n',
        'revision = "004"\ndown_revision = "003"\nbranch_labels = "001"\n',
        "revision = \n",
    ],
)
def test_histories_that_are_left(quick: Ask, project: AlembicProject, sqlite_url: str, text: str) -> None:
    (project.versions / "004_odd.py").write_text(f"{text}\n\ndef upgrade():\n    pass\n")

    left(quick, CURRENT, cwd=project.root, url=sqlite_url)


def test_a_cache_is_used_and_follows_the_files(
    quick: Ask, af_db: CommandLine, project: AlembicProject, database_url: str, cache_folder: Path
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=database_url)
    age(project)
    same(quick, af_db, CURRENT, cwd=project.root, url=database_url)
    (kept,) = cache_folder.glob("*.json")
    assert (kept.stat().st_mode & 0o777, cache_folder.stat().st_mode & 0o777) == (0o600, 0o700)

    added = project.add_table("004", "003")
    age(project, added)
    outcomes = same(quick, af_db, (*CURRENT, *HISTORY), cwd=project.root, url=database_url)
    assert outcomes[0].out == "003\n"

    added.write_text(added.read_text().replace("step 004", "another step"))
    age(project, added)
    (history, _) = same(quick, af_db, HISTORY, cwd=project.root, url=database_url)
    assert "another step" in history.out

    project.add("004", "003", name="004_step_004.py")
    next(project.versions.glob("003*")).unlink()
    left(quick, CURRENT, cwd=project.root, url=database_url)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"shortened", b'{"format": 1}'])
def test_a_broken_cache_is_none(
    quick: Ask,
    af_db: CommandLine,
    project: AlembicProject,
    sqlite_url: str,
    cache_folder: Path,
    content: bytes,
) -> None:
    age(project)
    same(quick, af_db, CURRENT, cwd=project.root, url=sqlite_url)
    (kept,) = cache_folder.glob("*.json")
    kept.write_bytes(kept.read_bytes()[:-20] if content == b"shortened" else content)

    same(quick, af_db, CURRENT, cwd=project.root, url=sqlite_url)


def test_a_cache_of_wrong_things_harms_nothing(
    quick: Ask, af_db: CommandLine, project: AlembicProject, sqlite_url: str, cache_folder: Path
) -> None:
    age(project)
    same(quick, af_db, CURRENT, cwd=project.root, url=sqlite_url)
    (kept,) = cache_folder.glob("*.json")
    kept.write_text(kept.read_text().replace('"layout"', '"other"').replace('"files"', '"more"'))

    outcome = quick("current", cwd=project.root, url=sqlite_url)

    assert outcome in (None, af_db("current", cwd=project.root, url=sqlite_url))


def test_a_folder_for_the_cache_that_cannot_be_made(
    quick: Ask,
    af_db: CommandLine,
    project: AlembicProject,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    age(project)

    same(quick, af_db, CURRENT, cwd=project.root, url=sqlite_url)


def test_passwords_are_hidden_in_both(
    quick: Ask, af_db: CommandLine, project: AlembicProject, postgresql_url: str
) -> None:
    password = parse_url(postgresql_url).password or ""
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)

    for outcome in same(quick, af_db, commands_of(postgresql_url), cwd=project.root, url=postgresql_url):
        assert password not in outcome.out + outcome.err


@pytest.mark.parametrize(
    "question",
    [
        ("--version",),
        ("current",),
        ("current", "--check-heads", "--json"),
        ("local", "current"),
        ("prod", "current"),
        ("local", "history"),
        ("prod", "history", "--json"),
        ("local", "upgrade"),
        ("prod", "upgrade", "--yes"),
    ],
)
def test_quick_answers_load_none_of_the_libraries(
    af_db: CommandLine, project: AlembicProject, postgresql_url: str, question: tuple[str, ...]
) -> None:
    af_db("local", "upgrade", cwd=project.root, url=postgresql_url)

    finished = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "agent_factory.migrate", *question],
        cwd=project.root,
        env=bare_environment(postgresql_url),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    loaded = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in finished.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert finished.returncode == 0
    assert "agent_factory" in loaded
    assert loaded.isdisjoint({"typer", "rich", "pydantic", "pydantic_settings", "sqlalchemy", "alembic"})


def execute(url: str, statement: str) -> None:
    """Change the database by hand."""
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement.format(database=parse_url(url).database))


def write_rows(url: str, rows: Sequence[str]) -> None:
    """Have the version table hold these rows."""
    engine = sa.create_engine(parse_url(url).to_sqlalchemy(), poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
        for row in rows:
            connection.execute(sa.text("INSERT INTO alembic_version VALUES (:row)"), {"row": row})


def age(project: AlembicProject, *paths: Path) -> None:
    """Give the files a time that is long ago: what was just written is not kept."""
    for path in paths or [path for path in project.root.rglob("*") if path.is_file()]:
        os.utime(path, (1_600_000_000, 1_600_000_000))


def test_this_projects_own_env_py_is_understood() -> None:
    from agent_factory.migrate.quick.env_py import is_plain

    assert is_plain((Path(__file__).parents[2] / "alembic" / "env.py").read_bytes())


@pytest.mark.filterwarnings("ignore:.*No path_separator found:DeprecationWarning")
@pytest.mark.parametrize(
    "options",
    ["version_path_separator = os  # Use os.pathsep.", "path_separator = os"],
    ids=["of older templates", "of newer ones"],
)
def test_the_database_that_alembic_ini_names_is_local(
    quick: Ask, af_db: CommandLine, project: AlembicProject, options: str
) -> None:
    config = project.config.read_text().replace("path_separator = os", options)
    project.config.write_text(f"{config}sqlalchemy.url = sqlite:///own.db\n{LOGGING}")
    project.env_py.write_text((TEMPLATES / "generic" / "env.py").read_text())
    upgraded = af_db("local", "upgrade", cwd=project.root)

    same(quick, af_db, (*CURRENT, *HISTORY), cwd=project.root)

    assert upgraded.code == 0
    assert [path.name for path in project.root.glob("*.db")] == ["own.db"]
    (project.root / ".env").write_text("DATABASE_URL=sqlite:///./other.db\n")
    assert "(no revision)" in same(quick, af_db, CURRENT[:1], cwd=project.root)[0].out


@pytest.mark.parametrize("url", ["mysql+pymysql://u:canary@h/d", "sqlite://"])
def test_another_kind_of_database_in_alembic_ini_is_refused_and_not_replaced(
    quick: Ask, af_db: CommandLine, project: AlembicProject, url: str
) -> None:
    project.config.write_text(f"{project.config.read_text()}sqlalchemy.url = {url}\n")

    left(quick, CURRENT[:1], cwd=project.root)
    refused = af_db("local", "upgrade", cwd=project.root)

    assert refused.code == 2
    assert "sqlalchemy.url of alembic.ini" in refused.err
    assert "canary" not in refused.err
    assert not list(project.root.glob("*.db"))
