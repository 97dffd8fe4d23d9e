from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent_factory.migrate.model.findings import CheckResult, finding
from agent_factory.migrate.report.findings_markdown import render_markdown
from agent_factory.migrate.report.markup import LIMIT
from tests.unit.migrate.report import findings


def rendered(result: CheckResult) -> str:
    return render_markdown(result, root=findings.ROOT)


def read(text: str) -> list[Token]:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return [part for token in tokens for part in [token, *(token.children or [])]]


def test_each_finding_has_its_level_code_place_and_what_would_mend_it() -> None:
    text = rendered(findings.mixed())

    assert text.startswith(
        "### Check of app@&#8203;db.example.com:5432/app: 2 errors, 1 warning, 1 note (1 ignored)\n"
    )
    assert text.index("**error** `drift`: index public.ix is missing") < text.index("**warning** `behind`")
    assert (
        "**error** `edited-on-branch`, `service/alembic/versions/002_b.py:12`: 002\\_b.py is edited" in text
    )
    blocks = [token.content for token in read(text) if token.type == "fence"]
    assert "CREATE INDEX ix ON public.t (a);\nANALYZE public.t\n" in blocks
    assert "- target branch: it is not named: --against origin/main" in text
    assert "- `drift`: table public.legacy is made by no migration: the old system's" in text


def test_nothing_that_a_stranger_named_becomes_markup() -> None:
    text = rendered(findings.hostile())

    assert "hush" not in text
    tokens = read(text)
    assert not [token for token in tokens if token.type in {"image", "link_open", "em_open"}]
    assert not [token for token in tokens if token.type == "heading_open" and token.tag == "h2"]
    assert not [token for token in tokens if "<img" in token.content and token.type.startswith("html")]


def test_it_fits_a_comment_and_says_what_is_left_out() -> None:
    many = tuple(
        finding("drift", f"table public.t{number} is missing", details=("x" * 500,)) for number in range(500)
    )
    text = rendered(CheckResult(what="app", findings=many, ignored=(), looked_at=(), skipped=()))

    assert len(text) <= LIMIT
    assert "more parts are too long for a comment: `--format json` has all of it" in text
