"""irreversible: revisions without a way back."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review.hazards import Severity, find_hazards
from tests.integration.hazards.stage import Stage, revision


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("def downgrade():\n    pass\n", "downgrade() does nothing"),
        ('def downgrade() -> None:\n    """There is no way."""\n', "downgrade() does nothing"),
        ("def downgrade():\n    raise NotImplementedError('no')\n", "downgrade() raises"),
        ("", "there is no downgrade()"),
        ("def downgrade():\n    op.drop_column('users', 'note')\n", None),
        (
            "def downgrade():\n    if True:\n        raise ValueError\n    op.drop_column('users', 'n')\n",
            None,
        ),
    ],
    ids=["pass", "words", "raises", "missing", "written", "raises sometimes"],
)
def test_a_revision_without_a_way_back(stage: Stage, tmp_path: Path, body: str, says: str | None) -> None:
    path = tmp_path / "002_note.py"
    path.write_text(f"def upgrade():\n    op.add_column('users', note)\n\n\n{body}")
    (rehearsed,) = stage.rehearse(["ALTER TABLE users ADD COLUMN note text"])
    plan = [replace(rehearsed, revision=revision("002", path))]
    sizes, counted = stage.measure(plan)
    up = find_hazards(plan, Direction.UPGRADE, sizes, counted)
    assert [(item.code, item.severity) for item in up] == (
        [("irreversible", Severity.NOTICE)] if says else []
    )
    if says:
        assert f"{says} in 002_note.py" in up[0].message
    nothing = [replace(rehearsed, revision=revision("002", path), statements=())]
    assert not find_hazards(nothing, Direction.UPGRADE, sizes, counted)
    down = find_hazards(nothing, Direction.DOWNGRADE, sizes, counted)
    assert bool(down) is bool(says)
