"""One JSON document per command."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent_factory.migrate.model.errors import ExitCode, MigrationError
from agent_factory.migrate.model.results import Result
from agent_factory.migrate.report.screen import CONTROL
from agent_factory.plain_text import text_of
from agent_factory.redaction import redact

if TYPE_CHECKING:
    from agent_factory.migrate.db.health import Health
    from agent_factory.migrate.model.events import Event
    from agent_factory.migrate.review.build import PlanResult

SCHEMA_VERSION = 1
"""Rises when a field is renamed or removed; new fields may come at any time."""


def render_result(command: str, result: Result) -> str:
    """Return the document of a command that did its job."""
    return _dump({"command": command, "exit_code": int(result.exit_code), **asdict(result)})


def render_plan(command: str, result: "PlanResult") -> str:
    """Return the document of a reviewed plan; ``high`` counts what needs a consent of its own, ``waits`` is
    what the application will feel."""
    facts = asdict(result)
    facts["review"]["high"] = len(result.review.high)
    facts["review"]["waits"] = [asdict(wait) for wait in result.review.waits]
    return _dump({"command": command, "exit_code": int(result.exit_code), **facts})


def write_document(document: Mapping[str, object]) -> str:
    """Return a document whose form is another standard's, without secrets."""
    return f"{_write(document, indent=2)}\n"


def render_error(command: str, error: MigrationError) -> str:
    """Return the document of a command that could not."""
    return _dump(
        {
            "command": command,
            "exit_code": int(error.exit_code),
            "error": {
                "code": error.code,
                "message": error.message,
                "state": error.state,
                "next_steps": list(error.next_steps),
                "revisions": [asdict(item) for item in error.revisions],
            },
        }
    )


def render_event(event: "Event") -> str:
    """Return what happened as one line, with this machine's time."""
    from agent_factory.migrate.model.events import RevisionApplied, RevisionStarted

    facts = asdict(event)
    if isinstance(event, RevisionStarted | RevisionApplied):
        facts["revision"] = event.revision.id
    at = datetime.now().astimezone().isoformat(timespec="milliseconds")
    return _write({"event": event_name(type(event)), "at": at, **facts})


def event_name(kind: type) -> str:
    """Return what events of this class are called: ``RunStarted`` is ``run-started``."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
    return {"warned": "warning"}.get(name, name)


def render_health(health: "Health") -> str:
    """Return what a server says of itself as one line, with the server's time."""
    at = datetime.fromtimestamp(health.at_s).astimezone().isoformat(timespec="milliseconds")
    return _write({"event": "health", "at": at, **asdict(health)})


def render_bug(command: str, error: BaseException) -> str:
    """Return the document of a command that has a bug; the traceback goes to stderr."""
    bug = MigrationError("bug", f"{type(error).__name__}: {text_of(error)}", state="not known")
    bug.exit_code = ExitCode.BUG
    return render_error(command, bug)


def _dump(document: Mapping[str, object]) -> str:
    document = {"schema_version": SCHEMA_VERSION, **document}
    return _write(document, indent=2)


def _write(document: Mapping[str, object], *, indent: int | None = None) -> str:
    # Redaction works on the values: a secret's characters may be escaped in the finished text.
    text = json.dumps(_clean(document), indent=indent, ensure_ascii=False)
    return CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _clean(value: object) -> object:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if isinstance(value, Path):
        return redact(str(value))
    if isinstance(value, datetime):
        return value.isoformat()
    return value
