"""A network that takes its time: a relay on the loopback that hands everything on a little later."""

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator

CHUNK = 65_536


@contextlib.contextmanager
def slow_link(host: str, port: int, round_trip_s: float) -> Iterator[int]:
    """Relay to ``host:port`` for the block and yield the relay's port; each way takes half a round trip."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, (host, port), round_trip_s / 2), daemon=True).start()
        yield listener.getsockname()[1]
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
