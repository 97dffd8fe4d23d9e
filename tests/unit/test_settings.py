from pathlib import Path

import pytest
from pydantic import ValidationError

from agent_factory.redaction import redact
from agent_factory.settings import read_database_url, read_settings


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text("DATABASE_URL=sqlite:///./file.db\nSUPABASE_URL=https://x.supabase.co\nOTHER=1\n")
    assert str(read_database_url(read_settings(env_file))) == "sqlite:///./file.db"

    monkeypatch.setenv("DATABASE_URL", "sqlite:///./environment.db")

    assert str(read_database_url(read_settings(env_file))) == "sqlite:///./environment.db"


def test_without_a_file_the_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///./file.db\n")

    assert read_settings().database_url is None


@pytest.mark.parametrize("value", ["", None])
def test_an_unset_or_empty_url_means_the_embedded_default(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value is not None:
        monkeypatch.setenv("DATABASE_URL", value)

    assert str(read_database_url(read_settings())) == "sqlite:///./agent_factory.db"


def test_secrets_are_not_printable_and_are_redacted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:canary-one@h/db")
    monkeypatch.setenv("SUPABASE_ANON_KEY", "canary-two")
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "canary-three")

    settings = read_settings()

    assert "canary" not in f"{settings} {settings!r} {settings.model_dump_json()}"
    assert redact("keys canary-two and canary-three") == "keys *** and ***"
    with pytest.raises(ValidationError):
        settings.database_url = None  # type: ignore[misc]
