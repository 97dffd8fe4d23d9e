import io
from pathlib import Path

from agent_factory.migrate.model.findings import CheckResult
from agent_factory.migrate.report.findings_text import show_findings
from agent_factory.migrate.report.screen import open_screen
from tests.unit.migrate.report import findings
from tests.unit.migrate.report.screens import on_terminal, without_styles


def shown(result: CheckResult, paths_from: Path = findings.ROOT) -> str:
    stream = io.StringIO()
    show_findings(open_screen(stream), result, paths_from)
    return stream.getvalue()


def test_findings_are_told_the_worst_first_and_then_what_was_looked_at() -> None:
    assert shown(findings.mixed()).splitlines() == [
        "error: index public.ix is missing [drift]",
        "    expected  CREATE INDEX ix ON public.t (a)",
        "    found     none",
        "    fix it: CREATE INDEX ix ON public.t (a);",
        "            ANALYZE public.t",
        "service/alembic/versions/002_b.py:12: error: 002_b.py is edited [edited-on-branch]",
        "    1 added",
        "",
        "warning: the database is at 001, 2 revisions behind [behind]",
        "    fix it: af-db prod upgrade",
        "",
        "service/alembic.ini:3: note: url in alembic.ini [local-credentials]",
        "",
        "ignored: table public.legacy is made by no migration [drift], because: the old system's",
        "checked: the journal",
        "checked: drift: 80 objects",
        "not checked: target branch: it is not named: --against origin/main",
        "app@db.example.com:5432/app: 2 errors, 1 warning, 1 note (1 ignored)",
    ]


def test_nothing_found_is_said() -> None:
    assert shown(findings.sound()).splitlines()[-1] == "the history and the models: nothing found"


def test_files_are_seen_from_where_the_command_was_started() -> None:
    assert "../service/alembic.ini:3: note" in shown(findings.mixed(), findings.ROOT / "docs")


def test_a_name_makes_no_line_of_its_own_and_no_password_is_shown() -> None:
    text = shown(findings.hostile())

    assert "hush" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not [line for line in text.splitlines() if line.startswith("::")]


def test_a_terminal_shows_the_same_in_colours() -> None:
    text = on_terminal(lambda screen: show_findings(screen, findings.mixed(), findings.ROOT), 200)

    assert "\x1b[1;31merror" in text
    assert without_styles(text).splitlines() == shown(findings.mixed()).splitlines()
