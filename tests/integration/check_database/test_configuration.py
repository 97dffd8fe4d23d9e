"""``schemas`` and ``ignore`` of [tool.af-db], as ``prod check`` heeds them."""

import json

from tests.integration.check_database.conftest import Checked


def configure(prod: Checked, text: str) -> None:
    (prod.project.root / "pyproject.toml").write_text(f"[tool.af-db]\n{text}\n")


def test_drift_that_is_ignored_is_told_with_its_reason(prod: Checked) -> None:
    prod.execute("CREATE TABLE legacy_users (id integer)", "CREATE TABLE stray (id integer)")
    configure(prod, 'ignore = [{ code = "drift", object = "public.legacy_*", reason = "the old system\'s" }]')

    document = prod.check()

    assert {item["object"] for item in document["findings"]} == {"public.stray"}
    assert {item["finding"]["object"] for item in document["ignored"]} == {"public.legacy_users"}
    assert {item["reason"] for item in document["ignored"]} == {"the old system's"}


def test_an_ignore_that_is_used_no_more_is_a_finding(prod: Checked) -> None:
    configure(prod, 'ignore = [{ code = "drift", object = "public.legacy_*", reason = "x" }]')

    found = prod.findings()

    assert set(found) == {"unused-ignore"}
    assert found["unused-ignore"]["line"] == 2


def test_drift_that_was_not_looked_for_makes_no_ignore_unused(prod: Checked) -> None:
    configure(prod, 'ignore = [{ code = "drift", reason = "x" }]')

    assert prod.findings("--no-rehearsal") == {}


def test_a_developers_database_need_not_have_what_production_is_forgiven(sqlite: Checked) -> None:
    configure(sqlite, 'ignore = [{ code = "drift", reason = "x" }]')

    assert sqlite.findings() == {}


def test_only_the_schemas_that_are_named_are_looked_at(prod: Checked) -> None:
    prod.execute("CREATE SCHEMA reporting", "CREATE TABLE reporting.daily (day date)")
    assert set(prod.findings()) == {"drift"}

    configure(prod, 'schemas = ["public"]')

    assert prod.findings() == {}


def test_drift_in_each_form_has_the_same_code_and_exit_code(prod: Checked) -> None:
    prod.execute("DROP INDEX ix_users_email")

    github = prod.run("check", "--format", "github")
    sarif = prod.run("check", "--format", "sarif")
    markdown = prod.run("check", "--format", "markdown")

    assert {github.code, sarif.code, markdown.code} == {3}
    assert github.out.startswith("::error title=drift::index public.ix_users_email is missing%0A")
    (result,) = json.loads(sarif.out)["runs"][0]["results"]
    (location,) = result["locations"]
    assert location["logicalLocations"] == [{"fullyQualifiedName": "public.ix_users_email"}]
    assert location["physicalLocation"]["artifactLocation"]["uri"] == "alembic.ini"
    assert "**error** `drift`: index public.ix" in markdown.out
