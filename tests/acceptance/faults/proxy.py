"""A network that misbehaves: a TCP proxy on the loopback between af-db and PostgreSQL.

It reads PostgreSQL's protocol, version 3, so that it can lose exactly one answer. The test server has no
TLS, so there is nothing to decrypt: the client's request for it passes, and the server's "N" comes back.
"""

import contextlib
import enum
import re
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from agent_factory.url import parse_url

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
QUERY, READY_FOR_QUERY, BACKEND_KEY_DATA = b"Q", b"Z", b"K"
POLL_S = 0.05
POOLER_OFFSET = 1_000_000_000
"""What a pooler's process ids are away from the server's."""

_Forward = Callable[[bytes, socket.socket], bytes]
"""Hands on the whole messages of what has been read; returns the beginning of the next one."""


class Cut(enum.Enum):
    """What becomes of a message that ends a connection."""

    BEFORE = "the server never gets it"
    REPLY = "the server answers, and the client never hears"


@dataclass(slots=True)
class _Trap:
    """Ends one connection at the last of ``patterns``, when the others came before it on that connection."""

    patterns: tuple[re.Pattern[bytes], ...]
    cut: Cut
    sprung: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Forwards connections to one server until it is told to misbehave. Use it as a context manager."""

    def __init__(self, url: str) -> None:
        where = parse_url(url)
        assert where.host is not None
        self._url = url
        self._server = (where.host, where.port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._flowing = threading.Event()
        self._flowing.set()
        self._closing = threading.Event()
        self._connections: list[_Connection] = []
        self._changing = threading.Lock()
        self.delay_s = 0.0
        self.hides_backends = False
        self.trap: _Trap | None = None
        self.queries: list[bytes] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._closing.set()
        self._flowing.set()
        self.refuse()
        self.cut_all()
        for connection in self._connections:
            connection.join()

    @property
    def url(self) -> str:
        """The server's URL, by way of this proxy."""
        host, port = self._server
        return self._url.replace(f"@{host}:{port}/", f"@127.0.0.1:{self._port}/")

    def hang(self, *, new_ones_too: bool = False) -> None:
        """Become a black hole: what is sent vanishes, and no connection ends. Not even when its client does.

        New connections are forwarded all the same, as after a firewall has forgotten the old ones.
        """
        with self._changing:
            for connection in self._connections:
                connection.hangs = not connection.closed_by_client.is_set()
                connection.flowing.clear()
        if new_ones_too:
            self._flowing.clear()

    def flow(self) -> None:
        """Forward new connections again; those that hang stay in the black hole."""
        self._flowing.set()

    @property
    def closed_by_client(self) -> bool:
        """Whether a client has given up a connection that it had when the black hole opened."""
        with self._changing:
            return any(
                connection.hangs and connection.closed_by_client.is_set() for connection in self._connections
            )

    def refuse(self) -> None:
        """Let nobody in any more; connections that are there stay."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(10)
        self._listener.close()

    def cut_all(self) -> None:
        """End every connection, both ways."""
        with self._changing:
            for connection in self._connections:
                connection.cut()

    def drop_after(self, *patterns: bytes, cut: Cut = Cut.REPLY) -> None:
        """End a connection when a message of its client matches the last of these patterns.

        The others have to have come before it, in their order.
        """
        compiled = tuple(re.compile(pattern, re.IGNORECASE | re.DOTALL) for pattern in patterns)
        self.trap = _Trap(patterns=compiled, cut=cut)

    @property
    def has_dropped(self) -> bool:
        return self.trap is not None and self.trap.sprung.is_set()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._server, timeout=10)
            except OSError:
                client.close()
                continue
            connection = _Connection(self, client, server)
            if not self._flowing.is_set():
                connection.flowing.clear()
            with self._changing:
                self._connections.append(connection)
            connection.start()


class _Connection:
    """One client's connection: two threads, each forwarding one way, message by message."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client, self._upstream = client, server
        self.flowing = threading.Event()
        self.flowing.set()
        self.hangs = False
        self.closed_by_client = threading.Event()
        self._is_cut = threading.Event()
        self._reply_is_lost = threading.Event()
        self._asked_for_encryption = threading.Event()
        self._watched: _Trap | None = None
        self._awaited: list[re.Pattern[bytes]] = []
        for side in (client, server):
            side.settimeout(None)
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._threads = [
            threading.Thread(target=self._pump, args=(client, server, self._from_client), daemon=True),
            threading.Thread(target=self._pump, args=(server, client, self._from_server), daemon=True),
        ]
        self._started_up = False

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)
        self._client.close()
        self._upstream.close()

    def cut(self) -> None:
        self._is_cut.set()
        self.flowing.set()
        for side in (self._client, self._upstream):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, sink: socket.socket, forward: _Forward) -> None:
        waiting = b""
        with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
            selector.register(source, selectors.EVENT_READ)
            while not self._is_cut.is_set():
                if not selector.select(POLL_S):
                    continue
                read = source.recv(65536)
                if not read and source is self._client:
                    self.closed_by_client.set()
                if self._proxy.delay_s:
                    time.sleep(self._proxy.delay_s)  # the fault itself: a slow network
                self.flowing.wait()
                if self._is_cut.is_set():
                    return
                if not read:
                    break
                waiting = forward(waiting + read, sink)
        self.cut()

    def _from_client(self, data: bytes, server: socket.socket) -> bytes:
        while True:
            message, data = self._next_from_client(data)
            if not message:
                return data
            if message[:1] == QUERY:
                self._proxy.queries.append(message[5:])
            trap = self._proxy.trap
            if trap is None or trap.sprung.is_set() or not self._springs(trap, message):
                server.sendall(message)
                continue
            trap.sprung.set()
            if trap.cut is Cut.BEFORE:
                self.cut()
                return b""
            self._reply_is_lost.set()
            server.sendall(message)

    def _springs(self, trap: _Trap, message: bytes) -> bool:
        if trap is not self._watched:
            self._watched, self._awaited = trap, list(trap.patterns)
        if self._awaited[0].search(message):
            del self._awaited[0]
        return not self._awaited

    def _next_from_client(self, data: bytes) -> tuple[bytes, bytes]:
        """The first message whole, and what follows it; no message when it is not all there."""
        if self._started_up:
            return _split(data, has_type=True)
        message, data = _split(data, has_type=False)
        if message:
            (kind,) = struct.unpack("!I", message[4:8])
            if kind in (SSL_REQUEST, GSS_REQUEST):
                self._asked_for_encryption.set()
            elif kind == CANCEL_REQUEST and self._proxy.hides_backends:
                (pid,) = struct.unpack("!I", message[8:12])
                message = message[:8] + struct.pack("!I", pid - POOLER_OFFSET) + message[12:]
            else:
                self._started_up = True
        return message, data

    def _from_server(self, data: bytes, client: socket.socket) -> bytes:
        if self._asked_for_encryption.is_set() and data[:1] == b"N":
            # The refusal of encryption is one letter, not a message.
            self._asked_for_encryption.clear()
            client.sendall(data[:1])
            data = data[1:]
        while True:
            message, data = _split(data, has_type=True)
            if not message:
                return data
            if self._reply_is_lost.is_set():
                if message[:1] == READY_FOR_QUERY:
                    self.cut()
                    return b""
                continue
            if message[:1] == BACKEND_KEY_DATA and self._proxy.hides_backends:
                (pid,) = struct.unpack("!I", message[5:9])
                message = message[:5] + struct.pack("!I", pid + POOLER_OFFSET) + message[9:]
            client.sendall(message)


def _split(data: bytes, *, has_type: bool) -> tuple[bytes, bytes]:
    begin = 1 if has_type else 0
    if len(data) < begin + 4:
        return b"", data
    (length,) = struct.unpack("!I", data[begin : begin + 4])
    end = begin + length
    return (data[:end], data[end:]) if len(data) >= end else (b"", data)
