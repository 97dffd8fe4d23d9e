"""docs/json.md and docs/json/: as the program writes, and each example as its schema says."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from docs import json_page

from tests.json_schemas import validate_document, validate_events

PAGE = Path(json_page.__file__).with_name("json.md").read_text(encoding="utf-8")
EXAMPLES = [json.loads(example) for example in re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)]


def test_page_and_schemas_are_those_of_the_program() -> None:
    assert json_page.main(["--check"]) == 0


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda one: one.get("command") or one["event"])
def test_each_example_is_as_its_schema_says(example: dict[str, object]) -> None:
    if "event" in example:
        validate_events(json.dumps(example))
    else:
        validate_document(example)


def test_a_field_that_is_missing_or_of_another_type_is_noticed() -> None:
    current = next(example for example in EXAMPLES if example.get("command") == "prod current")

    with pytest.raises(jsonschema.ValidationError, match="'heads' is a required property"):
        validate_document({key: value for key, value in current.items() if key != "heads"})
    with pytest.raises(jsonschema.ValidationError, match="is not of type 'boolean'"):
        validate_document(current | {"at_head": "yes"})
    with pytest.raises(jsonschema.ValidationError, match="1 was expected"):
        validate_document(current | {"schema_version": 2})


def test_a_field_that_is_new_is_allowed() -> None:
    for example in EXAMPLES:
        if "command" in example:
            validate_document(example | {"something_new": 1})
