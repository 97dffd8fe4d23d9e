"""The graph that is read from the files' text is the one that Alembic makes of running them."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_factory.migrate.quick.listing import list_revision_files
from agent_factory.migrate.revisions.graph import Declared, Graph, build_graph, read_declared

PLAIN = '''"""{message}

Revision ID: {id}
Revises: {parents}

    More of it.
"""
from alembic import op
import sqlalchemy as sa

# revision identifiers, used by Alembic.
revision = {id!r}
down_revision = {parents!r}
branch_labels = {labels!r}
depends_on = {depends_on!r}


def upgrade():
    pass
'''
ANNOTATED = '''"""{message}"""

from typing import Sequence, Union

from alembic import op


revision: str = {id!r}
down_revision: Union[str, Sequence[str], None] = {parents!r}
branch_labels: Union[str, Sequence[str], None] = {labels!r}
depends_on: Union[str, Sequence[str], None] = {depends_on!r}


def upgrade() -> None:
    op.execute("""
revision = 'not this'
""")
'''
OVER_LINES = """{message!r}
from alembic import (
    op,
)
depends_on = [
    *{depends_on!r}
] if {depends_on!r} else None
down_revision = {parents!r}
branch_labels = {labels!r}; revision = {id!r}
"""
LITERAL = """import os
depends_on = {depends_on!r} # = what else
down_revision = {parents!r}
revision, later = {id!r}, None
branch_labels = {labels!r}
"""
LAST_COUNTS = """revision = "not this"
revision = {id!r}
down_revision = (
    {parents!r}
)
branch_labels = {labels!r}
depends_on = {depends_on!r}
"""
MESSAGES = (
    "one step",
    "\n  über drei\nZeilen\n\nund mehr\n",
    "indented\n  below",
    "a\ttab",
    " ",
    "it's 50 %",
)
SURE = (PLAIN, ANNOTATED, LAST_COUNTS)
PERHAPS_UNKNOWN = (OVER_LINES, LITERAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A revision as it is written: ``form`` is one of the texts above, ``folder`` its place."""

    id: str
    parents: tuple[str, ...]
    depends_on: tuple[str, ...]
    labels: tuple[str, ...]
    message: str
    folder: str
    form: str

    def write(self, root: Path) -> None:
        folder = root / self.folder
        folder.mkdir(parents=True, exist_ok=True)
        text = self.form.format(
            message=self.message,
            id=self.id,
            parents=_as_written(self.parents),
            depends_on=_as_written(self.depends_on),
            labels=self.labels or None,
        )
        (folder / f"{self.id}_step.py").write_text(text)


def some_of(names: list[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    if not names:
        return st.just(())
    return st.lists(st.sampled_from(names), unique=True, max_size=most).map(tuple)


@st.composite
def histories(draw: st.DrawFn, forms: tuple[str, ...]) -> list[File]:
    """Branches, merges, several bases, labels and dependencies, in two locations with folders in them."""
    files: list[File] = []
    names: list[str] = []
    has_dependencies = draw(st.booleans())
    for number in range(draw(st.integers(1, 14))):
        identity = f"{number:02}{draw(st.sampled_from(['', 'ab', '_x']))}"
        ids = [file.id for file in files]
        # Mostly one line, as histories are.
        follows_the_last = bool(ids) and draw(st.integers(0, 2)) > 0
        parents = (ids[-1],) if follows_the_last else draw(some_of(ids, 3))
        depends_on = draw(some_of(names, 2)) if has_dependencies else ()
        labels = (f"label{number}",) if draw(st.integers(0, 4)) == 0 else ()
        names += [identity, *labels]
        files.append(
            File(
                id=identity,
                parents=parents,
                depends_on=tuple(name for name in depends_on if name not in parents),
                labels=labels,
                message=draw(st.sampled_from(MESSAGES)),
                folder=draw(st.sampled_from(["one", "one/deep/er", "two"])),
                form=draw(st.sampled_from(forms)),
            )
        )
    return files


def as_alembic(root: Path) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(root))
    config.set_main_option("version_locations", f"{root / 'one'};{root / 'two'}")
    for name in ("path_separator", "version_path_separator"):  # the name from Alembic 1.16 on, and before
        config.set_main_option(name, ";")
    config.set_main_option("recursive_version_locations", "true")
    return ScriptDirectory.from_config(config)


def declared_in(root: Path) -> list[Declared] | None:
    paths = list_revision_files([str(root / "one"), str(root / "two")], deeper=True)
    assert paths is not None
    declared = [read_declared(Path(path).read_bytes()) for path in paths]
    known = [each for each in declared if each is not None]
    return known if len(known) == len(declared) else None


def as_graph(root: Path) -> Graph | None:
    declared = declared_in(root)
    return None if declared is None else build_graph(declared)


def written(root: Path, files: list[File]) -> None:
    (root / "one").mkdir()
    (root / "two").mkdir()
    for file in files:
        file.write(root)


def agree(graph: Graph, script: ScriptDirectory) -> None:
    theirs = {revision.revision: revision for revision in script.walk_revisions()}

    assert graph.heads == tuple(sorted(script.get_heads()))
    assert graph.effective_heads == tuple(sorted(head.revision for head in script.get_revisions("heads")))
    assert graph.parents.keys() == theirs.keys()
    for name, revision in theirs.items():
        assert set(graph.parents[name]) == set(revision._versioned_down_revisions)
        assert set(graph.depends_on.get(name, ())) == set(revision._resolved_dependencies)
    for head in graph.heads:
        line = script.iterate_revisions(head, "base", assert_relative_length=False)
        assert graph.ancestors([head]) == {revision.revision for revision in line}
    if not graph.depends_on:
        assert graph.newest_first() == tuple(theirs)
    place = {name: number for number, name in enumerate(graph.oldest_first())}
    assert place.keys() == theirs.keys()
    for name, revision in theirs.items():
        assert all(place[before] < place[name] for before in revision._all_down_revisions)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories(SURE))
def test_the_graph_is_alembics(files: list[File]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), files)
        try:
            script = as_alembic(Path(folder))
            script.get_heads()
        except Exception:  # noqa: BLE001 - whatever Alembic refuses
            assert as_graph(Path(folder)) is None
            return
        graph = as_graph(Path(folder))
        assert graph is not None
        agree(graph, script)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories((*SURE, *PERHAPS_UNKNOWN)))
def test_a_graph_that_is_known_is_alembics(files: list[File]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), files)
        graph = as_graph(Path(folder))
        if graph is not None:
            agree(graph, as_alembic(Path(folder)))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories((*SURE, *PERHAPS_UNKNOWN)))
def test_a_message_that_is_known_is_alembics(files: list[File]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), files)
        declared = declared_in(Path(folder))
        if declared is not None and build_graph(declared) is not None:
            script = as_alembic(Path(folder))
            for each in declared:
                assert each.message in (None, script.get_revision(each.id).doc)


def _as_written(names: tuple[str, ...]) -> str | tuple[str, ...] | None:
    return None if not names else names[0] if len(names) == 1 else names
