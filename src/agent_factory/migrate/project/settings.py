"""Which settings project code has asked for in vain: their names, and never a value."""

import os
import traceback
from collections.abc import Callable
from typing import Any


def missing_settings(error: BaseException) -> tuple[str, ...]:
    """Return what is not set, where that is why this was raised; empty where something else is wrong.

    It is a variable of the environment, or a field of settings that pydantic reads. pydantic's own words
    have the other values too.
    """
    known: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in known:
        known.add(id(one))
        if found := _of_environment(one) or _of_pydantic(one):
            return found
        one = one.__cause__ or one.__context__
    return ()


def _of_environment(error: BaseException) -> tuple[str, ...]:
    frames = traceback.extract_tb(error.__traceback__)
    if not isinstance(error, KeyError) or not frames or not error.args:
        return ()
    is_asked = frames[-1].name == "__getitem__" and frames[-1].filename in (os.__file__, "<frozen os>")
    return (str(error.args[0]),) if is_asked else ()


def _of_pydantic(error: BaseException) -> tuple[str, ...]:
    errors: Callable[..., list[dict[str, Any]]] | None = getattr(error, "errors", None)
    if type(error).__name__ != "ValidationError" or errors is None:
        return ()
    try:
        found = errors(include_url=False, include_context=False, include_input=False)
        return tuple(".".join(map(str, each["loc"])) for each in found if each["type"] == "missing")
    except (TypeError, KeyError):  # another library's, of the same name
        return ()
