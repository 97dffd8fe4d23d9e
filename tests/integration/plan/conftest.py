"""Plans are rehearsed here, on a server of their own."""

import pytest


@pytest.fixture(autouse=True)
def _rehearsing(monkeypatch: pytest.MonkeyPatch, _bare_environment: None) -> None:
    monkeypatch.setenv("AF_DB_REHEARSAL", "true")
