"""Broken histories: each gives its own finding, with the files involved and the line to look at."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.commands import CommandLine
from tests.projects import AlembicProject

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """What is to be found: the code, the file, the text of its line, and what else is named."""

    code: str
    file: str
    line: str | None
    named: tuple[str, ...] = ()


def findings(af_db: CommandLine, project: AlembicProject, *arguments: str) -> list[dict[str, Any]]:
    outcome = af_db("check", "--json", *arguments, cwd=project.root)
    found: list[dict[str, Any]] = outcome.document["findings"]
    bad = [item for item in found if item["level"] != "note"]
    assert outcome.code == outcome.document["exit_code"] == (3 if bad else 0)
    return found


def write(project: AlembicProject, name: str, source: str) -> None:
    (project.versions / name).write_text(source)


def several_heads(project: AlembicProject) -> Broken:
    project.add("004", "002")
    named = ("003_step_003.py", "004_step_004.py", "003, 004")
    return Broken(code="multiple-heads", file="004_step_004.py", line="down_revision = '002'", named=named)


def branch_of_which_only_one_has_a_label(project: AlembicProject) -> Broken:
    project.add("004", "002", labels=("billing",))
    named = ("003_step_003.py", "004_step_004.py", "003, 004", "the label billing")
    return Broken(code="multiple-heads", file="003_step_003.py", line="down_revision = '002'", named=named)


def duplicate_ids(project: AlembicProject) -> Broken:
    project.add("003", "002", name="003_z_other.py")
    named = ("003_step_003.py", "003_z_other.py")
    return Broken(code="duplicate-revision", file="003_z_other.py", line="revision = '003'", named=named)


def cycle(project: AlembicProject) -> Broken:
    project.add("001", "003")
    named = ("001_step_001.py", "002_step_002.py", "003_step_003.py", "001, 002, 003")
    return Broken(code="revision-cycle", file="001_step_001.py", line="down_revision = '003'", named=named)


def cycle_through_dependencies(project: AlembicProject) -> Broken:
    path = project.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}\ndepends_on = '003'\n")
    named = ("002_step_002.py", "003_step_003.py")
    return Broken(code="revision-cycle", file="002_step_002.py", line="down_revision = '001'", named=named)


def own_parent(project: AlembicProject) -> Broken:
    project.add("004", "004")
    return Broken(code="own-parent", file="004_step_004.py", line="down_revision = '004'")


def missing_parent(project: AlembicProject) -> Broken:
    (project.versions / "002_step_002.py").unlink()
    return Broken(
        code="missing-parent", file="003_step_003.py", line="down_revision = '002'", named=("003", "002")
    )


def parent_that_is_a_label(project: AlembicProject) -> Broken:
    project.add("004", "003", labels=("billing",))
    project.add("005", "billing")
    line = "down_revision = 'billing'"
    return Broken(code="missing-parent", file="005_step_005.py", line=line, named=("billing",))


def computed_parent_that_is_missing(project: AlembicProject) -> Broken:
    write(
        project,
        "004_x.py",
        'revision = "004"\ndown_revision = str(99)\ndef upgrade(): ...\ndef downgrade(): ...\n',
    )
    return Broken(code="missing-parent", file="004_x.py", line="down_revision = str(99)", named=("99",))


def no_python(project: AlembicProject) -> Broken:
    write(project, "004_x.py", 'revision = "004"\ndown_revision = "003"\n<<<<<<< HEAD\n')
    return Broken(
        code="broken-revision-file", file="004_x.py", line="<<<<<<< HEAD", named=("invalid syntax",)
    )


def no_text(project: AlembicProject) -> Broken:
    (project.versions / "004_x.py").write_bytes(b'revision = "004"\n# \xff\xfe\n')
    return Broken(code="broken-revision-file", file="004_x.py", line=None, named=("utf-8",))


def import_that_fails(project: AlembicProject) -> Broken:
    line = "import nothing_of_this_name"
    write(project, "004_x.py", f'revision = "004"\ndown_revision = "003"\n{line}\n')
    return Broken(code="broken-revision-file", file="004_x.py", line=line, named=("nothing_of_this_name",))


def import_that_exits(project: AlembicProject) -> Broken:
    write(project, "004_x.py", 'revision = "004"\ndown_revision = "003"\nraise SystemExit(9)\n')
    return Broken(code="broken-revision-file", file="004_x.py", line="raise SystemExit(9)")


def no_id(project: AlembicProject) -> Broken:
    write(project, "helpers.py", "ANSWER = 42\n")
    return Broken(code="no-revision-id", file="helpers.py", line=None)


def no_down_revision(project: AlembicProject) -> Broken:
    write(project, "004_x.py", 'revision = "004"\ndef upgrade(): ...\ndef downgrade(): ...\n')
    return Broken(code="no-down-revision", file="004_x.py", line='revision = "004"')


def id_that_is_a_step(project: AlembicProject) -> Broken:
    project.add("v1-2", "003")
    return Broken(code="bad-revision-id", file="v1-2_step_v1-2.py", line="revision = 'v1-2'")


def id_that_is_no_text(project: AlembicProject) -> Broken:
    write(
        project, "004_x.py", 'revision = 4\ndown_revision = "003"\ndef upgrade(): ...\ndef downgrade(): ...\n'
    )
    return Broken(code="bad-revision-id", file="004_x.py", line="revision = 4")


def dependency_on_nothing(project: AlembicProject) -> Broken:
    path = project.add("004", "003")
    path.write_text(f"{path.read_text()}\ndepends_on = ('001', 'billing')\n")
    line = "depends_on = ('001', 'billing')"
    return Broken(code="unknown-dependency", file="004_step_004.py", line=line, named=("billing",))


def label_used_twice(project: AlembicProject) -> Broken:
    project.add("004", "003", labels=("billing",))
    project.add("005", "004", labels=("billing",))
    named = ("004_step_004.py", "005_step_005.py", "billing")
    return Broken(
        code="duplicate-branch-label",
        file="005_step_005.py",
        line="branch_labels = ('billing',)",
        named=named,
    )


def second_beginning(project: AlembicProject) -> Broken:
    project.add("004", None)
    named = ("001_step_001.py", "004_step_004.py")
    return Broken(code="multiple-bases", file="004_step_004.py", line="down_revision = None", named=named)


def long_id(project: AlembicProject) -> Broken:
    for path in project.versions.glob("*.py"):
        path.unlink()
    revision = "add_a_table_for_every_kind_of_user"
    project.add(revision, None, name=f"{revision}.py")
    return Broken(
        code="long-revision-id", file=f"{revision}.py", line=f"revision = '{revision}'", named=("34",)
    )


def id_of_another_kind(project: AlembicProject) -> Broken:
    project.add("3f1a9c", "003")
    return Broken(code="odd-revision-id", file="3f1a9c_step_3f1a9c.py", line="revision = '3f1a9c'")


def id_of_another_width(project: AlembicProject) -> Broken:
    project.add("04", "003")
    return Broken(code="odd-revision-id", file="04_step_04.py", line="revision = '04'", named=("3 digits",))


def numbers_that_fall(project: AlembicProject) -> Broken:
    project.add("000", "003")
    return Broken(code="revision-order", file="000_step_000.py", line="down_revision = '003'", named=("003",))


def file_of_another_name(project: AlembicProject) -> Broken:
    project.add("004", "003", name="003_new_things.py")
    return Broken(code="file-name", file="003_new_things.py", line="revision = '004'", named=("004",))


def file_names_that_differ_by_case(project: AlembicProject) -> Broken:
    more = project.root / "more"
    more.mkdir()
    config = project.config.read_text() + "version_locations = %(here)s/alembic/versions:%(here)s/more\n"
    project.config.write_text(config)
    project.add("004", "003", name="004_users.py").rename(more / "004_users.py")
    project.add("005", "004", name="004_USERS.py")
    project.config.write_text(config.replace("%%(rev)s_%%(slug)s", "%%(slug)s"))
    named = ("more/004_users.py", "alembic/versions/004_USERS.py")
    return Broken(code="duplicate-file-name", file="004_users.py", line=None, named=named)


def no_downgrade(project: AlembicProject) -> Broken:
    write(project, "004_x.py", 'revision = "004"\ndown_revision = "003"\ndef upgrade(): ...\n')
    return Broken(code="no-downgrade", file="004_x.py", line='revision = "004"')


def no_upgrade(project: AlembicProject) -> Broken:
    write(project, "004_x.py", 'revision = "004"\ndown_revision = "003"\ndef downgrade(): ...\n')
    return Broken(code="no-upgrade", file="004_x.py", line='revision = "004"')


BROKEN = (
    *(several_heads, branch_of_which_only_one_has_a_label, duplicate_ids, cycle),
    *(cycle_through_dependencies, own_parent, missing_parent),
    *(parent_that_is_a_label, computed_parent_that_is_missing, no_python, no_text, import_that_fails),
    *(import_that_exits, no_id, no_down_revision, id_that_is_a_step, id_that_is_no_text),
    *(dependency_on_nothing, label_used_twice, second_beginning, long_id, id_of_another_kind),
    *(id_of_another_width, numbers_that_fall, file_of_another_name, file_names_that_differ_by_case),
    *(no_downgrade, no_upgrade),
)


@pytest.mark.parametrize("break_history", BROKEN, ids=lambda function: function.__name__)
def test_a_broken_history_gives_its_own_finding(
    af_db: CommandLine, project: AlembicProject, break_history: Callable[[AlembicProject], Broken]
) -> None:
    broken = break_history(project)

    (found,) = findings(af_db, project)

    assert found["code"] == broken.code
    path = Path(found["file"])
    assert path.is_file()
    assert path.name == broken.file
    if broken.line is None:
        assert found["line"] is None
    else:
        assert path.read_text().splitlines()[found["line"] - 1] == broken.line
    said = "\n".join([found["message"], *found["details"]])
    for name in (broken.file, *broken.named):
        assert name in said
    text = af_db("check", cwd=project.root)
    assert text.code == 3
    assert f"[{broken.code}]" in text.out
    assert broken.file in text.out


@pytest.mark.parametrize(
    "break_history",
    [duplicate_ids, cycle, own_parent, missing_parent, no_python, no_id, no_down_revision, label_used_twice],
    ids=lambda function: function.__name__,
)
def test_other_commands_name_the_same_cause(
    af_db: CommandLine,
    project: AlembicProject,
    sqlite_url: str,
    break_history: Callable[[AlembicProject], Broken],
) -> None:
    broken = break_history(project)
    (found,) = findings(af_db, project)

    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)

    assert (refused.code, refused.error["code"]) == (2, broken.code)
    assert refused.error["message"] == found["message"]
    assert refused.error["next_steps"]


def test_everything_that_is_wrong_is_told_at_once(
    af_db: CommandLine, project: AlembicProject, sqlite_url: str
) -> None:
    duplicate_ids(project)
    no_id(project)
    project.add("777", "666")

    codes = {found["code"] for found in findings(af_db, project)}

    assert codes == {"duplicate-revision", "no-revision-id", "missing-parent"}
    refused = af_db("local", "upgrade", "--json", cwd=project.root, url=sqlite_url)
    assert "af-db check" in refused.error["next_steps"][-1]


def test_a_file_that_cannot_be_read_hides_nothing_else(af_db: CommandLine, project: AlembicProject) -> None:
    """Its lines still tell its id: what builds on it misses no parent."""
    path = project.versions / "002_step_002.py"
    path.write_text(f"{path.read_text()}\n=======\n")
    own_parent(project)

    codes = {found["code"] for found in findings(af_db, project)}

    assert codes == {"broken-revision-file", "own-parent"}


def test_what_a_revision_prints_stays_out_of_the_result(af_db: CommandLine, project: AlembicProject) -> None:
    write(project, "004_x.py", 'print("hello")\nrevision = "004"\nraise OSError("postgresql://u:hush@h/d")\n')

    outcome = af_db("check", "--json", cwd=project.root)

    assert outcome.document["findings"][0]["code"] == "broken-revision-file"
    assert "hush" not in outcome.out
    assert "hello" in outcome.err


def nothing_more(_project: AlembicProject) -> None:
    pass


def ids_that_are_computed(project: AlembicProject) -> None:
    source = 'import datetime\nNUMBER = 4\nrevision = f"{NUMBER:03}"\ndown_revision: str = "0" + "03"\n'
    write(project, "004_x.py", f"{source}def upgrade(): ...\ndef downgrade(): ...\n")


def functions_that_are_imported(project: AlembicProject) -> None:
    (project.root / f"shared_{project.root.name}.py").write_text("def upgrade(): ...\ndef downgrade(): ...\n")
    source = f"from shared_{project.root.name} import *\n"
    write(project, "004_x.py", f'{source}revision = "004"\ndown_revision = "003"\n')


def branches_that_were_merged(project: AlembicProject) -> None:
    project.add("004", "003")
    project.add("005", "003")
    project.add("006", ("004", "005"))


def branch_with_a_label(project: AlembicProject) -> None:
    project.add("004", None, labels=("billing",))
    project.add("005", "004")


def branches_with_a_label_each(project: AlembicProject) -> None:
    project.add("004", "003", labels=("billing",))
    project.add("005", "003", labels=("agents",))


def dependency_on_a_label(project: AlembicProject) -> None:
    branch_with_a_label(project)
    path = project.add("006", "003")
    path.write_text(f"{path.read_text()}\ndepends_on = 'billing'\n")


def number_after_the_last(project: AlembicProject) -> None:
    project.add("999", "003")
    project.add("1000", "999")


def ids_of_all_kinds(project: AlembicProject) -> None:
    project.add("ab12", "003")
    project.add("add_users", "ab12")


def date_before_the_id(project: AlembicProject) -> None:
    config = project.config.read_text()
    project.config.write_text(config.replace("%%(rev)s_", "%%(year)d_%%(month).2d-%%(rev)s_"))
    for path in project.versions.glob("*.py"):
        path.rename(path.with_name(f"2026_07-{path.name}"))


@pytest.mark.parametrize(
    "change",
    [
        *(nothing_more, ids_that_are_computed, functions_that_are_imported, branches_that_were_merged),
        *(branch_with_a_label, branches_with_a_label_each, dependency_on_a_label),
        *(number_after_the_last, ids_of_all_kinds, date_before_the_id),
    ],
    ids=lambda function: function.__name__,
)
def test_a_sound_history_gives_none(
    af_db: CommandLine, project: AlembicProject, change: Callable[[AlembicProject], None]
) -> None:
    change(project)

    assert findings(af_db, project) == []


def test_a_revision_without_source_counts(af_db: CommandLine, project: AlembicProject) -> None:
    """Alembic's ``sourceless``: only the compiled file is there."""
    import py_compile

    project.config.write_text(f"{project.config.read_text()}sourceless = true\n")
    path = project.versions / "002_step_002.py"
    py_compile.compile(str(path), cfile=f"{path}c", doraise=True)
    path.unlink()

    assert findings(af_db, project) == []


