"""Watches one connection run a migration's statements: what each locks, rewrites, scans and changes."""

from agent_factory.migrate.rehearsal.trace.reads import Place
from agent_factory.migrate.rehearsal.trace.statements import (
    BUILDS_INDEX,
    Change,
    ChangeKind,
    HeldLock,
    TableEffect,
    TracedRead,
    TracedStatement,
)
from agent_factory.migrate.rehearsal.trace.tracing import Trace, tracing

__all__ = [
    "BUILDS_INDEX",
    "Change",
    "ChangeKind",
    "HeldLock",
    "Place",
    "TableEffect",
    "Trace",
    "TracedRead",
    "TracedStatement",
    "tracing",
]
