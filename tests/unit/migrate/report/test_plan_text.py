import re
from dataclasses import replace

import pytest

from agent_factory.migrate.catalog import Difference
from agent_factory.migrate.model.locks import LockMode
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.report import plan_words as words
from agent_factory.migrate.report.plan_text import show_plan
from agent_factory.migrate.review.hazards import RULES, Severity
from agent_factory.redaction import register_secret
from tests.unit.migrate.report import samples
from tests.unit.migrate.report.screens import (
    asked_plain,
    on_terminal,
    shown_plain,
    shown_plan,
    shown_question,
)

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_every_line_fits_but_the_flag_which_is_to_be_copied(columns: int) -> None:
    lines = [
        *shown_plan(samples.rich(), columns).splitlines(),
        *shown_question(samples.long(), columns).splitlines(),
    ]

    assert not [line for line in lines if len(line) > columns and "--allow" not in line]


def test_colours_say_nothing_that_words_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    coloured = on_terminal(lambda screen: show_plan(screen, samples.rich()), 80)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = on_terminal(lambda screen: show_plan(screen, samples.rich()), 80)

    assert "\x1b[1;31m" in coloured
    assert "\x1b[1;31m" not in plain
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == re.sub(r"\x1b\[[\d;]*m", "", plain)


def test_off_a_terminal_statements_are_not_broken() -> None:
    shown = shown_plain(samples.rich(), full=True)

    for revision in samples.rich().review.revisions:
        for statement in revision.statements:
            assert all(line.strip() in shown for line in statement.sql.strip().splitlines())
    assert "\x1b" not in shown


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_statement_without_a_hazard_is_one_line(columns: int) -> None:
    shown = shown_plan(samples.rich(), columns).splitlines()

    (index,) = [number for number, line in enumerate(shown) if "UPDATE settings" in line]
    assert len(shown[index]) <= columns
    assert shown[index].endswith("(about 10 ms)")
    assert "locks" not in shown[index + 1]
    assert "--full" in " ".join(shown)


def test_what_the_application_will_feel_comes_first() -> None:
    shown = shown_plain(samples.rich())

    first = shown.partition("what the application will feel\n")[2].splitlines()
    assert first[0] == (
        "  public.users (2,000,000 rows, 310 MB): reads and writes wait about 5.5 s, "
        "through statements 1 to 3 of 0002 (ACCESS EXCLUSIVE)"
    )
    assert "undo  downgrade 0001; but 0003 cannot be undone by downgrade()" in first
    assert shown.index("undo  downgrade") < shown.index("5 high hazards") < shown.index("[1/4] 0002")


def test_a_plan_that_keeps_nobody_waiting_says_so() -> None:
    step = samples.revision("0002", "one", ["0001"])
    result = samples.result([samples.reviewed(step, [samples.statement(1, "CREATE TABLE t (id int)")])])

    assert "  nothing: no table that is in use keeps anybody waiting\n" in shown_plain(result)


def test_writes_that_wait_first_and_reads_that_wait_later_are_two_waits() -> None:
    step = samples.revision("0002", "two", ["0001"])
    share = samples.table("public.users", LockMode.SHARE)
    exclusive = samples.table("public.users", LockMode.ACCESS_EXCLUSIVE)
    statements = [samples.statement(1, "CREATE INDEX", share), samples.statement(2, "ALTER TABLE", exclusive)]

    waits = samples.result([samples.reviewed(step, statements)]).review.waits

    assert [(wait.blocks, wait.since, wait.until) for wait in waits] == [
        ("reads and writes", 2, 2),
        ("writes", 1, 2),
    ]


def test_the_flag_is_the_last_thing_that_is_said() -> None:
    last = shown_plain(samples.rich()).splitlines()[-1]

    assert last.startswith("needs   --allow blocks-reads,rewrites-table,")


def test_what_many_statements_inherit_is_said_of_each_of_them() -> None:
    users = samples.table("public.users", LockMode.ACCESS_EXCLUSIVE)
    quiet = samples.table("public.other", LockMode.ROW_EXCLUSIVE)
    step = samples.revision("0002", "two", ["0001"])
    held = samples.statement(2, "UPDATE other SET a = 1", quiet, holding=["public.users"], blocks_of=users)
    result = samples.result(
        [samples.reviewed(step, [samples.statement(1, "ALTER TABLE users", users), held])]
    )

    assert "held    public.users, by earlier statements: blocks reads and writes" in shown_plain(
        result, full=True
    )


def test_the_question_of_300_revisions_fits_two_screens_and_has_all_that_is_dangerous() -> None:
    shown = shown_question(samples.long(), 80)

    assert len(shown.splitlines()) < 80
    for number in (1, 120, 250, 300):
        assert f"r{number:04} " in shown
    assert "ALTER TABLE table_0 ALTER COLUMN id TYPE BIGINT" in shown
    assert "28 notices" in shown
    assert shown.rstrip().splitlines()[-1] == "needs   --allow rewrites-table"


def test_the_question_names_every_high_hazard_however_many_there_are() -> None:
    shown = shown_question(samples.long(300, dangerous=range(1, 301, 3)), 80)

    for number in range(1, 301, 3):
        assert f"rewrites-table  r{number:04} statement 1, public.table_{number % 40}" in shown


