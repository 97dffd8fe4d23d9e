"""A project's configuration and revisions, as far as an answer needs them, without Alembic."""

import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_factory.migrate.graph import (
    Declared,
    Stamp,
    build_graph,
    list_revision_files,
    read_cache,
    read_declared,
    stamp_of,
    write_cache,
)

_KEYS = frozenset(
    {
        *("script_location", "version_locations", "path_separator", "recursive_version_locations"),
        *("prepend_sys_path", "file_template", "truncate_slug_length", "timezone", "output_encoding"),
        *("sqlalchemy.url", "here"),
    }
)
_SEPARATORS = {"space": " ", "newline": "\n", "os": os.pathsep, ":": ":", ";": ";"}
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where a project's files are: absolute paths."""

    env_py: str
    folders: tuple[str, ...]
    has_subfolders: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The revisions of a project that is plain in everything. ``heads`` are sorted."""

    ids: frozenset[str]
    heads: tuple[str, ...]


def read_history(config_path: Path) -> History | None:
    """Return the history of the project; None where Alembic could read it otherwise, or refuse it.

    What was read is kept: while no file has changed, only the file system is asked.
    """
    key = str(config_path.absolute())
    if not key.endswith(".ini"):
        return None
    cached = read_cache(key) or {}
    toml = config_path.with_name("pyproject.toml")
    layout = _cached_layout(cached, config_path, toml)
    fresh_layout = layout is None
    if layout is None:
        layout = _read_layout(config_path, toml)
    if layout is None:
        return None
    found = list_revision_files(layout.folders, deeper=layout.has_subfolders)
    if found is None:
        return None
    stamps = {path: stamp_of(status) for path, status in found.items()}
    if any(not stat.S_ISREG(status.st_mode) for status in found.values()):
        return None
    known = cached.get("files", {})
    is_same = known.keys() == stamps.keys() and all(
        known[path][0] == list(stamp) for path, stamp in stamps.items()
    )
    if is_same and not fresh_layout:
        return History(ids=frozenset(row[1] for row in known.values()), heads=tuple(cached["heads"]))
    return _read_all(key, config_path, toml, layout, stamps, cached)


def _read_all(
    key: str,
    config_path: Path,
    toml: Path,
    layout: Layout,
    stamps: Mapping[str, Stamp],
    cached: Mapping[str, Any],
) -> History | None:
    """Read what has changed, and keep what was found."""
    known = cached.get("files", {})
    declared: dict[str, Declared] = {}
    for path, stamp in stamps.items():
        if path in known and known[path][0] == list(stamp):
            each: Declared | None = _from_list(known[path][1:])
        else:
            each = read_declared(Path(path).read_bytes())
        if each is None:
            return None
        declared[path] = each
    graph = build_graph(tuple(declared.values()))
    if graph is None:
        return None
    history = History(ids=frozenset(graph.parents), heads=graph.heads)
    project_stamps = _stamps((config_path, toml, Path(layout.env_py)))
    write_cache(
        key,
        {
            "project": project_stamps,
            "layout": [layout.env_py, list(layout.folders), layout.has_subfolders],
            "files": {
                path: [stamps[path], each.id, each.parents, each.depends_on, each.labels]
                for path, each in declared.items()
            },
            "heads": history.heads,
        },
        newest_ns=max(stamp[1] for stamp in [*stamps.values(), *filter(None, project_stamps)] or [(0, 0, 0)]),
    )
    return history


def _from_list(values: Sequence[Any]) -> Declared:
    identity, parents, depends_on, labels = values
    return Declared(id=identity, parents=tuple(parents), depends_on=tuple(depends_on), labels=tuple(labels))


def _cached_layout(cached: Mapping[str, Any], config_path: Path, toml: Path) -> Layout | None:
    if not cached:
        return None
    env_py, folders, has_subfolders = cached["layout"]
    current = [stamp and list(stamp) for stamp in _stamps((config_path, toml, Path(env_py)))]
    if current != cached["project"]:
        return None
    return Layout(env_py=env_py, folders=tuple(folders), has_subfolders=has_subfolders)


def _stamps(paths: Sequence[Path]) -> list[Stamp | None]:
    """The stamps of these files; None for one that is not there."""
    stamps: list[Stamp | None] = []
    for path in paths:
        try:
            stamps.append(stamp_of(path.stat()))
        except FileNotFoundError:
            stamps.append(None)
    return stamps


def _read_layout(config_path: Path, toml: Path) -> Layout | None:
    """Read the configuration with env.py; None where any of it asks for more than is known here."""
    if not _is_plain_toml(toml):
        return None
    options = _read_ini(config_path)
    if options is None:
        return None
    location = options.get("script_location", "")
    separator = _SEPARATORS.get(options.get("path_separator", ""))
    if not location or ":" in location or options.get("sourceless"):
        return None
    if separator is None and (options.get("version_locations") or options.get("prepend_sys_path")):
        return None
    deeper = _BOOLEANS.get(options.get("recursive_version_locations", "false"))
    root = config_path.absolute().parent
    named = [name.strip() for name in options.get("version_locations", "").split(separator) if name]
    folders = [root / name for name in named] or [root / location / "versions"]
    env_py = root / location / "env.py"
    if deeper is None or any(":" in name for name in named) or not env_py.is_file():
        return None
    from agent_factory.migrate.quick.env_py import is_plain

    if not is_plain(env_py.read_bytes()):
        return None
    # Alembic resolves the files' paths: a folder that is a link would be another one to it.
    if any(folder.resolve() != Path(os.path.normpath(folder)) for folder in folders):
        return None
    paths = tuple(os.path.normpath(folder) for folder in folders)
    return Layout(env_py=str(env_py), folders=paths, has_subfolders=deeper)


def _read_ini(path: Path) -> dict[str, str] | None:
    from configparser import ConfigParser, Error

    parser = ConfigParser({"here": path.absolute().parent.as_posix()})
    try:
        parser.read_string(path.read_text(encoding="ascii"))  # Alembic reads it in the locale's encoding
        hooks = dict(parser.items("post_write_hooks")) if parser.has_section("post_write_hooks") else {}
        options = dict(parser.items("alembic"))
    except (Error, UnicodeDecodeError):
        return None
    if options.keys() - _KEYS or hooks.keys() - {"here"}:
        return None
    return options if options.get("truncate_slug_length", "1").isdecimal() else None


def _is_plain_toml(path: Path) -> bool:
    """Say whether pyproject.toml, where there is one, has nothing for Alembic and no fault that is told."""
    if not path.exists():
        return True
    import tomllib

    from agent_factory.migrate.configuration import read_configuration
    from agent_factory.migrate.errors import UsageError

    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
        read_configuration(path.parent)
    except (ValueError, UsageError):
        return False
    return "alembic" not in tools
