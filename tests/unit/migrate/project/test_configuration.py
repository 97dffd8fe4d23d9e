"""What ``[tool.af-db]`` may say, and how it is told that it says something else."""

from pathlib import Path

import pytest

from agent_factory.migrate.model.errors import UsageError
from agent_factory.migrate.project.configuration import Configuration, read_configuration


def read(folder: Path, text: str) -> Configuration:
    (folder / "pyproject.toml").write_text(text)
    return read_configuration(folder)


def test_a_project_that_says_nothing_has_the_defaults(tmp_path: Path) -> None:
    assert read_configuration(tmp_path) == Configuration()
    assert read(tmp_path, "[project]\nname = 'x'\n") == Configuration()


def test_everything_that_it_may_say(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        """
        [tool.other]
        code = "x"

        [tool.af-db]
        require-rehearsal = true
        schemas = ["public", "app"]
        databases = ["postgresql", "sqlite"]
        ignore = [
            # { code = "behind", reason = "not any more" },
            { code = "drift", object = "public.legacy_*", reason = "the old system's" },
            { code = "file-name", file = "alembic/versions/001_*.py" },
        ]
        """,
    )

    assert found.require_rehearsal
    assert found.schemas == ("public", "app")
    assert found.databases == ("postgresql", "sqlite")
    first, second = found.ignore
    assert (first.code, first.object, first.file) == ("drift", "public.legacy_*", None)
    assert (first.reason, first.line) == ("the old system's", 11)
    assert (second.code, second.file) == ("file-name", "alembic/versions/001_*.py")
    assert (second.reason, second.line, second.source) == ("", 12, tmp_path / "pyproject.toml")


def test_ignores_may_be_tables_of_their_own(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        '[[tool.af-db.ignore]]\ncode = "drift"\nreason = "a"\n\n'
        '[[tool.af-db.ignore]]\nreason = "b"\ncode = "behind"\n',
    )

    assert [(item.code, item.reason, item.line) for item in found.ignore] == [
        ("drift", "a", 2),
        ("behind", "b", 7),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "schema = ['public']", "no key 'schema'; there are: require-rehearsal, schemas, databases"
        ),
        pytest.param("databases = 'sqlite'", "databases in [tool.af-db] must be a list"),
        pytest.param("databases = ['mysql']", "must be a list of: postgresql, sqlite"),
        pytest.param("databases = []", "must be a list of: postgresql, sqlite"),
        pytest.param("require-rehearsal = 'yes'", "require-rehearsal in [tool.af-db] must be true or false"),
        pytest.param("schemas = 'public'", "schemas in [tool.af-db] must be a list"),
        pytest.param("schemas = []", "a list of at least one name"),
        pytest.param("schemas = [1]", "a list of at least one name"),
        pytest.param("ignore = 'drift'", "ignore in [tool.af-db] must be a list"),
        pytest.param("ignore = ['drift']", "must be a table"),
        pytest.param("ignore = [{ reason = 'x' }]", "has no code"),
        pytest.param("ignore = [{ code = 'drift', reason = 3 }]", "reason of an entry of ignore"),
        pytest.param("ignore = [{ code = 'drift', objects = 'x' }]", "has no key 'objects'"),
    ],
)
def test_what_it_may_not_say_is_told(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(tmp_path, f"[tool.af-db]\n{text}\n")

    assert caught.value.code == "bad-configuration"
    assert said in caught.value.message


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path, "[tool.af-db\n")


@pytest.mark.parametrize("programs", ["'git'", "['/usr/bin/git']", "[1]", "['']"])
def test_programs_are_names_without_a_folder(tmp_path: Path, programs: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f"[tool.af-db]\nprograms = {programs}\n")

    with pytest.raises(UsageError, match="programs in"):
        read_configuration(tmp_path)


@pytest.mark.parametrize(
    ("value", "prod", "local"),
    [
        ('["tell", "a b"]', ("tell", "a b"), ()),
        ("\"tell 'a b'\"", ("tell", "a b"), ()),
        ('{ local = "tell" }', (), ("tell",)),
        ('{ local = "tell", prod = ["ask"] }', ("ask",), ("tell",)),
    ],
)
def test_the_commands_that_print_a_url(
    tmp_path: Path, value: str, prod: tuple[str, ...], local: tuple[str, ...]
) -> None:
    found = read(tmp_path, f"[tool.af-db]\ndatabase-url-command = {value}\n")

    assert (found.prod_url_command, found.local_url_command) == (prod, local)


@pytest.mark.parametrize(
    "line",
    [
        "database-url-command = []",
        'database-url-command = ""',
        'database-url-command = "tell \'a"',
        "database-url-command = 1",
        'database-url-command = [""]',
        'database-url-command = ["tell", 1]',
        'database-url-command = { staging = "tell" }',
        "baseline = 1",
        'baseline = "schema"',
        'baseline = "package:"',
        'baseline = "my-package:make"',
    ],
)
def test_a_command_or_a_baseline_that_is_none_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match=line.partition(" ")[0]) as refused:
        read(tmp_path, f"[tool.af-db]\n{line}\n")

    assert refused.value.code == "bad-configuration"
