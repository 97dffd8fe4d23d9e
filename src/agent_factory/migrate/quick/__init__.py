"""The questions that machines ask all day, answered before the command line's libraries are loaded.

``--version``, ``current``, ``history``, and "nothing to do" of ``upgrade``. Whatever is not fully understood
here is left to the normal way: no answer is wrong, some are slower. Nothing here words anything: results go
to the same reports.
"""

from agent_factory.migrate.quick.answer import answer

__all__ = ["answer"]
