"""Where each revision of a branch goes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from agent_factory.migrate.rebase import CannotMoveError, plan_moves
from agent_factory.migrate.revisions.parse import RevisionFile, read_revision_file


def revision_file(folder: Path, name: str, follows: object, **more: object) -> RevisionFile:
    """A file that is called after its id, up to the first underline."""
    values = {"revision": name.partition("_")[0], "down_revision": follows, **more}
    source = "".join(f"{key} = {value!r}\n" for key, value in values.items())
    return read_revision_file(folder / f"{name}.py", source.encode(), name=f"{name}.py")


def moved(
    folder: Path, theirs: Sequence[tuple[str, object]], ours: Sequence[tuple[str, object]]
) -> list[tuple[str, str, str, str]]:
    moves = plan_moves(
        [revision_file(folder, *item) for item in ours], [revision_file(folder, *item) for item in theirs]
    )
    return [(move.file.path.stem, move.id, ", ".join(move.parents), move.path.stem) for move in moves]


@pytest.mark.parametrize(
    ("theirs", "ours", "expected"),
    [
        pytest.param(
            [("001_a", None), ("002_theirs", "001")],
            [("002_mine", "001"), ("003_more", "002")],
            [("002_mine", "003", "002", "003_mine"), ("003_more", "004", "003", "004_more")],
            id="two with one number",
        ),
        pytest.param(
            [("001_a", None), ("003_theirs", "001")],
            [("002_mine", "001")],
            [("002_mine", "004", "003", "004_mine")],
            id="a number of its own",
        ),
        pytest.param(
            [("001_a", None)],
            [("002_mine", "001"), ("003_more", "002")],
            [("002_mine", "002", "001", "002_mine"), ("003_more", "003", "002", "003_more")],
            id="in line already",
        ),
        pytest.param(
            [("001_a", None)],
            [("002_left", "001"), ("003_right", "001"), ("004_merge", ("002", "003"))],
            [
                ("002_left", "002", "001", "002_left"),
                ("003_right", "003", "002", "003_right"),
                ("004_merge", "004", "003", "004_merge"),
            ],
            id="branches of its own",
        ),
        pytest.param(
            [("099_a", None)],
            [("099_mine", None), ("100_more", "099")],
            [("099_mine", "100", "099", "100_mine"), ("100_more", "101", "100", "101_more")],
            id="the zeros are outgrown",
        ),
        pytest.param(
            [("ab12_a", None), ("cd34_theirs", "ab12")],
            [("ef56_mine", "ab12"), ("aa11_more", "ef56")],
            [("ef56_mine", "ef56", "cd34", "ef56_mine"), ("aa11_more", "aa11", "ef56", "aa11_more")],
            id="ids that are no numbers stay",
        ),
        pytest.param(
            [("001_a", None)],
            [("ab12_mine", None)],
            [("ab12_mine", "002", "001", "002_mine")],
            id="an id that is no number where the others are",
        ),
        pytest.param([("001_a", None)], [], [], id="nothing of its own"),
    ],
)
def test_a_branch_follows_the_other_in_its_own_order(
    tmp_path: Path,
    theirs: Sequence[tuple[str, object]],
    ours: Sequence[tuple[str, object]],
    expected: list[tuple[str, str, str, str]],
) -> None:
    assert moved(tmp_path, theirs, ours) == expected


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("002_mine", "003_mine"),
        ("2024-05-01_002_mine", "2024-05-01_003_mine"),
        ("mine_002", "mine_003"),
        ("mine", "mine"),
        ("users_002_and_002", "users_002_and_002"),
        ("x0021", "x0021"),
    ],
)
def test_a_file_is_renamed_where_its_name_has_the_id(tmp_path: Path, name: str, renamed: str) -> None:
    theirs = [revision_file(tmp_path, "001_a", None), revision_file(tmp_path, "002_b", "001")]
    source = b'revision = "002"\ndown_revision = "001"\n'

    (move,) = plan_moves([read_revision_file(tmp_path / f"{name}.py", source)], theirs)

    assert (move.id, move.path.stem) == ("003", renamed)


def test_what_a_revision_depends_on_is_followed(tmp_path: Path) -> None:
    theirs = [revision_file(tmp_path, "001_a", None), revision_file(tmp_path, "002_b", "001")]
    ours = [
        revision_file(tmp_path, "002_mine", "001"),
        revision_file(tmp_path, "003_more", "001", depends_on=("002", "001")),
    ]

    moves = plan_moves(ours, theirs)

    assert [(move.id, move.depends_on) for move in moves] == [("003", ()), ("004", ("003", "001"))]


@pytest.mark.parametrize(
    ("theirs", "ours", "why"),
    [
        pytest.param(
            [("001_a", None), ("002_b", "001"), ("003_c", "001")],
            [("004_mine", "001")],
            "several heads itself: 002 .002_b.py., 003 .003_c.py.",
            id="several heads there",
        ),
        pytest.param(
            [("001_a", None)],
            [("002_mine", "001"), ("002_other", "001")],
            "002_mine.py and 002_other.py both have the id 002",
            id="one id twice in the branch",
        ),
        pytest.param(
            [("001_a", None)],
            [("002_mine", "003"), ("003_more", "002")],
            "002, 003 build on each other in a circle",
            id="a circle",
        ),
        pytest.param(
            [("ab_a", None), ("cd_theirs", "ab")],
            [("cd_mine", "ab")],
            "cd is not a number, and is the id of several files: cd_mine.py, cd_theirs.py",
            id="one id that is no number",
        ),
        pytest.param(
            [("001_a", None), ("002_b", "001"), ("003_mine", "002")],
            [("002_mine", "001"), ("003_more", "002")],
            None,
            id="names that are free by then",
        ),
    ],
)
def test_what_cannot_be_put_into_one_line_is_refused_by_name(
    tmp_path: Path,
    theirs: Sequence[tuple[str, object]],
    ours: Sequence[tuple[str, object]],
    why: str | None,
) -> None:
    if why is None:
        assert [move[3] for move in moved(tmp_path, theirs, ours)] == ["004_mine", "005_more"]
        return
    with pytest.raises(CannotMoveError, match=why):
        moved(tmp_path, theirs, ours)


def test_a_branch_with_a_label_that_follows_nothing_is_refused(tmp_path: Path) -> None:
    theirs = [revision_file(tmp_path, "001_a", None)]
    ours = [revision_file(tmp_path, "002_mine", None, branch_labels=("other",))]

    with pytest.raises(CannotMoveError, match="begin branches of their own, with a label"):
        plan_moves(ours, theirs)


def test_a_file_that_is_in_the_way_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "003_mine.py").write_text("# no revision\n")

    with pytest.raises(CannotMoveError, match=r"002_mine.py would become 003_mine.py, which already exists"):
        moved(tmp_path, [("001_a", None), ("002_b", "001")], [("002_mine", "001")])
