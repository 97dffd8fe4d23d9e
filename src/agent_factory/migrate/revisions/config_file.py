"""Where a project begins: the file that configures Alembic, and the database that it names."""

import contextlib
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from agent_factory.migrate.model.errors import NOT_TOUCHED, RefusedError, UsageError
from agent_factory.migrate.model.setup import OWN_SECTION

_PLACEHOLDERS = ("driver", "scheme", "dialect")
OF_FLASK = "migrations"
_TOML = "pyproject.toml"
CONFIG_NAMES = ("alembic.ini", _TOML)
INSTALLED = frozenset({"site-packages", "dist-packages"})
"""Names of folders: what is in them was installed, and is not for its user to change."""
READ_BESIDE = (*CONFIG_NAMES, ".env")
"""What is read in the folder of a project's configuration before any of its code runs."""


def working_directory() -> Path:
    """Return the folder that this process works in, or where it was, once somebody has removed it."""
    try:
        return Path.cwd()
    except OSError:
        return Path(os.environ.get("PWD") or "/")


@contextlib.contextmanager
def entered(folder: Path) -> Iterator[None]:
    """Work in this folder for the block, then where it was before, unless that is gone."""
    before = working_directory()
    os.chdir(folder)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.chdir(before)


def find_config(start: Path) -> Path:
    """Return the nearest ``alembic.ini``, or ``pyproject.toml`` with ``[tool.alembic]``, going upward.

    ``migrations/alembic.ini`` of Flask-Migrate is found from the folder above it.

    The search ends with the folder of a ``.git``, and where another file system begins. ``start`` is trusted;
    what is found above it must belong to this user, to root, or to who has called sudo, as git has it: who
    may write to a folder above could have code run with this user's passwords.
    Raises UsageError when there is none, RefusedError for files of somebody else.
    """
    for folder in _searched(start):
        config = _config_in(folder)
        if config is not None:
            if folder != start:
                _refuse_strangers(config)
            return config
    raise UsageError(
        "no-project",
        f"no alembic.ini in {start} or any folder above it",
        state=NOT_TOUCHED,
        next_steps=("run af-db inside the project, or name the file: af-db -c PATH/alembic.ini ...",),
    )


def root_of(config_path: Path) -> Path:
    """Return the folder that a project's relative paths mean, where its pyproject.toml and .env are too.

    It is the configuration's own; or, as Flask-Migrate has it, the one above: its ``migrations/`` holds the
    configuration, which names no ``script_location``, beside env.py.
    """
    folder = config_path.parent
    if config_path.suffix == ".toml" or not (folder / "env.py").is_file():
        return folder
    return folder if _option(config_path, OWN_SECTION, "script_location") else folder.parent


def settings_folder(root: Path, start: Path) -> Path:
    """Return the folder whose pyproject.toml says what af-db is to do with the project in ``root``.

    It is that one. Where it has no such file, and is installed with a package, or lies below the folder that
    has, it is the nearest one at or above ``start`` whose file has ``[tool.af-db]``: settings of one project
    are for no other. That is searched, and trusted, as in ``find_config``. Raises RefusedError for a file of
    somebody else.
    """
    if (root / _TOML).is_file():
        return root
    is_installed = not INSTALLED.isdisjoint(root.parts)
    for folder in _searched(start):
        if _has_table(folder / _TOML, "af-db") and (is_installed or root.is_relative_to(folder)):
            if folder != start:
                _refuse_strangers(folder / _TOML)
            return folder
    return root


def option_of(config_path: Path, name: str) -> str:
    """Return an option of [alembic] as the file has it; empty where there is none, or no ini file."""
    return "" if config_path.suffix == ".toml" else _option(config_path, OWN_SECTION, name)


def databases_of(config_path: Path) -> tuple[str, ...]:
    """Return the names of a project's databases where each has a section: Alembic's template multidb."""
    if config_path.suffix == ".toml":
        return ()
    names = [name.strip() for name in _option(config_path, OWN_SECTION, "databases").split(",")]
    return tuple(names) if all(_option(config_path, name, "sqlalchemy.url") for name in names) else ()


