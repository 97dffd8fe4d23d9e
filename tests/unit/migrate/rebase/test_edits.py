"""A revision's file with other ids: changed where they stand, and nowhere else."""

import pytest

from agent_factory.migrate.rebase import CannotEditError, edited

ALEMBICS = '''"""add a table

Revision ID: 004
Revises: 003
Create Date: 2024-01-01 00:04:00
"""

from alembic import op

# revision identifiers, used by Alembic.
revision: str = "004"
down_revision: str | None = "003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("UPDATE t SET note = 'revision 004 follows 003'")
'''


def test_the_ids_of_alembics_own_file_are_changed_and_nothing_else() -> None:
    after = edited(ALEMBICS.encode(), revision="006", parents=("005",)).decode()

    changed = [
        (before, now)
        for before, now in zip(ALEMBICS.splitlines(), after.splitlines(), strict=True)
        if before != now
    ]
    assert changed == [
        ("Revision ID: 004", "Revision ID: 006"),
        ("Revises: 003", "Revises: 005"),
        ('revision: str = "004"', 'revision: str = "006"'),
        ('down_revision: str | None = "003"', 'down_revision: str | None = "005"'),
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "revision = '004'\ndown_revision = '003'\n", "revision = '006'\ndown_revision = '005'\n"
        ),
        pytest.param("revision='004';down_revision=None\n", "revision='006';down_revision='005'\n"),
        pytest.param(
            'revision = ("004")\ndown_revision = ("002", "003")\n',
            'revision = ("006")\ndown_revision = "005"\n',
        ),
        pytest.param(
            'revision = "004"\r\ndown_revision = "003"\r\nx = 1\r\n',
            'revision = "006"\r\ndown_revision = "005"\r\nx = 1\r\n',
        ),
        pytest.param(
            '\ufeff"""ändert\n\nRevises: 003"""\nrevision = "004"\ndown_revision = "003"',
            '\ufeff"""ändert\n\nRevises: 005"""\nrevision = "006"\ndown_revision = "005"',
        ),
        pytest.param(
            '"""x\n\nRevision ID: 004\nRevises: \n"""\nrevision = "004"\ndown_revision = None\n',
            '"""x\n\nRevision ID: 006\nRevises: 005\n"""\nrevision = "006"\ndown_revision = "005"\n',
        ),
        pytest.param(
            '"""Revises: 003"""\nä = "ä"; revision = "004"  # "004"\ndown_revision = "003"\n',
            '"""Revises: 005"""\nä = "ä"; revision = "006"  # "004"\ndown_revision = "005"\n',
        ),
        pytest.param(
            'revision = "004"\ndown_revision = "003"\n\ndef upgrade():\n    revision = "x"\n',
            'revision = "006"\ndown_revision = "005"\n\ndef upgrade():\n    revision = "x"\n',
            id="a name of a function's own",
        ),
    ],
)
def test_each_way_of_writing_them(before: str, after: str) -> None:
    assert edited(before.encode(), revision="006", parents=("005",)).decode() == after


def test_what_it_depends_on_is_changed_with_its_form() -> None:
    before = b'revision = "004"\ndown_revision = "003"\ndepends_on = ("001", "004a")\n'

    one = edited(before, revision="006", parents=("005",), depends_on=("007",))
    two = edited(before, revision="006", parents=("005",), depends_on=("001", "007"))

    assert one.splitlines()[2] == b'depends_on = "007"'
    assert two.splitlines()[2] == b'depends_on = ("001", "007")'


def test_the_first_revision_of_a_history_follows_nothing() -> None:
    before = b'"""x\n\nRevises: 003\n"""\nrevision = "004"\ndown_revision = "003"\n'

    after = edited(before, revision="001", parents=())

    assert after == b'"""x\n\nRevises: \n"""\nrevision = "001"\ndown_revision = None\n'


@pytest.mark.parametrize(
    ("source", "why"),
    [
        pytest.param('revision = "00" + "4"\ndown_revision = "003"\n', "line 1: revision is computed"),
        pytest.param('revision = "004"\ndown_revision = last()\n', "line 2: down_revision is computed"),
        pytest.param('revision = f"004"\ndown_revision = "003"\n', "line 1: revision is computed"),
        pytest.param('revision = "004"\ndown_revision = ("001", x)\n', "line 2: down_revision is computed"),
        pytest.param(
            'revision = "004"\nrevision = "005"\ndown_revision = "003"\n',
            "line 2: revision is not set once",
        ),
        pytest.param(
            'if True:\n    revision = "004"\ndown_revision = "003"\n',
            "line 2: revision is not set once",
        ),
        pytest.param(
            'revision = down_revision = "003"\n',
            "line 1: .*revision is not set once",
            id="both at once",
        ),
        pytest.param(
            'revision = "004"\ndown_revision = "003"\ndef f():\n    global revision\n    revision = "5"\n',
            "line 4: revision is not set once",
        ),
        pytest.param('revision = "004"\n', "it declares no down_revision"),
        pytest.param('revision = None\ndown_revision = "003"\n', "its revision is not a string"),
        pytest.param('revision = "004\n', "it is not valid Python: unterminated string literal"),
        pytest.param(
            'revision = "004"\ndown_revision = "003"\nfrom other import revision\n',
            "line 3: revision is not set once",
        ),
    ],
)
def test_what_cannot_be_changed_safely_is_refused(source: str, why: str) -> None:
    with pytest.raises(CannotEditError, match=why):
        edited(source.encode(), revision="006", parents=("005",))


def test_a_file_in_another_encoding_is_refused() -> None:
    source = '# coding: latin-1\nrevision = "004"\ndown_revision = "003"\nname = "ä"\n'

    with pytest.raises(CannotEditError, match="UTF-8"):
        edited(source.encode("latin-1"), revision="006", parents=("005",))
