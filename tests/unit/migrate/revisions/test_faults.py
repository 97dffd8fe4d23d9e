"""What keeps revision files from being a history, and what does not."""

from pathlib import Path

import pytest

from agent_factory.migrate.revisions.faults import find_faults, find_heads
from agent_factory.migrate.revisions.parse import RevisionFile, read_revision_file


def revision(
    name: str, *parents: str, labels: tuple[str, ...] = (), on: tuple[str, ...] = ()
) -> RevisionFile:
    source = (
        f"revision = {name!r}\ndown_revision = {parents!r}\nbranch_labels = {labels!r}\ndepends_on = {on!r}\n"
    )
    return read_revision_file(Path(f"/p/{name}.py"), source.encode())


@pytest.mark.parametrize(
    ("files", "codes"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([revision("1"), revision("2", "1"), revision("3", "1")], [], id="branches"),
        pytest.param([revision("1"), revision("2", on=("1",))], [], id="dependency"),
        pytest.param(
            [revision("1", labels=("a",)), revision("2", on=("a",))], [], id="dependency on a label"
        ),
        pytest.param([revision("1", "1")], ["own-parent"], id="itself"),
        pytest.param([revision("1", on=("1",))], ["own-parent"], id="itself as a dependency"),
        pytest.param([revision("1", "2"), revision("2", "1")], ["revision-cycle"], id="two"),
        pytest.param(
            [revision("1"), revision("2", "1", on=("b",)), revision("3", "2", labels=("b",))],
            ["revision-cycle"],
            id="through a label",
        ),
        pytest.param(
            [revision("1", "2"), revision("2", "1"), revision("3", "2", "4"), revision("4", "3")],
            ["revision-cycle", "revision-cycle"],
            id="two circles",
        ),
        pytest.param([revision("2", "1", "0")], ["missing-parent", "missing-parent"], id="both parents"),
        pytest.param(
            [revision("1"), revision("2", "1", labels=("1",))], ["duplicate-branch-label"], id="label is id"
        ),
    ],
)
def test_faults(files: list[RevisionFile], codes: list[str]) -> None:
    assert [found.code for found in find_faults(files)] == codes


def test_a_circle_names_its_members_and_nobody_else() -> None:
    files = [
        revision("0"),
        revision("1", "0", "3"),
        revision("2", "1"),
        revision("3", "2"),
        revision("4", "3"),
    ]

    (found,) = find_faults(files)

    assert found.message == "the revisions 1, 2, 3 build on each other in a circle"
    assert found.details == (
        "1.py:2: 1 builds on '0', '3'",
        "2.py:2: 2 builds on '1'",
        "3.py:2: 3 builds on '2'",
    )


def test_what_a_file_without_a_readable_id_may_be_is_not_missed() -> None:
    unread = read_revision_file(Path("/p/x.py"), b"<<<<<<<\n")

    assert [found.code for found in find_faults([unread, revision("2", "1")])] == ["broken-revision-file"]


def test_a_history_longer_than_pythons_stack() -> None:
    files = [revision("0"), *(revision(str(number), str(number - 1)) for number in range(1, 3000))]

    assert find_faults(files) == ()
    assert [head.id for head in find_heads(files)] == ["2999"]
    looped = [revision("0", "2999"), *files[1:]]
    assert [found.code for found in find_faults(looped)] == ["revision-cycle"]
