"""What a project asks of af-db: ``[tool.af-db]`` in the pyproject.toml beside its alembic.ini, or above one's
own place where there is none."""

import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent_factory.migrate.model.checklist import LineName
from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.migrate.model.findings import Ignore
from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.revisions.config_file import root_of


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """From ``begin`` to ``end``, each as ``02:00``, in a time zone that a server is asked about."""

    begin: str
    end: str
    zone: str

    def __str__(self) -> str:
        return f"{self.begin}-{self.end} {self.zone}"

    def have(self, time: str) -> bool:
        """Say whether a time of day, as ``14:05``, is in them; they may go over midnight."""
        if self.begin <= self.end:
            return self.begin <= time < self.end
        return time >= self.begin or time < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """``require_rehearsal`` refuses to run a plan on production that could not be rehearsed.

    ``schemas`` are those that checks read; None means every schema that is not the system's or a
    platform's. ``databases`` are what the project is meant to run on; None is PostgreSQL, and SQLite where
    the project's own database is that. ``ignore`` are the findings to leave out. ``programs`` are those that
    project code may start where it is not run in earnest: in plans, checks and wherever af-db only reads.
    ``lends``: an env.py that makes an engine of its own gets af-db's connection. ``baseline`` makes what the
    first revision begins with: a file of SQL, or ``package:function``. The URL commands are the words of
    programs that print the URL of a database, for ``af-db prod`` and ``af-db local``; or empty.
    ``attributes`` is a function whose dict env.py finds in ``config.attributes``, ``flask_app`` what Flask
    takes for the name of the application in whose context env.py runs. ``required_lines`` of the checklist
    have to pass before production is changed; ``answers_all_lines``: those that take a wait too, at each run.
    ``quiet_hours`` are those in which production is to be changed. ``environment`` is the name that the
    database of ``af-db prod`` must have.
    """

    require_rehearsal: bool = False
    schemas: tuple[str, ...] | None = None
    databases: tuple[str, ...] | None = None
    ignore: tuple[Ignore, ...] = ()
    programs: tuple[str, ...] = ()
    lends: bool = True
    baseline: str | None = None
    prod_url_command: tuple[str, ...] = ()
    local_url_command: tuple[str, ...] = ()
    attributes: str | None = None
    flask_app: str | None = None
    required_lines: tuple[LineName, ...] = ()
    answers_all_lines: bool = False
    quiet_hours: QuietHours | None = None
    environment: str | None = None


_KEYS = (
    "require-rehearsal",
    "schemas",
    "databases",
    "ignore",
    "programs",
    "env-py",
    "baseline",
    "database-url-command",
    "attributes",
    "flask-app",
    "preflight",
    "quiet-hours",
    "environment",
)
_HOURS = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)\s*-\s*((?:[01]\d|2[0-3]):[0-5]\d)\s+([A-Za-z][\w+/-]*)")
_DATABASES = ("postgresql", "sqlite")
_FUNCTION = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*")
_OF_A_URL_COMMAND = ("local", "prod")
_OF_AN_IGNORE = ("code", "object", "file", "reason")


def settings_root(setup: Setup) -> Path:
    """Return the folder of the pyproject.toml that counts for the project, which its paths are seen from."""
    return setup.settings_folder or root_of(setup.config_path)


def read_configuration(root: Path) -> Configuration:
    """Read the table; a project without one has the defaults. Raises UsageError for what it does not know."""
    path = root / "pyproject.toml"
    if not path.is_file():
        return Configuration()
    text, table = _read_table(path)
    configuration = _from_table(table, path)
    lines = _lines_of_ignores(text)
    if len(lines) != len(configuration.ignore):
        return configuration
    located = (replace(item, line=line) for item, line in zip(configuration.ignore, lines, strict=True))
    return replace(configuration, ignore=tuple(located))


def read_keys(root: Path) -> tuple[str, ...]:
    """Return the keys of the table, as they are written there. Raises UsageError where it cannot be read."""
    path = root / "pyproject.toml"
    return tuple(_read_table(path)[1]) if path.is_file() else ()


