"""The stages that a connection to PostgreSQL goes through before TLS, one by one: the host's name, and TCP.

libpq does them all in one call, and what it says of a failure is where it gave up. Each is tried here as
libpq does it, so that the first one that fails can be named.
"""

import errno
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agent_factory.migrate.db.connection_failures import explain_connection_failure
from agent_factory.migrate.db.libpq import psql_command
from agent_factory.migrate.db.supabase import steps_to_ipv4
from agent_factory.migrate.model.diagnosis import Examined, Group, Verdict
from agent_factory.migrate.model.durations import show_duration
from agent_factory.migrate.model.errors import CannotConnectError
from agent_factory.migrate.model.target import Target

TIMEOUT_S = 5.0
"""How long one stage may take."""

NAME = "name resolution"
TCP = "TCP"

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a socket connects to: ``where`` is what Python's sockets of this ``family`` take."""

    family: int
    where: Any

    def __str__(self) -> str:
        return str(self.where if isinstance(self.where, str) else self.where[0])


Lookup = Callable[..., Sequence[tuple[Any, ...]]]


def resolve_name(
    target: Target,
    *,
    lookup: Lookup | None = None,
    has_route: Callable[[Address], bool] | None = None,
) -> tuple[Examined, tuple[Address, ...]]:
    """Return what became of the host's name, and the addresses to try; none where it has failed.

    A name that has only IPv6 addresses fails where this machine has no way to them.
    """
    host, port = target.url.host, target.url.port or 5432
    ask = lookup or socket.getaddrinfo
    if host is None:
        return examined(NAME, Verdict.OK, "no host is named: libpq takes its own local socket"), ()
    if host.startswith(("/", "@")):
        said = f"none is needed: a local socket in {host}"
        return examined(NAME, Verdict.OK, said), (_socket_address(host, port),)
    try:
        found = _in_time(lambda: ask(host, port, type=socket.SOCK_STREAM), host)
    except OSError as error:
        said = f"could not translate host name: {error.strerror or error}"
        return failed(NAME, explain_connection_failure(OSError(said), target), target), ()
    except UnicodeError:  # of IDNA: an empty label, or one of more than 63 characters
        said = "could not translate host name: a part of it is empty or too long"
        return failed(NAME, explain_connection_failure(OSError(said), target), target), ()
    addresses = tuple(dict.fromkeys(Address(family=item[0], where=item[4]) for item in found))
    shown = ", ".join(dict.fromkeys(map(str, addresses)))
    if _is_address(host):
        return examined(NAME, Verdict.OK, f"none is needed: {host} is an address"), addresses
    only_ipv6 = all(address.family == socket.AF_INET6 for address in addresses)
    if only_ipv6 and not any(map(has_route or _has_route, addresses)):
        said = f"{host} has only IPv6 addresses ({shown}), and this machine has no IPv6"
        unusable = CannotConnectError("ipv6-only", said, next_steps=steps_to_ipv4(target.url))
        return failed(NAME, unusable, target), ()
    return examined(NAME, Verdict.OK, f"{host} is {shown}{', IPv6 only' if only_ipv6 else ''}"), addresses


def reach(target: Target, addresses: Sequence[Address]) -> tuple[Examined, Address | None]:
    """Return whether something takes connections there, and the first address that does."""
    unreached = []
    for address in addresses:
        began = time.monotonic()
        try:
            open_socket(address).close()
        except OSError as error:
            unreached.append(f"{address}: {error.strerror or error}")
            continue
        took = show_duration(time.monotonic() - began)
        port = f", port {address.where[1]}," if not isinstance(address.where, str) else ""
        without = f" (not {'; '.join(unreached)})" if unreached else ""
        return examined(TCP, Verdict.OK, f"{address}{port} answers in {took}{without}"), address
    cause = explain_connection_failure(OSError("; ".join(unreached)), target)
    return failed(TCP, cause, target), None


def open_socket(address: Address) -> socket.socket:
    """Return a socket that is connected to this address. Raises OSError."""
    opened = socket.socket(address.family, socket.SOCK_STREAM)
    opened.settimeout(TIMEOUT_S)
    try:
        opened.connect(address.where)
    except BaseException:
        opened.close()
        raise
    return opened


def examined(name: str, verdict: Verdict, what: str, **more: Any) -> Examined:
    """Return what was found of one stage of the connection."""
    return Examined(group=Group.CONNECTION, name=name, verdict=verdict, what=what, **more)


def failed(name: str, error: CannotConnectError, target: Target) -> Examined:
    """Return a stage that this error has ended, with the line by which psql tries the same."""
    what = error.message.removeprefix(f"cannot connect to {target}: ")
    steps = (*error.next_steps, f"try it: {psql_command(target.url)}")
    return examined(name, Verdict.FAILED, what, code=error.code, next_steps=steps)


def not_tried(*names: str) -> tuple[Examined, ...]:
    """Return the stages that were not come to."""
    return tuple(examined(name, Verdict.NOT_TRIED, "a stage before it has failed") for name in names)


def _socket_address(folder: str, port: int) -> Address:
    path = f"{folder}/.s.PGSQL.{port}"
    return Address(family=socket.AF_UNIX, where="\0" + path[1:] if path.startswith("@") else path)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _has_route(address: Address) -> bool:
    """Say whether this machine has a way to an address; a UDP socket finds it out, and sends nothing."""
    with socket.socket(address.family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(address.where)
        except OSError as error:
            return error.errno not in _NO_ROUTE
        return True


def _in_time(lookup: Callable[[], Sequence[tuple[Any, ...]]], host: str) -> Sequence[tuple[Any, ...]]:
    """Return what the lookup does, which no limit ends where a name server is silent. Raises OSError."""
    found: list[Sequence[tuple[Any, ...]]] = []
    raised: list[Exception] = []

    def ask() -> None:
        try:
            found.append(lookup())
        except (OSError, UnicodeError) as error:
            raised.append(error)

    asking = threading.Thread(target=ask, name="af-db name", daemon=True)
    asking.start()
    asking.join(TIMEOUT_S)
    if raised:
        raise raised[0]
    if not found:
        raise OSError(f"no name server has answered for {host} in {show_duration(TIMEOUT_S)}")
    return found[0]
