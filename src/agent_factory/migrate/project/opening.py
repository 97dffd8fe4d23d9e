"""Opening an Alembic project: its configuration and its revision files, also if their history is broken."""

import configparser
import contextlib
import os
import re
import sys
import tomllib
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import alembic
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.findings import RULES
from agent_factory.migrate.model.setup import OWN_SECTION, Setup
from agent_factory.migrate.project.alembic_internals import ONLY_WARNED
from agent_factory.migrate.project.code_cache import CodeCache
from agent_factory.migrate.project.command_options import command_options
from agent_factory.migrate.project.configuration import read_configuration, settings_root
from agent_factory.migrate.project.connections import only_loaded
from agent_factory.migrate.project.functions import arguments_of_env_py, find_unfit
from agent_factory.migrate.project.history import Project, env_py, version_folders
from agent_factory.migrate.project.interruptions import is_interruption
from agent_factory.migrate.project.loader import execute_from_bytes, load_module
from agent_factory.migrate.project.opened_files import OpenedFiles
from agent_factory.migrate.project.output import stdout_kept_clean
from agent_factory.migrate.project.own_folders import OwnFolders
from agent_factory.migrate.project.refusals import refused_program_steps, why_not_loaded
from agent_factory.migrate.project.surroundings import surroundings
from agent_factory.migrate.revisions.config_file import databases_of, root_of
from agent_factory.migrate.revisions.contents import FileContent, content_of, contents_read
from agent_factory.migrate.revisions.faults import find_faults
from agent_factory.migrate.revisions.parse import (
    DECLARATIONS,
    FILE_NAME,
    Broken,
    RevisionFile,
    read_revision_file,
    with_values,
)
from agent_factory.plain_text import text_of
from agent_factory.url import DatabaseURL


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFiles:
    """The files of a project, whether or not they make a history.

    ``folders`` are where they are, ``has_subfolders`` says that deeper ones count. ``project`` is None where
    Alembic refuses the files, and ``refusal`` then tells why. ``file_template`` is how Alembic names new
    ones, and ``env_py`` the file that runs them.
    """

    config_path: Path
    files: tuple[RevisionFile, ...]
    folders: tuple[Path, ...]
    has_subfolders: bool
    file_template: str
    env_py: Path
    project: Project | None
    refusal: UsageError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRead:
    """What a process has read of a project: its code, and the SHA-256 of what its revisions opened."""

    code: tuple[FileContent, ...] = ()
    opened: tuple[tuple[str, str | None], ...] = ()


def files_read(project: Project) -> FilesRead:
    """Return what this process has read, so that another one executes the same."""
    return FilesRead(code=contents_read(), opened=tuple(project.opened.hashes.items()))


NONE_READ = FilesRead()


def open_project(setup: Setup, *, target: DatabaseURL | None = None, read: FilesRead = NONE_READ) -> Project:
    """Read the configuration and every revision file, and check that they make one history.

    Files that were ``read`` are not read again. What the files connect to while they are loaded is only read:
    ``target``, or DATABASE_URL's database.
    Raises UsageError for a file that is not there or not understood, and for everything else for which
    Alembic refuses the history, naming the files.
    """
    project = configure(setup, read=read)
    with only_loaded(project, target):
        _load(project)
    return project


def read_history_files(setup: Setup, *, target: DatabaseURL | None = None) -> HistoryFiles:
    """Read the configuration and every revision file; what is wrong with these is in the result.

    ``target`` is as for ``open_project``.
    Raises UsageError for a configuration that is not there or not understood.
    """
    project = configure(setup)
    refusal = None
    with only_loaded(project, target):
        try:
            _load(project)
        except UsageError as error:
            refusal = error
        files = _loaded_files(project) if refusal is None else _imported_files(project)
    script = project.script
    return HistoryFiles(
        config_path=setup.config_path,
        files=files,
        folders=tuple(folder.resolve() for folder in version_folders(script)),
        has_subfolders=script.recursive_version_locations,
        file_template=script.file_template,
        env_py=env_py(project).absolute(),
        project=None if refusal else project,
        refusal=refusal,
    )