def _read_table(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the file's text, and the table that it has."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text).get("tool", {}).get("af-db", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _wrong(f"it cannot be read ({type(error).__name__})") from None
    if not isinstance(table, dict):
        raise _wrong("[tool.af-db] must be a table")
    return text, table


def _from_table(table: Mapping[str, Any], path: Path) -> Configuration:
    for key in table:
        if key not in _KEYS:
            raise _wrong(f"[tool.af-db] has no key {key!r}; there are: {', '.join(_KEYS)}")
    required = table.get("require-rehearsal", False)
    if not isinstance(required, bool):
        raise _wrong("require-rehearsal in [tool.af-db] must be true or false")
    return Configuration(
        require_rehearsal=required,
        schemas=_schemas(table["schemas"]) if "schemas" in table else None,
        databases=_databases(table["databases"]) if "databases" in table else None,
        ignore=tuple(_ignore(item, path) for item in _list("ignore", table.get("ignore", []))),
        programs=_programs(table.get("programs", [])),
        lends=_lends(table.get("env-py", "any")),
        attributes=_attributes(table["attributes"]) if "attributes" in table else None,
        flask_app=_flask_app(table["flask-app"]) if "flask-app" in table else None,
        baseline=_baseline(table["baseline"]) if "baseline" in table else None,
        **_preflight(table.get("preflight", "quick")),
        quiet_hours=_quiet_hours(table["quiet-hours"]) if "quiet-hours" in table else None,
        environment=_environment(table["environment"]) if "environment" in table else None,
        **_url_commands(table.get("database-url-command", {})),
    )


def _schemas(given: object) -> tuple[str, ...]:
    names = _list("schemas", given)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise _wrong("schemas in [tool.af-db] must be a list of at least one name")
    return tuple(names)


def _databases(given: object) -> tuple[str, ...]:
    names = _list("databases", given)
    if not names or any(name not in _DATABASES for name in names):
        raise _wrong(f"databases in [tool.af-db] must be a list of: {', '.join(_DATABASES)}")
    return tuple(names)


def _programs(given: object) -> tuple[str, ...]:
    names = _list("programs", given)
    if not all(isinstance(name, str) and name and "/" not in name for name in names):
        raise _wrong("programs in [tool.af-db] must be a list of names without a folder")
    return tuple(names)


def _attributes(given: object) -> str:
    if not isinstance(given, str) or not _FUNCTION.fullmatch(given):
        raise _wrong('attributes in [tool.af-db] must be "package:function", which returns a dict')
    return given


def _flask_app(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise _wrong('flask-app in [tool.af-db] must be what FLASK_APP would be: "package:create_app"')
    return given


def _lends(given: object) -> bool:
    if given not in ("any", "strict"):
        raise _wrong('env-py in [tool.af-db] must be "any", or "strict": it takes the connection itself')
    return given == "any"


def _baseline(given: object) -> str:
    if not isinstance(given, str) or not (given.endswith(".sql") or _FUNCTION.fullmatch(given)):
        raise _wrong('baseline in [tool.af-db] must be a file, "schema.sql", or "package.module:function"')
    return given


def _environment(given: object) -> str:
    if not isinstance(given, str) or not given:
        raise _wrong('environment in [tool.af-db] must be a name: "staging"')
    return given


def _preflight(given: object) -> dict[str, Any]:
    """Return what the checklist has to be: ``"full"``, or a table that says which lines have to pass."""
    table = given if isinstance(given, dict) else {"lines": given}
    lines, required = table.get("lines", "quick"), _list("preflight.require", table.get("require", []))
    names = [str(name) for name in LineName]
    if lines not in ("quick", "full") or table.keys() - {"lines", "require"}:
        raise _wrong(
            'preflight in [tool.af-db] must be "full", "quick", or a table with `lines` and `require`'
        )
    if any(name not in names for name in required):
        raise _wrong(f"preflight.require in [tool.af-db] must be a list of: {', '.join(names)}")
    return {
        "required_lines": tuple(LineName(name) for name in required),
        "answers_all_lines": lines == "full",
    }


def _quiet_hours(given: object) -> QuietHours:
    match = _HOURS.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise _wrong('quiet-hours in [tool.af-db] must be "02:00-05:00 Europe/Berlin"')
    return QuietHours(begin=match[1], end=match[2], zone=match[3])


def _url_commands(given: object) -> dict[str, Any]:
    """Return the commands by the fields that they are for; one that is not said for whom is for ``prod``."""
    commands = given if isinstance(given, dict) else {"prod": given}
    unknown = commands.keys() - _OF_A_URL_COMMAND
    if unknown:
        keys = ", ".join(_OF_A_URL_COMMAND)
        raise _wrong(f"database-url-command in [tool.af-db] has no key {min(unknown)!r}; there are: {keys}")
    return {f"{group}_url_command": _words(words) for group, words in commands.items()}


def _words(given: object) -> tuple[str, ...]:
    words = given
    if isinstance(given, str):
        try:
            words = shlex.split(given)
        except ValueError as error:
            raise _wrong(f"database-url-command in [tool.af-db]: {error}") from None
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise _wrong('database-url-command in [tool.af-db] must be a list of words: ["program", "option"]')
    if not words[0]:
        raise _wrong("database-url-command in [tool.af-db] names no program")
    return tuple(words)


def _ignore(item: object, path: Path) -> Ignore:
    if not isinstance(item, dict):
        raise _wrong('an entry of ignore in [tool.af-db] must be a table: { code = "...", reason = "..." }')
    for key, value in item.items():
        if key not in _OF_AN_IGNORE:
            keys = ", ".join(_OF_AN_IGNORE)
            raise _wrong(f"an entry of ignore in [tool.af-db] has no key {key!r}; there are: {keys}")
        if not isinstance(value, str):
            raise _wrong(f"{key} of an entry of ignore in [tool.af-db] must be a string")
    if not item.get("code"):
        raise _wrong("an entry of ignore in [tool.af-db] has no code")
    return Ignore(**{**item, "reason": item.get("reason", "").strip()}, source=path)


def _list(key: str, given: object) -> list[Any]:
    if not isinstance(given, list):
        raise _wrong(f"{key} in [tool.af-db] must be a list")
    return given


def _lines_of_ignores(text: str) -> list[int]:
    """Return the line of each ``code = ...`` of the table: the parser does not say where a value stands."""
    lines = []
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\s*\[+\s*[A-Za-z_\"']", line):
            inside = re.match(r"\s*\[+\s*tool\.af-db\b", line) is not None
        if inside and not line.lstrip().startswith("#"):
            lines += [number] * len(re.findall(r"(?<![\w-])code\s*=\s*[\"']", line))
    return lines


def _wrong(what: str) -> UsageError:
    return UsageError(
        "bad-configuration",
        f"pyproject.toml: {what}",
        state=NOT_TOUCHED,
        next_steps=("correct [tool.af-db] in pyproject.toml",),
    )
