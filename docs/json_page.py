"""docs/json.md and the schemas of docs/json/, from the program's own types: ``python -m docs.json_page``.

With ``--check`` it writes nothing and exits with 1 when one of them is stale. The examples are values of
these types, written by the same code that writes a command's output.
"""

import json
import sys
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from agent_factory.migrate.db import health, readiness
from agent_factory.migrate.model import (
    checklist,
    diagnosis,
    errors,
    events,
    findings,
    inspected,
    options,
    origin,
    plan,
    results,
    session,
    watched,
    written,
)
from agent_factory.migrate.report.json import (
    SCHEMA_VERSION,
    event_name,
    render_error,
    render_event,
    render_result,
)
from agent_factory.migrate.report.json import render_plan as render_plan_result
from agent_factory.migrate.review import build, waits
from docs import json_examples

ROOT = Path(__file__).parent
PAGE = ROOT / "json.md"
SCHEMAS = ROOT / "json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
NAMES = {
    name: value
    for module in (
        checklist,
        errors,
        events,
        findings,
        inspected,
        options,
        origin,
        plan,
        results,
        session,
        watched,
        written,
        build,
        waits,
        health,
        readiness,
    )
    for name, value in vars(module).items()
}
"""What annotations in quotation marks name."""

KINDS: Mapping[str, tuple[type, tuple[str, ...]]] = {
    "current": (results.CurrentResult, ("current", "local current", "prod current")),
    "history": (results.HistoryResult, ("local history", "prod history")),
    "status": (inspected.StatusResult, ("local status", "prod status")),
    "show": (inspected.ShowResult, ("local show", "prod show")),
    "plan": (build.PlanResult, ("local plan", "prod plan")),
    "preflight": (checklist.PreflightResult, ("prod preflight",)),
    "run": (results.RunResult, ("local upgrade", "local downgrade", "prod upgrade", "prod downgrade")),
    "redo": (inspected.RedoResult, ("local redo",)),
    "create": (written.CreateResult, ("local create",)),
    "merge": (written.MergeResult, ("local merge",)),
    "rebase": (written.RebaseResult, ("local rebase",)),
    "environment": (written.EnvironmentResult, ("local environment", "prod environment")),
    "schema": (written.SchemaResult, ("local schema", "prod schema")),
    "adopt": (written.AdoptResult, ("local adopt", "prod adopt")),
    "doctor": (diagnosis.DoctorResult, ("doctor", "local doctor", "prod doctor")),
    "wait": (diagnosis.WaitResult, ("wait", "local wait", "prod wait")),
    "watch": (watched.WatchResult, ("local watch", "prod watch")),
    "stop": (written.StopResult, ("prod stop",)),
    "check": (findings.CheckResult, ("check", "local check", "prod check")),
}
"""Each kind of document: the result that it shows, and the commands that print it."""

EVENTS = (*get_args(events.Event), health.Health)

PROMISE = f"""# JSON

Every command takes `--json`: one document on stdout, errors included, and nothing else there. A run with
`--progress json` writes one line of JSON to stderr for each event. Each document and each event has a
[JSON Schema](https://json-schema.org) (2020-12) in [docs/json/](json/), and the tests hold every output
against it. This page and the schemas are written by `python -m docs.json_page`.

`schema_version` is {SCHEMA_VERSION}. It rises when a field is renamed or removed, or gets another meaning or
type. New fields, new values of `code` and new events may come at any time: a program has to leave alone what
it does not know, and the schemas allow it. Exit codes, and the `code` of errors and findings, keep their
meaning. Texts for people (`message`, `next_steps`, `notes`, `state`, `how`) may be worded otherwise at any
time.

Times are ISO 8601 with their offset, `seconds` and what ends in `_s` are seconds, paths are absolute.
Secrets, and values of rows that a server has quoted, are `***`.

"""


def main(arguments: list[str]) -> int:
    """Write page and schemas, or with ``--check`` compare them; return the exit code."""
    wanted = {
        PAGE: page(),
        **{SCHEMAS / f"{name}.json": _dumped(schema) for name, schema in schemas().items()},
    }
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text("utf-8") != text]
    stale += [path for path in SCHEMAS.glob("*.json") if path not in wanted]
    if "--check" in arguments:
        for path in stale:
            sys.stderr.write(f"{path.name} is stale: run python -m docs.json_page\n")
        return int(bool(stale))
    SCHEMAS.mkdir(exist_ok=True)
    for path in SCHEMAS.glob("*.json"):
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    return 0