def configure(setup: Setup, *, read: FilesRead = NONE_READ) -> Project:
    """Read the configuration, and of the revision files nothing: they may make no history.

    Raises UsageError for a configuration that is not there or not understood.
    """
    config_path = setup.config_path
    if not config_path.is_file():
        raise UsageError(
            "no-project",
            f"there is no file {config_path}",
            state=NOT_TOUCHED,
            next_steps=("correct the path after -c/--config",),
        )
    config = Config(
        config_path if config_path.suffix != ".toml" else None,
        **_beside(config_path),
        ini_section=_section(setup, config_path),
        stdout=sys.stderr,
        cmd_opts=command_options(setup, setup.command, setup.options),
    )
    with _configuration_errors(config_path), stdout_kept_clean():
        _require_section(setup, config)
        _choose_database(setup, config)
        is_of_flask = root_of(config_path) != config_path.parent
        if is_of_flask:
            config.set_main_option("script_location", str(config_path.parent).replace("%", "%%"))
        script = ScriptDirectory.from_config(config)
        _surround(setup, script, config, root=root_of(config_path))
        own = OwnFolders(root_of(config_path), (script.dir, *(script.version_locations or ())))
        return Project(
            setup=setup,
            config=config,
            script=script,
            folders=own,
            code=execute_from_bytes(
                own,
                is_sourceless=script.sourceless,
                read=read.code,
                cache=CodeCache(str(config_path.absolute())),
            ),
            opened=OpenedFiles(own, dict(read.opened)),
        )


def _section(setup: Setup, config_path: Path) -> str:
    """Return the section that Alembic reads: of several databases, one has a section with its URL only."""
    return OWN_SECTION if setup.section in databases_of(config_path) else setup.section


def _choose_database(setup: Setup, config: Config) -> None:
    """Have env.py see one database, where the configuration has several as Alembic's template multidb does.

    A new revision is for all of them, so none is chosen for it. Raises UsageError where it is not said which
    one is meant, or models would have to be compared with all.
    """
    databases = databases_of(setup.config_path)
    if not databases:
        return
    if setup.command == "revision":
        if setup.options.get("autogenerate"):
            raise UsageError(
                "several-databases",
                f"{setup.config_path.name} has {len(databases)} databases, and models are compared with one",
                state=NOT_TOUCHED,
                next_steps=("write it by hand: af-db local create --empty MESSAGE",),
            )
        return
    if setup.section in databases:
        config.set_main_option("databases", setup.section)
    elif len(databases) > 1:
        raise UsageError(
            "several-databases",
            f"{setup.config_path.name} has {len(databases)} databases, and af-db works on one at a time",
            state=NOT_TOUCHED,
            next_steps=tuple(
                f"for {name}: the same command with -n {name}, and DATABASE_URL naming that database"
                for name in databases
            ),
        )


def _surround(setup: Setup, script: ScriptDirectory, config: Config, *, root: Path) -> None:
    """Have env.py run, whoever runs it, in what it needs around it."""
    settings = read_configuration(settings_root(setup))
    is_of_flask = settings.flask_app is not None or _names_current_app(Path(script.env_py_location))
    if settings.attributes is None and not is_of_flask:
        return
    run_env = script.run_env

    def run_surrounded() -> None:
        with surroundings(config, settings, root=root, is_of_flask=is_of_flask):
            run_env()

    script.run_env = run_surrounded  # type: ignore[method-assign]


def _names_current_app(env_py: Path) -> bool:
    """Say whether env.py asks Flask for the application, as every env.py of Flask-Migrate does."""
    try:
        return re.search(rb"^[^#\n]*\bcurrent_app\b", env_py.read_bytes(), re.MULTILINE) is not None
    except OSError:  # said where it is run
        return False


def _beside(config_path: Path) -> dict[str, Any]:
    """Return what Alembic gets of the pyproject.toml beside a configuration, which it reads from 1.16 on."""
    if hasattr(Config, "toml_alembic_config"):
        return {"toml_file": config_path.with_name("pyproject.toml")}
    if config_path.suffix != ".toml":
        return {}
    raise UsageError(
        "no-project",
        f"{config_path} has [tool.alembic], which Alembic {alembic.__version__} does not read",
        state=NOT_TOUCHED,
        next_steps=("install Alembic 1.16 or later, or write an alembic.ini",),
    )


def _require_section(setup: Setup, config: Config) -> None:
    """Raise UsageError for a section that is not there; Alembic would miss its first option instead."""
    if setup.section == OWN_SECTION:
        return
    file = setup.config_path.name
    sections = [] if file.endswith(".toml") else config.file_config.sections()
    if setup.section not in sections:
        there = f"; it has {', '.join(f'[{name}]' for name in sections)}" if sections else ""
        raise UsageError(
            "no-section",
            f"{file} has no section [{setup.section}] that -n/--name could mean{there}",
            state=NOT_TOUCHED,
            next_steps=("name a section of alembic.ini, or leave -n away",),
        )


