"""Cursors of the drivers, whose statements are traced though SQLAlchemy does not know of them."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from agent_factory.migrate.db.driver import OwnCursor

_SENDS = ("execute", "executemany", "executescript", "copy_expert", "copy_from", "copy_to", "callproc")
"""What a cursor of either driver sends something by."""


class RunTraced(Protocol):
    """Runs what sends a statement, traced, and says so; False where it is not to be traced, and was not run.

    ``sql`` is its text where the driver does not tell it, ``times`` how often it runs.
    """

    def __call__(
        self, cursor: Any, execute: Callable[[], None], *, sql: str | None = None, times: int = 1
    ) -> bool: ...


FillIn = Callable[[Any, Any, Any], str | None]


@contextlib.contextmanager
def cursors_traced(driver: Any, run: RunTraced, fill_in: FillIn) -> Iterator[None]:
    """Have each cursor that this driver's connection makes in the block run its statements by ``run``.

    ``fill_in`` returns the text of a statement with the first of its many rows of parameters.
    """
    make_cursor = driver.cursor
    is_over = False

    def send(cursor: Any, name: str, send_as_is: Callable[..., Any], *given: Any, **named: Any) -> Any:
        answers: list[Any] = []
        sql, times = None, 1
        if name == "executemany" and len(given) == 2:
            given = (given[0], list(given[1]))
            times = len(given[1])
            sql = fill_in(cursor, *(given[0], given[1][0])) if times else None
        elif name == "executescript":
            sql = str(given[0])

        def execute() -> None:
            answers[:] = [send_as_is(*given, **named)]

        if is_over or not times or not run(cursor, execute, sql=sql, times=times):
            execute()
        return answers[0]

    classes: dict[type[Any], type[Any]] = {}

    def traced(made: type[Any]) -> type[Any]:
        def sending(name: str) -> Callable[..., Any]:
            as_is = getattr(made, name)

            def method(self: Any, *given: Any, **named: Any) -> Any:
                return send(self, name, functools.partial(as_is, self), *given, **named)

            return method

        methods = {name: sending(name) for name in _SENDS if hasattr(made, name)}
        return type(made.__name__, (made,), methods)

    def cursor(*given: Any, **named: Any) -> Any:
        made = make_cursor(*given, **named)
        if not isinstance(made, OwnCursor):
            kind = type(made)
            made.__class__ = classes[kind] = classes.get(kind) or traced(kind)
        return made

    driver.cursor = cursor
    try:
        yield
    finally:
        del driver.cursor
        is_over = True
