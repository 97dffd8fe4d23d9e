"""Workflows in a process of their own, where the project's code may do what it likes.

Whatever is not a run itself goes this way: what reads, plans, rehearses and checks.
"""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from agent_factory.migrate.model.setup import Setup
from agent_factory.migrate.project import Project, open_project
from agent_factory.migrate.project.pipe import call_apart
from agent_factory.url import DatabaseURL

P = ParamSpec("P")
T = TypeVar("T")


def in_child(workflow: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Return what the workflow returns, or raise what it raises; functions among its arguments run here."""
    return call_apart(workflow, *arguments, **options)


def on_project(
    setup: Setup,
    url: DatabaseURL | None,
    workflow: Callable[Concatenate[Project, P], T],
    *arguments: P.args,
    **options: P.kwargs,
) -> T:
    """Do the same with a project that is opened there; what its files read while they load is ``url``."""
    return call_apart(functools.partial(_opened, workflow, setup, url), *arguments, **options)


def _opened(
    workflow: Callable[..., T],
    setup: Setup,
    url: DatabaseURL | None,
    *arguments: object,
    **options: object,
) -> T:
    return workflow(open_project(setup, target=url), *arguments, **options)
