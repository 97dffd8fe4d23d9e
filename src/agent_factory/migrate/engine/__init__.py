"""Running a plan: the only package that changes a database.

``run_plan`` supervises a worker thread: the worker takes the run lock, runs the revisions and tries again
where that is safe; the main thread owns the signals, the watchdog and the display.
"""

from agent_factory.migrate.engine.failure import explain
from agent_factory.migrate.engine.place import is_raised_by, place_in_revision, steps_in_revision
from agent_factory.migrate.engine.run import run_plan

__all__ = ["explain", "is_raised_by", "place_in_revision", "run_plan", "steps_in_revision"]
