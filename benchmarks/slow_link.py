"""A network that takes its time: a relay on the loopback that hands everything on a little later."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

CHUNK = 65_536


@contextlib.contextmanager
def slow_link(url: str, round_trip_s: float) -> Iterator[str]:
    """Relay to the server of this URL for the block and yield the URL of the same database through it.

    Each way takes half a round trip. Without a round trip the URL stays what it is.
    """
    if not round_trip_s:
        yield url
        return
    near = urlsplit(url)
    server = (near.hostname or "127.0.0.1", near.port or 5432)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, server, round_trip_s / 2), daemon=True).start()
        far = f"{near.netloc.rpartition('@')[0]}@127.0.0.1:{listener.getsockname()[1]}"
        yield near._replace(netloc=far).geturl()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # closing alone would not wake the thread in accept()


def _accept(listener: socket.socket, server: tuple[str, int], delay_s: float) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        far = socket.create_connection(server)
        for source, sink in ((near, far), (far, near)):
            sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            on_the_way: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()
            threading.Thread(target=_take, args=(source, on_the_way, delay_s), daemon=True).start()
            threading.Thread(target=_deliver, args=(sink, on_the_way), daemon=True).start()


def _take(
    source: socket.socket, on_the_way: "queue.SimpleQueue[tuple[float, bytes]]", delay_s: float
) -> None:
    """Read at once whatever arrives, so that the delay adds up for those who wait and not for a stream."""
    data = b"-"
    while data:
        try:
            data = source.recv(CHUNK)
        except OSError:
            data = b""
        on_the_way.put((time.monotonic() + delay_s, data))


def _deliver(sink: socket.socket, on_the_way: "queue.SimpleQueue[tuple[float, bytes]]") -> None:
    with contextlib.suppress(OSError):
        while True:
            due, data = on_the_way.get()
            time.sleep(max(0.0, due - time.monotonic()))
            if not data:
                sink.shutdown(socket.SHUT_WR)
                return
            sink.sendall(data)
