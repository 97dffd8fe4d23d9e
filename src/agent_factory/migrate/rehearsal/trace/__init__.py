"""Watches one connection run a migration's statements: what each locks, rewrites, scans and changes."""

from agent_factory.migrate.rehearsal.trace.statements import (
    BUILDS_INDEX,
    Change,
    ChangeKind,
    HeldLock,
    TableEffect,
    TracedStatement,
)
from agent_factory.migrate.rehearsal.trace.tracing import Trace, tracing

__all__ = [
    "BUILDS_INDEX",
    "Change",
    "ChangeKind",
    "HeldLock",
    "TableEffect",
    "Trace",
    "TracedStatement",
    "tracing",
]
