from agent_factory.migrate.model.findings import CheckResult
from agent_factory.migrate.report.github import render_github
from tests.unit.migrate.report import findings


def lines(result: CheckResult) -> list[str]:
    return render_github(result, root=findings.ROOT).splitlines()


def test_each_finding_is_an_annotation_on_the_line_of_its_file() -> None:
    assert lines(findings.mixed()) == [
        "::error title=drift::index public.ix is missing"
        "%0Aexpected  CREATE INDEX ix ON public.t (a)%0Afound     none"
        "%0Afix it: CREATE INDEX ix ON public.t (a);%0AANALYZE public.t",
        "::error file=service/alembic/versions/002_b.py,line=12,title=edited-on-branch::002_b.py is edited"
        "%0A1 added",
        "::warning title=behind::the database is at 001, 2 revisions behind%0Afix it: af-db prod upgrade",
        "::notice file=service/alembic.ini,line=3,title=local-credentials::url in alembic.ini",
        "ignored: table public.legacy is made by no migration [drift], because: the old system's",
        "checked: the journal",
        "checked: drift: 80 objects",
        "not checked: target branch: it is not named: --against origin/main",
        "app@db.example.com:5432/app: 2 errors, 1 warning, 1 note (1 ignored)",
    ]


def test_what_would_end_a_property_or_a_command_is_escaped() -> None:
    text = "\n".join(lines(findings.hostile()))

    assert text.startswith("::error file=a%2Cb%3Ac%25d é/001.py,line=1,title=drift::50%25 of a,b:c%0A")
    assert "hush" not in text


def test_no_text_becomes_a_command() -> None:
    commands = [line for line in lines(findings.hostile()) if line.lstrip().startswith("::") or "##[" in line]

    assert len(commands) == 1
    assert lines(findings.hostile())[1:] == [
        "not checked: ::warning::no",
        "not checked: see ## [add-path]/tmp",
        "x ::add-mask::y: 1 error",
    ]
