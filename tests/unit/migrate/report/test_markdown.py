import re
from html import unescape

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from agent_factory.migrate.report.markdown import render_markdown
from agent_factory.migrate.report.markup import LIMIT
from agent_factory.migrate.review.build import PlanResult
from tests.unit.migrate.report import samples


def read(text: str) -> list[Token]:
    """Every token of the document, as GitHub would see them; what is inside of others too."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    return [part for token in tokens for part in [token, *(token.children or [])]]


def test_the_first_lines_have_the_counts_the_worst_and_the_flag() -> None:
    heading, _, summary, _, _, flag, *_ = render_markdown(samples.rich()).splitlines()

    assert heading == "### Plan: upgrade to `0005`"
    assert "4 revisions, 8 statements, at least 101 s" in summary
    assert "5 high hazards, 2 notices; the worst is `deletes-data`" in summary
    assert flag.startswith("--allow blocks-reads,")


def test_every_statement_and_every_remedy_is_in_a_block_of_its_language() -> None:
    blocks = [token for token in read(render_markdown(samples.rich())) if token.type == "fence"]

    sql = [" ".join(token.content.split()) for token in blocks if token.info == "sql"]
    assert sql == [
        " ".join(statement.sql.split())
        for revision in samples.rich().review.revisions
        for statement in revision.statements
    ]
    python = [token.content for token in blocks if token.info == "python"]
    assert len(python) == 6
    assert all("op." in content for content in python)


def test_what_is_behind_a_click_is_closed_again() -> None:
    text = render_markdown(samples.rich())

    assert text.count("<details>") == text.count("</details>") == text.count("</summary>") == 5


def test_nothing_that_a_stranger_named_becomes_markup_a_mention_or_a_link() -> None:
    text = render_markdown(samples.hostile())
    tokens = read(text)

    assert not [token for token in tokens if token.type in {"image", "link_open", "em_open"}]
    html = "".join(token.content for token in tokens if token.type in {"html_block", "html_inline"})
    assert set(re.findall(r"</?\w+", html)) <= {
        "<details",
        "</details",
        "<summary",
        "</summary",
        "<code",
        "</code",
    }
    prose = [unescape(token.content) for token in tokens if token.type in {"text", "html_block"}]
    assert not [words for words in prose if re.search(r"@\w|#\d|://", words)]
    assert not [token for token in tokens if token.tag == "h1"]
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_a_row_of_the_table_has_its_six_cells_whatever_is_in_them() -> None:
    step = samples.revision("a|b\\|c", "one | two \\| `three|four`", ["0001"])
    result = samples.result([samples.reviewed(step, [samples.statement(1, "SELECT 1")])])

    cells = [token for token in read(render_markdown(result)) if token.type == "td_open"]
    rows = [token for token in read(render_markdown(result)) if token.type == "tr_open"]

    assert len(rows) == 2
    assert len(cells) == 6


@pytest.mark.parametrize(
    ("text", "is_shown_as"),
    [
        ("- not a list", "- not a list"),
        ("1. not a list", "1. not a list"),
        ("# no heading", "# no heading"),
        ("> no quotation", "> no quotation"),
        ("*stars* _lines_ ~~waves~~ $sums$", "*stars* _lines_ ~~waves~~ $sums$"),
        ("[no](link) ![no](image)", "[no](link) ![no](image)"),
        ("&amp; stays", "&amp; stays"),
        ("---", "---"),
        ("a\n\n    no code", "a no code"),
    ],
)
def test_a_message_is_shown_as_it_is_written(text: str, is_shown_as: str) -> None:
    step = samples.revision("0002", "x", ["0001"])
    result = samples.result(
        [samples.reviewed(step, [samples.statement(1, "SELECT 1")])],
        hazards=[samples.hazard("irreversible", "0002", 1, text, "")],
    )

    shown = [token.children or [] for token in read(render_markdown(result)) if token.type == "inline"]
    lines = ["".join(part.content for part in parts) for parts in shown]

    assert is_shown_as in [line.replace("\u200b", "") for line in lines]


def long_statements(revisions: int, sql: str) -> PlanResult:
    steps = [samples.revision(f"r{number}", "long", [f"r{number - 1}"]) for number in range(1, revisions + 1)]
    return samples.result(
        [samples.reviewed(step, [samples.statement(1, sql)]) for step in steps],
        hazards=[samples.hazard("deletes-data", "r7", 1, "it deletes", "do not")],
    )


@pytest.mark.parametrize(
    ("result", "said"),
    [
        pytest.param(
            long_statements(10, "SELECT '" + "x" * 20_000 + "'"),
            "*Statements are cut after 2,000 characters.",
            id="long statements",
        ),
        pytest.param(
            long_statements(80, "SELECT '" + "x" * 2_000 + "'"),
            "*Statements are cut after 300 characters.",
            id="more of them",
        ),
        pytest.param(
            long_statements(400, "SELECT '" + "x" * 2_000 + "'"),
            "*Statements of revisions without hazards are left out",
            id="a long chain",
        ),
        pytest.param(
            long_statements(2_000, "SELECT 1"), "*The statements are left out.", id="a very long one"
        ),
        pytest.param(
            samples.long(1_000, dangerous=range(1, 1_001)),
            "more parts are too long for a comment",
            id="all high",
        ),
    ],
)
def test_what_does_not_fit_into_a_comment_is_left_out_and_that_is_said(result: PlanResult, said: str) -> None:
    text = render_markdown(result)

    assert len(text) <= LIMIT
    assert said in text
    assert "it deletes" in text or "are rewritten" in text
    assert text.count("<details>") == text.count("</details>")
    assert not [token for token in read(text) if token.type == "fence" and "</details>" in token.content]


def test_300_revisions_fit_whole() -> None:
    text = render_markdown(samples.long())

    assert len(text) <= LIMIT
    assert all(f"<code>r{number:04}</code>" in text for number in range(1, 301) if number % 10 == 0)


def test_nothing_to_do() -> None:
    assert render_markdown(samples.nothing()).startswith("### Nothing to do\n\n- database: ")
