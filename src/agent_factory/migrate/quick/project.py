"""A project's configuration and revisions, as far as an answer needs them, without Alembic."""

import itertools
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent_factory.migrate.quick.cache import Stamp, read_cache, stamp_of, write_cache
from agent_factory.migrate.quick.listing import list_revision_files

if TYPE_CHECKING:
    from agent_factory.migrate.revisions.graph import Declared

_KEYS = frozenset(
    {
        *("script_location", "version_locations", "path_separator", "recursive_version_locations"),
        *("prepend_sys_path", "file_template", "truncate_slug_length", "timezone", "output_encoding"),
        *("sqlalchemy.url", "here"),
        "version_path_separator",  # of older templates; a list that it is for is not read here
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
    """The revisions of a project that is plain in everything. ``heads`` are sorted.

    ``effective_heads`` are those of them that no other revision depends on, ``branches`` their labels where
    they are meant to stay apart. ``paths`` are the files, in
    Alembic's order, and ``details`` what was kept of each, in a form that few answers take time to read.
    """

    ids: Sequence[str]
    heads: tuple[str, ...]
    effective_heads: tuple[str, ...]
    branches: tuple[str, ...]
    paths: Sequence[str]
    details: bytes

    def read_details(self) -> "dict[str, tuple[str, Declared]]":
        """Return the SHA-256 of each file's normalised text and what it declares, by its path."""
        return {
            path: (sha256, _declared(identity, *values))
            for path, identity, (sha256, *values) in zip(
                self.paths, self.ids, json.loads(self.details), strict=True
            )
        }


def read_history(config_path: Path) -> History | None:
    """Return the history of the project; None where Alembic could read it differently, or refuse it.

    What was read is kept: while no file has changed, only the file system is asked.
    """
    key = str(config_path.absolute())
    if not key.endswith(".ini"):
        return None
    cached, details = read_cache(key) or ({}, b"")
    toml = config_path.with_name("pyproject.toml")
    layout = _cached_layout(cached, config_path, toml)
    fresh_layout = layout is None
    if layout is None:
        layout = _read_layout(config_path, toml)
    if layout is None:
        return None
    stamps = list_revision_files(layout.folders, deeper=layout.has_subfolders)
    if stamps is None:
        return None
    kept = _kept(cached, details)
    if kept is not None and not fresh_layout:
        is_same = kept.paths == list(stamps) and cached["stamps"] == list(itertools.chain(*stamps.values()))
        if is_same:
            return kept
    return _read_all(key, config_path, toml, layout, stamps, cached, kept)


def _kept(cached: Mapping[str, Any], details: bytes) -> History | None:
    if not cached:
        return None
    return History(
        ids=cached["ids"],
        heads=tuple(cached["heads"]),
        effective_heads=tuple(cached["effective_heads"]),
        branches=tuple(cached["branches"]),
        paths=cached["paths"],
        details=details,
    )


def _read_all(
    key: str,
    config_path: Path,
    toml: Path,
    layout: Layout,
    stamps: Mapping[str, Stamp],
    cached: Mapping[str, Any],
    kept: History | None,
) -> History | None:
    """Read what has changed, and keep what was found."""
    from agent_factory.migrate.revisions.graph import build_graph

    known: dict[tuple[str, Stamp], tuple[str, Declared]] = {}
    if kept is not None:
        numbers = iter(cached["stamps"])
        old_stamps = zip(numbers, numbers, numbers, strict=True)
        known = dict(zip(zip(kept.paths, old_stamps, strict=True), kept.read_details().values(), strict=True))
    read: list[tuple[str, Declared]] = []
    for path, stamp in stamps.items():
        each = known.get((path, stamp)) or _read_file(Path(path))
        if each is None:
            return None
        read.append(each)
    graph = build_graph([declared for _sha256, declared in read])
    if graph is None:
        return None
    history = History(
        ids=[declared.id for _sha256, declared in read],
        heads=graph.heads,
        effective_heads=graph.effective_heads,
        branches=graph.branches,
        paths=list(stamps),
        details=json.dumps(
            [[sha256, *_values(declared)] for sha256, declared in read], separators=(",", ":")
        ).encode(),
    )
    project_stamps = _stamps((config_path, toml, Path(layout.env_py)))
    write_cache(
        key,
        {
            "project": project_stamps,
            "layout": [layout.env_py, list(layout.folders), layout.has_subfolders],
            "paths": history.paths,
            "stamps": list(itertools.chain(*stamps.values())),
            "ids": history.ids,
            "heads": history.heads,
            "effective_heads": history.effective_heads,
            "branches": history.branches,
        },
        history.details,
        newest_ns=max(stamp[1] for stamp in [*stamps.values(), *filter(None, project_stamps)] or [(0, 0, 0)]),
    )
    return history


def _read_file(path: Path) -> "tuple[str, Declared] | None":
    from agent_factory.migrate.revisions.contents import FileContent
    from agent_factory.migrate.revisions.graph import read_declared
    from agent_factory.migrate.revisions.normalise import text_sha256  # hashlib: 3 MiB

    data = path.read_bytes()
    declared = read_declared(data)
    if declared is None:
        return None
    return text_sha256(FileContent(path=str(path), data=data)), declared


def _values(declared: "Declared") -> list[Any]:
    return [declared.parents, declared.depends_on, declared.labels, declared.message]


def _declared(
    identity: str,
    parents: Sequence[str],
    depends_on: Sequence[str],
    labels: Sequence[str],
    message: str | None,
) -> "Declared":
    from agent_factory.migrate.revisions.graph import Declared

    return Declared(
        id=identity,
        parents=tuple(parents),
        depends_on=tuple(depends_on),
        labels=tuple(labels),
        message=message,
    )


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
    if options.get("version_locations") and (separator is None or not _splits_by_separator()):
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


def _splits_by_separator() -> bool:
    """Say whether this Alembic knows ``path_separator``: before 1.16 it has another name."""
    from importlib.metadata import version

    return tuple(int(part) for part in version("alembic").split(".")[:2]) >= (1, 16)


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
    """Say whether pyproject.toml, where there is one, has nothing for Alembic and no fault to report."""
    if not path.exists():
        return True
    import tomllib

    from agent_factory.migrate.model.errors import UsageError
    from agent_factory.migrate.project.configuration import read_configuration

    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
        configuration = read_configuration(path.parent)
    except (ValueError, UsageError):
        return False
    has_command = configuration.prod_url_command or configuration.local_url_command
    return "alembic" not in tools and configuration.lends and not has_command