def _option(ini: Path, section: str, name: str) -> str:
    """Return an option as it is written; empty where there is none, or Alembic will say what is wrong."""
    from configparser import Error, RawConfigParser  # 4 ms, and most commands have a DATABASE_URL

    parser = RawConfigParser()
    try:
        parser.read_string(ini.read_text(encoding="utf-8"))
        return parser.get(section, name, fallback="").strip()
    except (Error, OSError, UnicodeDecodeError):
        return ""


def configured_url(config_path: Path, section: str) -> str | None:
    """Return ``sqlalchemy.url`` as Alembic reads it; None where env.py is left to say which database it is:
    it is missing, no URL, or a placeholder (Alembic's templates have ``driver://...``).

    Raises UsageError for one that Alembic cannot read, or that has values which only env.py sets: another
    database would be taken for the project's.
    """
    from configparser import ConfigParser, Error

    ini = config_path.with_name("alembic.ini") if config_path.suffix == ".toml" else config_path
    written = _option(ini, section, "sqlalchemy.url")
    scheme, separator, _ = written.partition("://")
    if not separator or scheme.split("+")[0] in _PLACEHOLDERS:
        return None
    parser = ConfigParser({"here": config_path.absolute().parent.as_posix()})
    parser.read_string(ini.read_text(encoding="utf-8"))
    try:
        return parser.get(section, "sqlalchemy.url")
    except Error:
        raise UsageError(
            "malformed-database-url",
            f"sqlalchemy.url in {ini} has a % that stands for nothing there",
            state=NOT_TOUCHED,
            next_steps=(
                "write %% for a percent sign",
                "or, where env.py fills in what is missing: set DATABASE_URL",
            ),
        ) from None


def _searched(start: Path) -> Iterator[Path]:
    """Yield the folders to search, from this one upward."""
    device = _device(start)
    for folder in (start, *start.parents):
        if _device(folder) != device:
            return
        yield folder
        if os.path.lexists(folder / ".git"):
            return


def _device(folder: Path) -> int | None:
    try:
        return folder.stat().st_dev
    except OSError:
        return None


def _config_in(folder: Path) -> Path | None:
    ini, toml = (folder / name for name in CONFIG_NAMES)
    of_flask = folder / OF_FLASK / "alembic.ini"
    with contextlib.suppress(OSError):  # a folder that this user may not search has nothing for them
        if ini.is_file():
            return ini
        if _has_table(toml, "alembic"):
            return toml
        if of_flask.is_file() and root_of(of_flask) == folder:
            return of_flask
    return None


def _has_table(toml: Path, tool: str) -> bool:
    with contextlib.suppress(OSError):
        said = toml.read_text(encoding="utf-8", errors="replace") if toml.is_file() else ""
        return re.search(rf"^\s*\[tool\.{tool}[].]", said, re.MULTILINE) is not None
    return False


def _refuse_strangers(config: Path) -> None:
    """Raise RefusedError unless all that is read beside this file belongs to somebody who is trusted."""
    trusted = _trusted_users()
    beside = dict.fromkeys(
        folder / name for folder in (config.parent, root_of(config)) for name in READ_BESIDE
    )
    for path in beside if trusted else ():
        # Of a link, its own owner and that of what it leads to.
        for stat in (os.lstat, os.stat):
            try:
                owner = stat(path).st_uid
            except OSError:
                continue
            if owner not in trusted:
                raise RefusedError(
                    "dubious-owner",
                    f"{path} belongs to another user ({owner}), and was found above the working directory",
                    state=NOT_TOUCHED,
                    next_steps=(
                        f"if you trust it, name the project: af-db -c {shlex.quote(str(config))} ...",
                    ),
                )


def _trusted_users() -> frozenset[int]:
    """The users whose files are trusted above the working directory; none where files have no owners."""
    if not hasattr(os, "geteuid"):
        return frozenset()
    caller = os.environ.get("SUDO_UID", "")
    is_sudo = os.geteuid() == 0 and caller.isascii() and caller.isdecimal()
    return frozenset({0, os.geteuid(), *([int(caller)] if is_sudo else [])})
