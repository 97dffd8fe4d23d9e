"""Whose files are trusted above the working directory, and how far up they are looked for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent_factory.migrate.model.errors import RefusedError, UsageError
from agent_factory.migrate.revisions.config_file import configured_url, find_config

STRANGER = 4242
CALLER = 4243

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """A folder in one that has an alembic.ini."""
    (tmp_path / "alembic.ini").write_text("[alembic]\n")
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    return folder


def test_the_nearest_one_going_up(below: Path, tmp_path: Path) -> None:
    assert find_config(below) == tmp_path / "alembic.ini"
    (below / "pyproject.toml").write_bytes(b"# Jos\xe9\n[tool.alembic]\n")
    assert find_config(below) == below / "pyproject.toml"


@as_root
@pytest.mark.parametrize("name", ["alembic.ini", "pyproject.toml", ".env"])
@pytest.mark.parametrize("is_link", [False, True])
def test_a_file_of_somebody_else_above_is_refused_and_named(
    below: Path, tmp_path: Path, name: str, is_link: bool
) -> None:
    path = tmp_path / name
    if is_link:
        path.unlink(missing_ok=True)
        path.symlink_to(below)
    else:
        path.touch()
    os.chown(path, STRANGER, -1, follow_symlinks=False)
    if is_link and name == "alembic.ini":
        path.unlink()
        (tmp_path / "real.ini").touch()
        path.symlink_to(tmp_path / "real.ini")
        os.chown(path, STRANGER, -1, follow_symlinks=False)

    with pytest.raises(RefusedError) as caught:
        find_config(below)

    assert caught.value.code == "dubious-owner"
    assert str(path) in caught.value.message
    assert f"af-db -c {tmp_path / 'alembic.ini'}" in caught.value.next_steps[0]
    assert find_config(tmp_path) == tmp_path / "alembic.ini"  # where one works is trusted


@as_root
def test_what_belongs_to_who_called_sudo_is_trusted(
    below: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.chown(tmp_path / "alembic.ini", CALLER, -1)
    monkeypatch.setenv("SUDO_UID", str(CALLER))

    assert find_config(below) == tmp_path / "alembic.ini"


@as_root
def test_sudo_uid_says_nothing_to_another_user(below: Path, tmp_path: Path) -> None:
    """It is a variable of the environment: only root has got it from sudo."""
    os.chown(tmp_path / "alembic.ini", CALLER, -1)
    for folder in (tmp_path, below, *below.parents):
        if folder.is_relative_to(tmp_path.parent):
            folder.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from agent_factory.migrate.revisions.config_file import _trusted_users\n"
        f"os.setuid({STRANGER}); print(sorted(_trusted_users()))"
    )

    finished = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "SUDO_UID": str(CALLER)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert finished.stdout == f"[0, {STRANGER}]\n"


@pytest.mark.parametrize("is_file", [True, False])
def test_the_search_ends_with_a_repository(below: Path, is_file: bool) -> None:
    git = below / ".git"
    if is_file:
        git.write_text("gitdir: ../../.git/worktrees/b\n")
    else:
        git.mkdir()

    with pytest.raises(UsageError) as caught:
        find_config(below)

    assert caught.value.code == "no-project"
    (below / "alembic.ini").touch()
    assert find_config(below) == below / "alembic.ini"


def test_the_search_ends_where_another_file_system_begins() -> None:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in mounts:
        folder = Path(mount)
        if folder != Path("/") and folder.is_dir() and folder.stat().st_dev != folder.parent.stat().st_dev:
            from agent_factory.migrate.revisions.config_file import _searched

            assert [*_searched(folder)] == [folder]
            return
    pytest.skip("there is one file system only")


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("sqlalchemy.url = postgresql://u:p%%40w@h/d", "postgresql://u:p%40w@h/d"),
        ("sqlalchemy.url = sqlite:///%(here)s/a.db", "sqlite:///{here}/a.db"),
        ("sqlalchemy.url = driver://user:pass@localhost/dbname", None),
        ("user = ann\nsqlalchemy.url = postgresql://%(user)s@h/d", "postgresql://ann@h/d"),
        ("sqlalchemy.url = dialect+driver://h/d", None),
        ("sqlalchemy.url = mysql+pymysql://h/d", "mysql+pymysql://h/d"),
        ("sqlalchemy.url =", None),
        ('sqlalchemy.url = ""', None),
        ("sqlalchemy.url = {db_url}", None),
        ("# sqlalchemy.url = sqlite:///a.db", None),
        ("no line of an ini file", None),
    ],
)
@pytest.mark.parametrize("name", ["alembic.ini", "pyproject.toml"])
def test_the_database_that_the_configuration_names(
    tmp_path: Path, name: str, line: str, url: str | None
) -> None:
    (tmp_path / "alembic.ini").write_text(f"[alembic]\n{line}\n[other]\nsqlalchemy.url = sqlite:///o.db\n")

    assert configured_url(tmp_path / name, "alembic") == (url and url.replace("{here}", str(tmp_path)))
    assert line.startswith("no ") or configured_url(tmp_path / name, "other") == "sqlite:///o.db"
    assert configured_url(tmp_path / "nothing" / name, "alembic") is None


@pytest.mark.parametrize(
    "url", ["postgresql://%(DB_USER)s@h/d", "sqlite:///a%b.db", "postgresql://u:p%40w@h/d"]
)
def test_no_other_database_is_taken_for_one_whose_name_cannot_be_read(tmp_path: Path, url: str) -> None:
    (tmp_path / "alembic.ini").write_text(f"[alembic]\nsqlalchemy.url = {url}\n")

    with pytest.raises(UsageError, match=r"sqlalchemy.url .* has a % that stands for nothing") as refused:
        configured_url(tmp_path / "alembic.ini", "alembic")

    assert any("DATABASE_URL" in step for step in refused.value.next_steps)
