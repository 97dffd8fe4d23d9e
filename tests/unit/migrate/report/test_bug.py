"""What follows the traceback of a bug."""

import importlib.metadata
import re
from email.message import Message

import pytest

from agent_factory.migrate.model import version
from agent_factory.migrate.report import bug


def test_the_versions_are_there_and_the_servers_that_were_met(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "_servers", {})
    for server in ("PostgreSQL 15.4", "PostgreSQL 16.2", "PostgreSQL 15.4"):
        version.note_server(server)

    report = bug.render_report()

    names = ("af-db", "Python", "Alembic", "SQLAlchemy", "psycopg2", "PostgreSQL")
    assert all(re.search(rf"\b{name} \d+\.\d+", report) for name in names)
    assert report.count("PostgreSQL 15.4") == 1
    assert "PostgreSQL 16.2" in report
    assert "CONTRIBUTING.md" in report


def test_the_address_is_the_projects_own(monkeypatch: pytest.MonkeyPatch) -> None:
    message = Message()
    message["Project-URL"] = "Homepage, https://example.org"
    message["Project-URL"] = "Issues, https://example.org/issues"
    monkeypatch.setattr(bug, "metadata", lambda _name: message)

    assert bug.render_report().endswith("report it with all of this: https://example.org/issues")


def test_a_package_that_is_not_installed_costs_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(bug, "version", missing)
    monkeypatch.setattr(bug, "metadata", missing)

    assert "Alembic of unknown version" in bug.render_report()