def test_folders_below_count_where_alembic_reads_them(af_db: CommandLine, project: AlembicProject) -> None:
    deeper = project.versions / "2026"
    deeper.mkdir()
    (project.versions / "003_step_003.py").rename(deeper / "003_step_003.py")
    project.add("004", "003")
    assert [found["code"] for found in findings(af_db, project)] == ["missing-parent"]

    project.config.write_text(f"{project.config.read_text()}recursive_version_locations = true\n")

    assert findings(af_db, project) == []


def test_what_only_alembic_objects_to_is_told_in_its_words(
    af_db: CommandLine, project: AlembicProject
) -> None:
    (project.root / "linked").symlink_to(project.versions)
    locations = "version_locations = %(here)s/alembic/versions:%(here)s/linked\n"
    project.config.write_text(project.config.read_text() + locations)

    (found,) = findings(af_db, project)

    assert (found["code"], found["file"]) == ("broken-project", str(project.config))
    assert "loaded twice" in found["message"]


def test_a_configuration_that_cannot_be_read_is_an_error(af_db: CommandLine, project: AlembicProject) -> None:
    project.config.write_text("[alembic]\nscript_location = %(here)s/nowhere\n")

    outcome = af_db("check", "--json", cwd=project.root)

    assert (outcome.code, outcome.error["code"]) == (2, "broken-project")


def test_files_are_told_from_where_the_command_was_started(
    af_db: CommandLine, project: AlembicProject
) -> None:
    no_downgrade(project)

    outcome = af_db("check", cwd=project.versions)

    assert outcome.out.startswith("004_x.py:1: ")


def test_this_projects_own_history_is_sound(af_db: CommandLine) -> None:
    outcome = af_db("check", "--json", cwd=ROOT)

    assert (outcome.code, outcome.document["findings"]) == (0, [])
