"""A saved plan as a file: written whole or not at all, and read or refused, whatever was done to it."""

import copy
import hashlib
import json
import os
import resource
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_factory.migrate.db.sent_statements import SentStatement
from agent_factory.migrate.model.errors import MigrationError, UsageError
from agent_factory.migrate.model.plan import Direction
from agent_factory.migrate.review import saved_plan

PLAN = saved_plan.SavedPlan(
    direction=Direction.UPGRADE,
    target="+1",
    before=("001",),
    after=("002",),
    revisions=(
        saved_plan.SavedRevision(
            id="002",
            file="002_users.py",
            sha256="ab" * 32,
            statements=(
                SentStatement(sql="SELECT 'é'", sha256="12" * 32),
                SentStatement(sql="", sha256="34" * 32),
            ),
        ),
        saved_plan.SavedRevision(id="003", file="003_orders.py", sha256="cd" * 32, statements=None),
    ),
    env_py_sha256="ef" * 32,
    identity=saved_plan.Identity(
        backend="postgresql",
        database="shop",
        system_identifier="7123",
        version_table="public.alembic_version",
    ),
    catalog_sha256="01" * 32,
    needed=("deletes-data",),
    allowed=(),
    af_db_version="1.0",
    alembic_version="1.18",
    made_at=datetime(2026, 1, 1, tzinfo=UTC),
    expires_at=datetime(2026, 1, 8, tzinfo=UTC),
    salt="56" * 16,
)

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    path = tmp_path_factory.mktemp("plans") / "plan.json"
    saved_plan.write(PLAN, path)
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return path, document


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Everything inside a document: what it is in, and by which key."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield value, key
        yield from places(item)


def sha256(document: dict[str, Any]) -> str:
    """The signature, as a forger makes it."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def refusal_of(path: Path) -> MigrationError | None:
    """What is said against running this file where PLAN would run; None where nothing is."""
    try:
        plan = saved_plan.read(path)
        saved_plan.is_carried_out(plan, PLAN.identity, PLAN.before)
        saved_plan.check(plan, PLAN)
    except MigrationError as error:
        return error
    return None


def test_what_was_written_is_read(written: tuple[Path, dict[str, Any]]) -> None:
    path, _document = written

    assert saved_plan.read(path) == PLAN


@given(data=st.data())
def test_a_file_with_anything_else_in_it_is_refused_or_is_a_plan(
    written: tuple[Path, dict[str, Any]], data: st.DataObject
) -> None:
    path, original = written
    document = copy.deepcopy(original)
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        found = list(places(document))
        if not found:
            break
        holder, key = data.draw(st.sampled_from(found), label="place")
        if data.draw(st.booleans(), label="remove"):
            del holder[key]
        else:
            holder[key] = data.draw(_VALUES, label="value")
    if data.draw(st.booleans(), label="signed"):
        document.pop("sha256", None)
        document["sha256"] = sha256(document)
    changed = path.with_name("changed.json")
    changed.write_text(json.dumps(document), encoding="utf-8")

    refusal = refusal_of(changed)

    if refusal is not None:
        assert refusal.code in {"no-plan", "plan-format", "plan-tampered", "plan-expired", "stale-plan"}
        assert refusal.message
        assert refusal.next_steps


@given(end=st.integers(0))
def test_a_file_that_was_cut_off_is_refused(written: tuple[Path, dict[str, Any]], end: int) -> None:
    path, _document = written
    content = path.read_bytes().rstrip()
    cut = path.with_name("cut.json")
    cut.write_bytes(content[: end % len(content)])

    with pytest.raises(UsageError) as caught:
        saved_plan.read(cut)

    assert caught.value.code == "no-plan"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("[" * 100_000, id="deeper than Python goes"),
        pytest.param('{"format": ' + "9" * 5000 + "}", id="a number that is too long"),
        pytest.param("[1]", id="a list"),
    ],
)
def test_odd_json_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(content)

    with pytest.raises(UsageError, match="is not a plan of af-db"):
        saved_plan.read(path)


def test_a_write_that_fails_leaves_the_plan_that_was_there(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text("the plan of yesterday")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(UsageError) as caught:
            saved_plan.write(PLAN, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert caught.value.code == "cannot-write-plan"
    assert path.read_text() == "the plan of yesterday"
    assert [item.name for item in tmp_path.iterdir()] == ["plan.json"]


@pytest.mark.parametrize("name", ["", "folder", "no/such/folder.json"])
def test_what_cannot_be_written_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(UsageError) as caught:
        saved_plan.write(PLAN, tmp_path / name)

    assert caught.value.code == "cannot-write-plan"
    assert str(tmp_path / name) in caught.value.message
    assert caught.value.next_steps
    assert [item.name for item in tmp_path.rglob("*")] == ["folder"]


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(UsageError, match="cannot be written"):
        saved_plan.write(PLAN, pipe)

    assert pipe.is_fifo()


def test_a_link_stays_one(tmp_path: Path) -> None:
    link = tmp_path / "latest.json"
    link.symlink_to(tmp_path / "plan.json")

    saved_plan.write(PLAN, link)

    assert link.is_symlink()
    assert saved_plan.read(tmp_path / "plan.json") == PLAN


def test_others_may_read_it_as_they_may_other_files(tmp_path: Path) -> None:
    path, other = tmp_path / "plan.json", tmp_path / "other"
    other.touch()

    saved_plan.write(PLAN, path)

    assert path.stat().st_mode == other.stat().st_mode
