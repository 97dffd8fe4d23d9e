"""When several heads or beginnings are meant, and when they are not."""

from pathlib import Path

import pytest

from agent_factory.migrate.checks.history import find_branches
from agent_factory.migrate.revisions.parse import RevisionFile, read_revision_file


def revision(name: str, *parents: str, label: str | None = None) -> RevisionFile:
    source = f"revision = {name!r}\ndown_revision = {parents!r}\nbranch_labels = {label!r}\n"
    return read_revision_file(Path(f"/p/{name}.py"), source.encode())


@pytest.mark.parametrize(
    ("files", "codes"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([revision("1"), revision("2", "1")], [], id="a line"),
        pytest.param(
            [revision("1"), revision("2", "1"), revision("3", "1")], ["multiple-heads"], id="two heads"
        ),
        pytest.param(
            [revision("1"), revision("2", "1"), revision("3", "1"), revision("4", "2", "3")], [], id="merged"
        ),
        pytest.param(
            [revision("1"), revision("2", "1"), revision("3", "1", label="a")],
            ["multiple-heads"],
            id="one has a label",
        ),
        pytest.param(
            [revision("1"), revision("2", "1", label="a"), revision("3", "1", label="b")],
            [],
            id="each has one",
        ),
        pytest.param(
            [
                revision("1"),
                revision("2", "1", label="a"),
                revision("3", "1", label="b"),
                revision("4", "3"),
                revision("5", "3"),
            ],
            ["multiple-heads"],
            id="two share one",
        ),
        pytest.param(
            [revision("1", label="a"), revision("2", "1"), revision("3", "1")],
            ["multiple-heads"],
            id="of one labelled branch",
        ),
        pytest.param([revision("1"), revision("2")], ["multiple-bases"], id="two beginnings"),
        pytest.param([revision("1"), revision("2", label="a")], [], id="the second has a label"),
        pytest.param([revision("1", label="a"), revision("2")], [], id="the first has one"),
        pytest.param(
            [revision("1"), revision("2"), revision("3")], ["multiple-bases"] * 2, id="three beginnings"
        ),
        pytest.param(
            [revision("1"), revision("2"), revision("3", "1", "2")], [], id="beginnings that were joined"
        ),
        pytest.param(
            [revision("1"), revision("2", label="a"), revision("3", "2"), revision("4", "2")],
            ["multiple-heads"],
            id="a labelled branch with two heads",
        ),
    ],
)
def test_heads_and_beginnings(files: list[RevisionFile], codes: list[str]) -> None:
    assert [found.code for found in find_branches(files)] == codes


def test_the_heads_without_a_label_are_named() -> None:
    (found,) = find_branches([revision("1"), revision("2", "1", label="a"), revision("3", "1")])

    assert found.message == "the history has 2 heads: 2, 3; an upgrade without a REVISION is refused"
    assert found.file == Path("/p/3.py")
    assert found.details == (
        "2.py:2: 2 builds on 1, with the label a",
        "3.py:2: 3 builds on 1, and has no label of its own",
    )


def test_the_larger_history_is_the_one_that_is_meant() -> None:
    files = [revision("0"), revision("1"), revision("2", "1"), revision("3", "2")]

    (found,) = find_branches(files)

    assert found.file == Path("/p/0.py")
    assert found.details == ("1.py:2: 1 builds on nothing", "0.py:2: 0 builds on nothing")
