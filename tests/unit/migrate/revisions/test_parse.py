"""What a revision file declares, read without running it."""

from pathlib import Path

import pytest

from agent_factory.migrate.revisions.parse import (
    RevisionFile,
    read_revision_file,
    with_values,
)

PATH = Path("/project/alembic/versions/002_users.py")


def read(source: str) -> RevisionFile:
    return read_revision_file(PATH, source.encode(), name="alembic/versions/002_users.py")


def test_the_declarations_of_alembics_own_template() -> None:
    found = read(
        '"""users"""\nfrom typing import Sequence, Union\nfrom alembic import op\n\n'
        'revision: str = "002"\ndown_revision: Union[str, Sequence[str], None] = "001"\n'
        'branch_labels = ("users",)\ndepends_on = None\n\ndef upgrade() -> None:\n    pass\n'
    )

    assert (found.id, found.parents, found.labels, found.depends_on) == ("002", ("001",), ("users",), ())
    assert [found.line(name) for name in ("revision", "down_revision", "upgrade")] == [5, 6, None]
    assert found.place("down_revision") == "alembic/versions/002_users.py:6"
    assert {"revision", "upgrade", "op"} <= found.defines
    assert (found.computed, found.broken) == (frozenset(), None)


@pytest.mark.parametrize(
    ("value", "parents"),
    [
        ("None", ()),
        ("()", ()),
        ("'001'", ("001",)),
        ("'00' '1'", ("001",)),
        ("('001', '0a')", ("001", "0a")),
        ("['001', '0a']", ("001", "0a")),
        ("{'b', 'a'}", ("a", "b")),
    ],
)
def test_the_forms_of_a_parent(value: str, parents: tuple[str, ...]) -> None:
    found = read(f"revision = '002'\ndown_revision = {value}\n")

    assert (found.parents, found.computed) == (parents, frozenset())


@pytest.mark.parametrize(
    "line",
    [
        "down_revision = previous()",
        "down_revision = 1",
        "down_revision = ('001', 2)",
        "if True:\n    down_revision = '001'",
        "for down_revision in ('001',): pass",
        "from shared import down_revision",
        "import shared as down_revision",
        "down_revision, other = '001', 1",
        "down_revision = '001'\ndown_revision += 'a'",
        "def down_revision(): pass",
    ],
)
def test_what_only_running_the_file_can_tell(line: str) -> None:
    found = read(f"revision = '002'\n{line}\n")

    assert (found.id, found.parents, found.computed) == ("002", (), frozenset({"down_revision"}))
    assert "down_revision" in found.defines
    ran = with_values(found, {"revision": "002", "down_revision": "001"})
    assert (ran.parents, ran.computed) == (("001",), frozenset())


def test_names_inside_functions_are_none_of_the_files() -> None:
    found = read("def upgrade():\n    revision = '002'\n\nclass X:\n    down_revision = '001'\n")

    assert (found.id, found.lines, found.defines) == (None, (), frozenset({"upgrade", "X"}))


def test_a_star_import_may_bring_anything() -> None:
    assert "*" in read("from shared import *\n").defines


@pytest.mark.parametrize(
    ("data", "why", "line"),
    [
        (b"revision = '002'\ndown_revision = '001'\n=======\n", "it is not valid Python: invalid syntax", 3),
        (b"revision = '002'\ndown_revision = '001'\ndef upgrade(:\n", "it is not valid Python", 3),
        (b"revision = '002'\ndown_revision = '001'\nx = '\xff'\n", "", None),
        (b"# coding: nonsense\nrevision = '002'\ndown_revision = '001'\n", "unknown encoding", None),
        (b"revision = '002'\ndown_revision = '001'\n\0\n", "", None),
        (b"revision = '002'\ndown_revision = '001'\nx = " + b"(" * 5000, "", None),
    ],
    ids=["conflict", "syntax", "not utf-8", "encoding", "null byte", "nested too deeply"],
)
def test_a_file_that_is_no_python_still_seems_to_declare_something(
    data: bytes, why: str, line: int | None
) -> None:
    found = read_revision_file(PATH, data)

    assert found.broken is not None
    assert why in found.broken.why
    assert line is None or found.broken.line == line
    assert (found.id, found.parents) == ("002", ("001",))


def test_a_file_in_another_encoding_is_read() -> None:
    found = read_revision_file(PATH, "# coding: latin-1\n# ä\nrevision = '002'\n".encode("latin-1"))

    assert (found.id, found.broken) == ("002", None)
    assert "ä" in found.source