def test_the_question_off_a_terminal_has_every_revision_and_every_hazard() -> None:
    shown = asked_plain(samples.long())

    assert shown.count("nobody can write to") == 28
    assert all(f"r{number:04}_change_number_{number}.py" in shown for number in range(1, 301))


def test_the_question_of_a_short_plan_is_the_whole_plan() -> None:
    step = samples.revision("0002", "one", ["0001"])
    users = samples.table("public.users", LockMode.ACCESS_EXCLUSIVE)
    result = samples.result([samples.reviewed(step, [samples.statement(1, "ALTER TABLE users", users)])])

    assert shown_question(result, 80).rstrip() == shown_plan(result, 80, full=True).rstrip()


def test_a_long_statement_is_whole_in_the_plan_and_short_before_the_question() -> None:
    step = samples.revision("0002", "rows", ["0001"])
    sql = "INSERT INTO t VALUES\n" + ",\n".join(f"({number}, 'row')" for number in range(200))
    result = samples.result(
        [samples.reviewed(step, [samples.statement(1, sql)])],
        hazards=[samples.hazard("deletes-data", "0002", 1, "it deletes", "do not")],
    )

    assert "(199, 'row')" in shown_plan(result, 80)
    asked = shown_question(result, 80)
    assert "(199, 'row')" not in asked
    assert "... 198 more lines" in asked
    assert "this is shortened" in asked


def test_many_notes_are_counted_before_the_question_and_all_of_them_in_the_plan() -> None:
    step = samples.revision("0002", "one", ["0001"])
    notes = [f"what is missing, number {number}" for number in range(1, 31)]
    result = samples.result([samples.reviewed(step, [samples.statement(1, "SELECT 1")])], notes=notes)

    assert "number 30" in shown_plan(result, 80)
    assert "number 10\n  and 20 more\n" in shown_question(result, 80)
    assert "number 30" in asked_plain(result)


def test_a_summary_knows_how_bad_every_hazard_is() -> None:
    hazards = [samples.hazard(code, "0002", 1, "what it is", "what to do") for code in RULES]

    assert sorted(words.worst(hazards)) == sorted(RULES)


def test_drift_is_counted_beside_the_hazards() -> None:
    step = samples.revision("0002", "one", ["0001"])
    drift = Difference(
        kind="column",
        name="public.users.age",
        table="public.users",
        expected=None,
        found="integer",
        remedy=None,
    )
    result = samples.result([samples.reviewed(step, [samples.statement(1, "SELECT 1")])])
    result = replace(result, review=replace(result.review, drift=(drift,)), allow="--allow drift")

    assert "no hazards, drift in 1 object\nneeds   --allow drift\n" in shown_plain(result).replace(
        "        ", ""
    )


def test_a_remedy_is_told_once_and_hazards_that_share_it_together() -> None:
    shared = "another way:\n    op.execute('SELECT 1')"
    step = samples.revision("0002", "twice", ["0001"])
    codes = ("blocks-reads", "rewrites-table")
    result = samples.result(
        [samples.reviewed(step, [samples.statement(1, "SELECT 1"), samples.statement(2, "SELECT 2")])],
        hazards=[
            *(samples.hazard(code, "0002", 1, f"what {code} is", shared) for code in codes),
            samples.hazard("blocks-reads", "0002", 2, "again", shared, severity=Severity.NOTICE),
        ],
    )

    shown = shown_plain(result)

    assert shown.count("op.execute('SELECT 1')") == 1
    assert "blocks-reads, rewrites-table  0002 statement 1, public.users" in shown
    assert "remedy: another way (see above)" in shown


def test_nothing_to_do() -> None:
    assert shown_plain(samples.nothing()).splitlines()[-1] == "nothing to do"


def test_without_a_rehearsal_no_hazards_is_not_said() -> None:
    shown = shown_plain(samples.not_rehearsed())

    assert "hazards not known: it was not rehearsed" in shown
    assert "no hazards" not in shown
    assert "its statements cannot be shown: it asks the database (AttributeError" in shown
    assert "not rehearsed: no initdb of PostgreSQL 17 in PATH" in shown
    assert "0 ms" not in shown


def test_a_downgrade_says_so() -> None:
    step = samples.revision("0002", "one", ["0001"])
    result = samples.result(
        [samples.reviewed(step, [samples.statement(1, "DROP TABLE t")])],
        direction=Direction.DOWNGRADE,
        before=["0002"],
    )

    assert "downgrade to  0001" in shown_plain(result)
    assert "downgrade, one transaction" in shown_plain(result)


@pytest.mark.parametrize("columns", [60, 120])
def test_hostile_names_move_no_cursor_and_make_no_lines(columns: int) -> None:
    for shown in (shown_plan(samples.hostile(), columns), shown_question(samples.hostile(), columns)):
        assert not CONTROL.search(shown)
        # Only what was SQL with several lines has lines of its own, and those are indented.
        assert not [line for line in shown.splitlines() if line.startswith("#") and "revision" not in line]


def test_a_password_is_not_shown_even_where_a_line_would_break_it() -> None:
    register_secret("the secret of several words")
    step = samples.revision("0002", "role", ["0001"])
    sql = "ALTER ROLE app WITH LOGIN NOINHERIT PASSWORD 'hunter2' -- the secret of several words"
    result = samples.result([samples.reviewed(step, [samples.statement(1, sql)])])

    for columns in range(30, 90):
        shown = " ".join(shown_plan(result, columns).split())
        assert "hunter2" not in shown
        assert "secret of several" not in shown
