"""Production is read by whoever may read it, held up by nobody, and shows its password to nobody."""

import threading
from dataclasses import replace
from urllib.parse import quote

import pytest

from agent_factory.migrate.model.target import Target, local_target
from agent_factory.migrate.rehearsal.scratch import CannotCopyError, Scratch
from agent_factory.migrate.rehearsal.scratch.installations import find_pg_dump
from agent_factory.url import parse_url
from tests.acceptance.faults.servers import PGBOUNCER, pgbouncer
from tests.acceptance.faults.waiting import until
from tests.integration.scratch.production import CANARY, EVERYTHING, Production, asked, copied, dumped
from tests.postgres import administering, installation
from tests.processes import command_lines, environments


def test_a_role_that_may_only_read_is_enough(
    production: Production, reader: Production, scratch: Scratch
) -> None:
    production.execute(EVERYTHING)
    role = parse_url(reader.url).user
    production.execute(
        f'GRANT USAGE ON SCHEMA app, "Odd; schema" TO {role};'
        f' GRANT SELECT ON ALL TABLES IN SCHEMA app, "Odd; schema" TO {role}'
    )
    before = dumped(parse_url(production.url))
    assert copied(reader.target, scratch).gaps == ()
    assert dumped(scratch.url) == before == dumped(parse_url(production.url))


@pytest.mark.parametrize(
    ("made", "named"),
    [
        pytest.param("CREATE TABLE public.secret (a int)", "may not read table secret.* SELECT", id="table"),
        pytest.param(
            "CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int)",
            "may not read schema hidden.* USAGE",
            id="schema",
        ),
    ],
)
def test_a_role_that_may_not_read_everything(
    production: Production, reader: Production, scratch: Scratch, made: str, named: str
) -> None:
    production.execute(made)
    with pytest.raises(CannotCopyError, match=f"{parse_url(reader.url).user} {named}") as caught:
        copied(reader.target, scratch)
    assert CANARY not in caught.value.reason


def test_a_locked_table_is_not_waited_for_long(production: Production, scratch: Scratch) -> None:
    production.execute("CREATE TABLE public.busy (a int)")
    with production.session() as cursor:
        cursor.execute("BEGIN; LOCK TABLE public.busy IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(
            CannotCopyError, match=r"locked by another session for more than 2 s.*public\.busy"
        ):
            copied(production.target, scratch)


def shown_by(program: str) -> str:
    """The command line and the environment of a process that runs this."""
    for pid, line in command_lines().items():
        if program in line and "service=" in line:
            return f"{line} {environments().get(pid, '')}"
    return ""


def test_no_process_shows_the_password(
    production: Production, reader: Production, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at while pg_dump waits for a table; a password of the environment is not handed on either."""
    monkeypatch.setenv("DATABASE_URL", reader.url)
    production.execute(
        f"CREATE TABLE public.busy (a int); GRANT SELECT ON public.busy TO {parse_url(reader.url).user}"
    )
    target = Target(
        url=reader.target.url.with_option("sslpassword", "C4n4ry"), environment=reader.target.environment
    )
    failed: list[str] = []

    def copy() -> None:
        try:
            copied(target, scratch)
        except CannotCopyError as error:
            failed.append(error.reason)

    with production.session() as cursor:
        cursor.execute("BEGIN; LOCK TABLE public.busy IN ACCESS EXCLUSIVE MODE")
        copying = threading.Thread(target=copy)
        copying.start()
        shown = until(lambda: shown_by("pg_dump --schema-only"), "pg_dump runs")
        everywhere = "\n".join(command_lines().values())
        copying.join()
    for secret in (CANARY, quote(CANARY, safe=""), "C4n4ry"):
        assert secret not in shown
        assert secret not in everywhere
    assert "locked by another session" in failed[0]


def test_a_password_that_is_not_in_the_url(
    production: Production, reader: Production, scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come from PGPASSWORD or a password file."""
    monkeypatch.setenv("PGPASSWORD", CANARY)
    url = replace(reader.target.url, password=None)
    production.execute(f"CREATE TABLE public.t (a int); GRANT SELECT ON public.t TO {url.user}")
    assert copied(Target(url=url, environment=reader.target.environment), scratch).gaps == ()
    assert asked(scratch, "SELECT count(*) FROM public.t") == 0


@pytest.mark.skipif(PGBOUNCER is None, reason="PgBouncer is not installed")
def test_a_transaction_pooler_is_not_dumped_from(production: Production, scratch: Scratch) -> None:
    """pg_dump's settings would stay in the session that the pooler gives to the next client."""
    with pgbouncer(production.url, pool_size=1) as pooled:
        with pytest.raises(CannotCopyError, match="is a pooler"):
            copied(local_target(pooled), scratch)
        with administering(parse_url(pooled)) as cursor:
            cursor.execute("SHOW search_path")
            assert cursor.fetchone() == ('"$user", public',)


def test_no_older_pg_dump_than_production_is_taken() -> None:
    """It would refuse."""
    assert find_pg_dump(99, near=installation(18)) is None
    assert find_pg_dump(16, near=installation(16)) == installation(16) / "pg_dump"
    newer = find_pg_dump(17)
    assert newer is not None
    assert newer != installation(16) / "pg_dump"


def test_without_a_copy_roles_and_settings_are_productions(
    production: Production, app_role: str, scratch: Scratch
) -> None:
    """For who makes the schema by running the migrations."""
    production.execute(f"ALTER DATABASE {parse_url(production.url).database} SET TimeZone = 'Europe/Berlin'")
    with production.session() as cursor:
        cursor.execute("BEGIN; LOCK TABLE public.t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(CannotCopyError):
            copied(production.target, scratch)
    assert asked(scratch, "SHOW TimeZone") == "Europe/Berlin"
    assert asked(scratch, f"SELECT count(*) FROM pg_roles WHERE rolname = '{app_role}'") == 1
    assert asked(scratch, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
