"""A lock in the way of one try of a revision."""

import threading
import time
from collections.abc import Callable

import psycopg2

PATIENCE_S = 120.0
"""Until the run is at the statement; on a busy machine it comes late."""


def block_one_try(url: str, sql: str) -> Callable[[], None]:
    """Hold a lock until somebody has waited for it and given up; return what waits for that."""
    connection = psycopg2.connect(url)
    cursor = connection.cursor()
    cursor.execute(sql)

    def count_waiting() -> int:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't001'::regclass")
        ((count,),) = cursor.fetchall()
        return int(count)

    def release() -> None:
        for wanted in (1, 0):
            until = time.monotonic() + PATIENCE_S
            while count_waiting() != wanted and time.monotonic() < until:
                time.sleep(0.01)
        connection.rollback()
        connection.close()

    thread = threading.Thread(target=release)
    thread.start()
    return thread.join