def _load(project: Project) -> None:
    """Have Alembic read the revision files."""
    try:
        with warnings.catch_warnings(), stdout_kept_clean():
            warnings.filterwarnings("error", ONLY_WARNED, UserWarning)
            project.script.get_heads()
        project.code.keep()
    except BaseException as error:
        if is_interruption(error):
            raise
        raise _refusal(project, error) from error


def _refusal(project: Project, error: BaseException) -> UsageError:
    """What is wrong with the files, in our words where we see it too, else in Alembic's."""
    faults = find_faults(_imported_files(project))
    if faults:
        first, *others = faults
        more = ("see everything that is wrong: af-db check",) if others else ()
        return UsageError(
            first.code,
            first.message,
            state=NOT_TOUCHED,
            next_steps=(first.remedy or RULES[first.code].help, *more),
        )
    own_words = isinstance(error, UserWarning | CommandError | RevisionError)
    return _broken_project(text_of(error) if own_words else f"{type(error).__name__}: {text_of(error)}")


def _broken_project(said: str) -> UsageError:
    return UsageError(
        "broken-project",
        f"Alembic cannot read this project: {said}",
        state=NOT_TOUCHED,
        next_steps=("correct the configuration or the file that it names",),
    )


@contextlib.contextmanager
def _configuration_errors(config_path: Path) -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise _broken_project(text_of(error)) from error
    except UsageError:
        raise
    except Exception as error:  # noqa: BLE001 - Alembic reads it with whatever there is
        # Not the error's own words: they repeat the line, and a line may hold a password.
        hidden = isinstance(error, configparser.Error | tomllib.TOMLDecodeError | UnicodeDecodeError)
        raise UsageError(
            "broken-project",
            f"{config_path.name} cannot be read ({type(error).__name__})"
            + ("" if hidden else f": {text_of(error)}"),
            state=NOT_TOUCHED,
            next_steps=(f"correct {config_path.name}",),
        ) from (None if hidden else error)


def _loaded_files(project: Project) -> tuple[RevisionFile, ...]:
    """The files with what Alembic, which has run them, found them to declare."""
    files = {file.path: file for file in _read_files(project)}
    given = arguments_of_env_py(project)
    for script in project.script.walk_revisions():
        path = Path(script.path)
        file = files.get(path) or RevisionFile(path=path, name=_name(project, path), source="")
        declared = {
            name: getattr(script.module, name) for name in DECLARATIONS if hasattr(script.module, name)
        }
        file = with_values(file, {"revision": script.revision, **declared})
        files[path] = replace(file, unfit=find_unfit(script.module, path, given))
    return tuple(files.values())


def _imported_files(project: Project) -> tuple[RevisionFile, ...]:
    """The files with what running each of them gives, or why it cannot be run."""
    with stdout_kept_clean():
        return tuple(_imported(file) for file in _read_files(project))


def _imported(file: RevisionFile) -> RevisionFile:
    if file.broken is not None:
        return file
    try:
        module = load_module(file.path)
    except BaseException as error:
        if is_interruption(error):
            raise
        return replace(file, broken=_why_not_imported(error, file.path))
    return with_values(file, {name: getattr(module, name) for name in DECLARATIONS if hasattr(module, name)})


def _read_files(project: Project) -> tuple[RevisionFile, ...]:
    """The files that Alembic would take for revisions, in its order, each once."""
    found: dict[Path, None] = {}
    for folder in version_folders(project.script):
        for root, folders, names in os.walk(folder):
            paths = [Path(root, name) for name in sorted(names) if FILE_NAME.fullmatch(name)]
            found.update((path.resolve(), None) for path in paths)
            deeper = sorted(set(folders) - {"__pycache__"})
            folders[:] = deeper if project.script.recursive_version_locations else []
    return tuple(
        read_revision_file(path, content_of(path).data, name=_name(project, path))
        for path in found
        if path.is_file()
    )


def _name(project: Project, path: Path) -> str:
    root = project.root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _why_not_imported(error: BaseException, path: Path) -> Broken:
    """Why an import failed, and on which line of this file; a place elsewhere is part of the words."""
    said = f"it cannot be imported: {type(error).__name__}: {text_of(error)}"
    if isinstance(error, SyntaxError):  # of something that the file imports
        return Broken(why=f"{said} ({error.filename}, line {error.lineno})")
    trace = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in trace if frame.filename == str(path)]
    if refused := why_not_loaded(error, path, lines[-1] if lines else None):
        return refused
    if trace[-1].filename != str(path):
        said += f" ({trace[-1].filename}, line {trace[-1].lineno})"
    return Broken(
        why=said, line=lines[-1] if lines else None, remedy=next(iter(refused_program_steps()), None)
    )