def schemas() -> dict[str, dict[str, Any]]:
    """Return the schema of each kind of document, of errors, and of each event, by the name of its file."""
    found = {name: document_schema(name) for name in KINDS}
    found["error"] = _document(
        "error",
        "What any command prints that cannot do its job, and nothing else of it",
        {
            "error": {
                "type": "object",
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "state": {"type": "string"},
                    "next_steps": {"type": "array", "items": {"type": "string"}},
                    "revisions": {"type": "array", "items": _of_type(errors.RevisionOutcome)},
                },
                "required": ["code", "message", "state", "next_steps", "revisions"],
            }
        },
    )
    return found | {f"event-{event_name(kind)}": event_schema(kind) for kind in EVENTS}


def document_schema(name: str) -> dict[str, Any]:
    """Return the schema of one kind of document."""
    kind, commands = KINDS[name]
    shape = _of_type(kind)
    if kind is build.PlanResult:
        review = shape["properties"]["review"]
        review["properties"] |= {
            "high": {"type": "integer"},
            "waits": {"type": "array", "items": _of_type(waits.TableWait)},
        }
        review["required"] += ["high", "waits"]
    said = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    return _document(name, f"{', '.join(commands)}: {said}", shape["properties"], shape["required"])


def event_schema(kind: type) -> dict[str, Any]:
    """Return the schema of one event's line."""
    shape = _of_type(kind)
    if "revision" in shape["properties"]:
        shape["properties"]["revision"] = {"type": "string"}
    properties = {"event": {"const": event_name(kind)}, "at": {"type": "string", "format": "date-time"}}
    return {
        "$schema": DRAFT,
        "title": f"event {event_name(kind)}",
        "description": " ".join((kind.__doc__ or "").split()),
        "type": "object",
        "properties": properties | shape["properties"],
        "required": [*properties, *shape["required"]],
    }


def _document(
    name: str, said: str, properties: Mapping[str, Any], required: list[str] | None = None
) -> dict[str, Any]:
    head = {
        "schema_version": {"const": SCHEMA_VERSION},
        "command": {"type": "string"},
        "exit_code": {"type": "integer"},
    }
    return {
        "$schema": DRAFT,
        "title": name,
        "description": said,
        "type": "object",
        "properties": head | dict(properties),
        "required": [*head, *(properties if required is None else required)],
    }


def _of_type(kind: Any) -> dict[str, Any]:
    """Return the schema of the values of a type, as the program writes them."""
    if is_dataclass(kind):
        hints = get_type_hints(kind, localns=NAMES)
        names = [field.name for field in fields(kind)]
        return {
            "type": "object",
            "properties": {name: _of_type(hints[name]) for name in names},
            "required": names,
        }
    origin_of, arguments = get_origin(kind), get_args(kind)
    if origin_of in (types.UnionType, Union):
        return {"anyOf": [_of_type(one) for one in arguments]}
    if origin_of is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": _of_type(arguments[0])}
    if origin_of is tuple:
        items = [_of_type(one) for one in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return {"enum": [member.value for member in kind]}
    plain = {
        str: "string",
        Path: "string",
        bool: "boolean",
        int: "integer",
        float: "number",
        type(None): "null",
    }
    return {"type": "string", "format": "date-time"} if kind is datetime else {"type": plain[kind]}


def page() -> str:
    """Return docs/json.md: the promise, then an example of each document and of each event."""
    return PROMISE + "\n".join([*_documents(), *_events()])


def _documents() -> Iterator[str]:
    yield "## Documents\n"
    for name, (kind, commands) in KINDS.items():
        example = json_examples.RESULTS[kind]
        render = render_plan_result if isinstance(example, build.PlanResult) else render_result
        yield from _section(
            name, ", ".join(f"`{command}`" for command in commands), kind, render(commands[-1], example)
        )
    yield from _section(
        "error", "any command", errors.MigrationError, render_error("prod upgrade", json_examples.ERROR)
    )


def _events() -> Iterator[str]:
    yield "## Events\n"
    for kind in EVENTS:
        line = json.loads(render_event(json_examples.EVENTS[kind]))
        line["at"] = "2026-10-25T09:12:00.000+00:00"
        yield from _section(
            f"event-{event_name(kind)}", "", kind, json.dumps(line, ensure_ascii=False), level="###"
        )


def _section(name: str, commands: str, kind: type, example: str, *, level: str = "###") -> Iterator[str]:
    said = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    yield f"{level} {name.removeprefix('event-')}\n"
    yield f"{commands}{': ' if commands else ''}{said} [Schema](json/{name}.json).\n"
    yield f"```json\n{example}\n```\n"


def _dumped(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
