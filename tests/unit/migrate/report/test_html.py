from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from agent_factory.migrate.report.html import render_html
from agent_factory.migrate.review.build import PlanResult
from tests.unit.migrate.report import samples

EMPTY = {"meta"}


class Page(HTMLParser):
    """Reads a page: its elements with what they say, its texts, and whether it is well formed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(data)


PLANS = [
    pytest.param(plan, id=plan.__name__)
    for plan in (samples.rich, samples.long, samples.hostile, samples.nothing, samples.not_rehearsed)
]


@pytest.mark.parametrize("plan", PLANS)
def test_is_one_well_formed_file_that_asks_for_nothing_and_runs_nothing(
    plan: Callable[[], PlanResult],
) -> None:
    page = Page(render_html(plan()))

    assert {name for name, _ in page.elements}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "embed", "form", "base", "svg"}
    )
    for _, attributes in page.elements:
        assert not [
            name for name in attributes if name.startswith("on") or name in {"src", "style", "action"}
        ]
        assert (attributes.get("href") or "#").startswith("#")


@pytest.mark.parametrize("plan", PLANS)
def test_every_link_has_a_place_to_go_to_and_every_place_one_name(plan: Callable[[], PlanResult]) -> None:
    page = Page(render_html(plan()))
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]

    assert len(names) == len(set(names))
    links = [str(attributes["href"]) for name, attributes in page.elements if name == "a"]
    assert {link.removeprefix("#") for link in links} <= set(names)


def test_hostile_names_are_text() -> None:
    text = render_html(samples.hostile())

    said = "</pre>`|@octocat #1 <img src=x onerror=alert(1)>"
    assert any(said in data for data in Page(text).texts)
    assert said not in text
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_statements_are_whole() -> None:
    texts = Page(render_html(samples.rich())).texts

    for revision in samples.rich().review.revisions:
        for statement in revision.statements:
            assert statement.sql.strip() in texts


def test_a_long_plan_opens_only_what_is_dangerous() -> None:
    page = Page(render_html(samples.long()))

    opened = [
        attributes["id"] for name, attributes in page.elements if name == "details" and "open" in attributes
    ]
    assert opened == ["r120", "r250"]


def test_nothing_to_do() -> None:
    assert "Nothing to do." in Page(render_html(samples.nothing())).texts
