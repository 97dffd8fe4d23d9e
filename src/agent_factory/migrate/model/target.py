"""Which database a command works on, and what must be so before it does."""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum

from agent_factory.migrate.model.errors import NOT_TOUCHED, RefusedError, UsageError
from agent_factory.url import DatabaseURL, MalformedURLError, parse_url

_NOT_REPEATED = frozenset({"--plan", "--json", "--dry-run"})
"""Options that are right for one plan alone, or say for whom the output was."""
_ENVIRONMENT = "--environment"
_TAKE_ENVIRONMENT = frozenset({"check", "downgrade", "plan", "preflight", "upgrade"})


class Environment(StrEnum):
    LOCAL = "local"
    PROD = "prod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A database and the command group that works on it.

    ``af_db`` is how the command was called, its ``-c`` included, and ``typed`` are the words after that: the
    command, and each argument and option. ``warnings`` are for a person to read first.
    """

    url: DatabaseURL
    environment: Environment
    af_db: str = "af-db"
    typed: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return str(self.url)

    @property
    def name(self) -> str:
        """The database's own name, which a person types to confirm."""
        return self.url.database

    def command(self, arguments: str) -> str:
        """Return the command line that does something else with this target.

        For the command that was typed the options that were typed are kept, but for those that ``arguments``
        has itself; for another one the environment name, where it takes that.
        """
        command, *others = arguments.split(" ")
        named = {word for word in others if word.startswith("--")} | _NOT_REPEATED
        is_typed = self.typed[:1] == (f"{self.environment} {command}",)
        kept = [
            word
            for word in self.typed[1:]
            if (name := word.partition(" ")[0]).startswith("--")
            and name not in named
            and (is_typed or (name == _ENVIRONMENT and command in _TAKE_ENVIRONMENT))
        ]
        return " ".join((self.af_db, str(self.environment), arguments, *kept))

    def again(self, option: str = "") -> str:
        """Return the command line as it was typed, with this option in place of what was typed of it."""
        name = option.partition(" ")[0]
        kept = (word for word in self.typed if not name or word.partition(" ")[0] != name)
        return " ".join(filter(None, (self.af_db, *kept, option)))


def local_target(
    database_url: str, *, named_by: str = "DATABASE_URL", command: str = "af-db", typed: tuple[str, ...] = ()
) -> Target:
    """Return the target of ``af-db local``. Raises UsageError for a URL that is none.

    ``named_by`` is the setting that the URL is from, for messages.
    """
    url = _parse(database_url, named_by)
    if url.backend == "sqlite" and url.database in ("", ":memory:"):
        raise UsageError(
            "malformed-database-url",
            f"{named_by} names a database in memory, which would be gone when the command ends",
            state=NOT_TOUCHED,
            next_steps=("name a file: DATABASE_URL=sqlite:///./agent_factory.db",),
        )
    return Target(url=url, environment=Environment.LOCAL, af_db=command, typed=typed)


def production_target(
    database_url: str | None,
    *,
    sslmode: str | None = None,
    command: str = "af-db",
    typed: tuple[str, ...] = (),
) -> Target:
    """Return the target of ``af-db prod``: PostgreSQL, and encrypted when it is on another machine.

    ``sslmode=require`` is added to a remote URL that does not choose: libpq's own default, ``prefer``,
    falls back to plain text. ``sslmode`` is what the environment chooses (PGSSLMODE). Raises UsageError when
    there is no URL, RefusedError for SQLite.
    """
    if not database_url:
        raise UsageError(
            "no-database-url",
            "DATABASE_URL is not set, and `af-db prod` has no fallback",
            state=NOT_TOUCHED,
            next_steps=(
                "export DATABASE_URL=postgresql://user:password@host:5432/dbname",
                "or name the program that prints it: database-url-command in [tool.af-db]",
                "`af-db prod` never reads .env, so that a laptop's file cannot decide what production is",
            ),
        )
    url = _parse(database_url)
    if url.backend == "sqlite":
        raise RefusedError(
            "sqlite-in-production",
            "DATABASE_URL names a SQLite file; SQLite is for development only",
            state=NOT_TOUCHED,
            next_steps=("set DATABASE_URL to the PostgreSQL of production", "or run: af-db local upgrade"),
        )
    if on_this_machine(url):
        warning = f"{url} looks like a database on this machine, not production: is DATABASE_URL right?"
        return Target(url=url, environment=Environment.PROD, af_db=command, typed=typed, warnings=(warning,))
    if url.option("sslmode") is None:
        url = url.with_option("sslmode", sslmode or "require")
    return Target(url=url, environment=Environment.PROD, af_db=command, typed=typed)


def on_this_machine(url: DatabaseURL) -> bool:
    """Say whether the URL looks like a database on this machine: a file, a socket, a loopback address."""
    if url.backend == "sqlite" or url.host is None or url.host.startswith(("/", "@")):
        return True
    name = url.host.lower().rstrip(".")
    if name in {"localhost", "host.docker.internal"} or name.endswith(".localhost"):
        return True
    address = _address(name)
    return address is not None and (address.is_loopback or address.is_unspecified)


def shared_with_others(url: DatabaseURL) -> bool:
    """Say whether the URL looks like a server that others use: a public address or a name with a domain.

    A name without a dot, such as ``db`` of a compose file, and a private address belong to a
    developer's own network.
    """
    if on_this_machine(url) or url.host is None:
        return False
    address = _address(url.host)
    if address is not None:
        return address.is_global
    return "." in url.host.rstrip(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _parse(database_url: str, named_by: str = "DATABASE_URL") -> DatabaseURL:
    try:
        return parse_url(database_url)
    except MalformedURLError as error:
        raise UsageError(
            "malformed-database-url",
            f"{named_by} cannot be read: {error}",
            state=NOT_TOUCHED,
            next_steps=(
                "set DATABASE_URL to postgresql://user:password@host:5432/dbname, or sqlite:///./file.db",
            ),
        ) from error
