"""Every document and every event that a test reads is held against docs/json/."""

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
from docs.json_page import KINDS

FOLDER = Path(__file__).parents[1] / "docs" / "json"
_KIND_OF = {command: name for name, (_kind, commands) in KINDS.items() for command in commands}


@functools.cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def validate_document(document: dict[str, Any]) -> None:
    """Raise ValidationError for a document of a command that is not as its schema says."""
    name = "error" if "error" in document else _KIND_OF[document["command"]]
    _validator(name).validate(document)


def validate_events(text: str) -> None:
    """Do the same for each line of a text that is an event."""
    for line in text.splitlines():
        if line.startswith('{"event": '):
            event = json.loads(line)
            _validator(f"event-{event['event']}").validate(event)
