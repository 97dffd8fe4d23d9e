"""Plans are rehearsed here, on one server for all tests but those that are about the server."""

import pytest


@pytest.fixture(autouse=True)
def _rehearsing(monkeypatch: pytest.MonkeyPatch, _bare_environment: None, scratch_server: str) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
    monkeypatch.setenv("AF_DB_SCRATCH_URL", scratch_server)


@pytest.fixture
def own_scratch_server(monkeypatch: pytest.MonkeyPatch, _rehearsing: None) -> None:
    """Has af-db start a server for each rehearsal, as it does where none is named."""
    monkeypatch.delenv("AF_DB_SCRATCH_URL")
