"""Whether a revision's upgrade() and downgrade() are what Alembic can run."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType

from agent_factory.migrate.model.errors import UNCHANGED, UsageError
from agent_factory.migrate.model.findings import RULES
from agent_factory.migrate.model.plan import Direction, Plan
from agent_factory.migrate.project.history import Project, env_py
from agent_factory.migrate.revisions.contents import content_of
from agent_factory.migrate.revisions.parse import Unfit, bindings, parse_tree

_FUNCTIONS = ("upgrade", "downgrade")
_RUNS_LATER = (
    inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE | inspect.CO_ASYNC_GENERATOR
)
_RUN_NOTHING = (
    (inspect.iscoroutinefunction, "an async function: Alembic calls it, and awaits nothing"),
    (inspect.isasyncgenfunction, "an async generator: Alembic calls it, and awaits nothing"),
    (
        inspect.isgeneratorfunction,
        "a generator, since it yields: Alembic calls it, and takes nothing from it",
    ),
)


def require_functions(project: Project, plan: Plan) -> None:
    """Raise UsageError unless every revision of the plan has the function that is to run, and as Alembic
    can run it: what is wrong with the last one stops the first."""
    name = "upgrade" if plan.direction is Direction.UPGRADE else "downgrade"
    given = arguments_of_env_py(project)
    for step in plan.steps:
        module = project.script.get_revision(step.id).module
        if not hasattr(module, name):
            raise _cannot_run(f"no-{name}", f"{step.path.name} ({step.id}) has no {name}()", step.path, None)
        for unfit in find_unfit(module, step.path, given):
            if unfit.name == name:
                message = f"{step.path.name} ({step.id}): {name} is {unfit.why}"
                raise _cannot_run(f"bad-{name}", message, step.path, unfit.line)


def find_unfit(module: ModuleType, path: Path, given: frozenset[str] | None) -> tuple[Unfit, ...]:
    """Return what Alembic cannot run of a revision's module; what it does not have is left out.

    ``given`` are the names of the arguments that env.py hands to it, None where that is not known.
    """
    found = ((name, _why(getattr(module, name), given)) for name in _FUNCTIONS if hasattr(module, name))
    return tuple(Unfit(name=name, why=why, line=_line(path, name)) for name, why in found if why)


def arguments_of_env_py(project: Project) -> frozenset[str] | None:
    """Return the names of the arguments that env.py gives to ``run_migrations()``, which Alembic hands on.

    None where its text does not tell.
    """
    try:
        tree = parse_tree(content_of(env_py(project)).data)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_run_migrations(node.func)]
    names = {keyword.arg for call in calls for keyword in call.keywords}
    if not calls or None in names:  # a helper of the project calls it, or hands on ** what it has
        return None
    return frozenset(name for name in names if name is not None)


def require_run(name: str, result: object) -> None:
    """Raise TypeError where what this function has returned has yet to run."""
    if result is None:
        return
    if inspect.isawaitable(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
        if inspect.iscoroutine(result):
            result.close()  # Python would warn that it was never awaited
        raise TypeError(f"{name}() returned a {type(result).__name__}, of which nothing has run")


def _why(function: object, given: frozenset[str] | None) -> str | None:
    if _is_plain(function):
        return None
    if not callable(function):
        return f"no function: it is {type(function).__name__}"
    for runs_nothing, why in _RUN_NOTHING:
        if runs_nothing(function) or runs_nothing(type(function).__call__):
            return why
    missing = _required(function).difference(given) if given is not None else ()
    if missing:
        named = ", ".join(sorted(missing))
        return f"a function with arguments that nobody gives to it: {named}"
    return None


def _is_plain(function: object) -> bool:
    """Say whether it is a function as nearly all are, without arguments: nothing has to be asked then."""
    if type(function) is not FunctionType or function.__dict__:
        return False
    code = function.__code__
    return not (code.co_argcount or code.co_kwonlyargcount or code.co_flags & _RUNS_LATER)


def _required(function: Callable[..., object]) -> frozenset[str]:
    try:
        parameters = inspect.signature(function, follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):  # made outside of Python
        return frozenset()
    return frozenset(
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


def _line(path: Path, name: str) -> int | None:
    """Where the file binds this name, the last time."""
    try:
        tree = parse_tree(content_of(path).data)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    return {bound: line for bound, line, _value in bindings(tree)}.get(name)


def _is_run_migrations(called: ast.expr) -> bool:
    return (
        called.attr == "run_migrations"
        if isinstance(called, ast.Attribute)
        else isinstance(called, ast.Name) and called.id == "run_migrations"
    )


def _cannot_run(code: str, message: str, path: Path, line: int | None) -> UsageError:
    where = f", line {line}" if line else ""
    return UsageError(
        code, f"{message}{where}", state=UNCHANGED, next_steps=(RULES[code].help,), file=path, line=line
    )
