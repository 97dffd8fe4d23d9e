from pathlib import Path

from agent_factory.migrate.report.places import inside, repository_root


def test_the_root_is_where_git_begins(tmp_path: Path) -> None:
    folder = tmp_path / "repository" / "service" / "alembic"
    folder.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()

    assert repository_root(folder) == (tmp_path / "repository").resolve()


def test_a_linked_worktree_has_a_file_there(tmp_path: Path) -> None:
    (tmp_path / "service").mkdir()
    (tmp_path / ".git").write_text("gitdir: /elsewhere\n")

    assert repository_root(tmp_path / "service") == tmp_path.resolve()


def test_a_file_is_seen_from_the_root_through_links_too(tmp_path: Path) -> None:
    root = tmp_path / "real"
    root.mkdir()
    (tmp_path / "link").symlink_to(root)

    assert inside(root.resolve(), tmp_path / "link" / "a b" / "c.py") == "a b/c.py"
    assert inside(root.resolve(), tmp_path / "other.py") is None
