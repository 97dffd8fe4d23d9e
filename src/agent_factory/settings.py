"""Settings; this module is the reader of the environment and of ``.env``."""

import os
from pathlib import Path

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent_factory.redaction import register_secret
from agent_factory.url import DEFAULT_DATABASE_URL, DatabaseURL, parse_url


class Settings(BaseSettings):
    """What Agent Factory reads from its environment; a secret cannot be printed by accident.

    The durations ``af_db_...`` are the options of the same names.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    database_url: SecretStr | None = None
    supabase_url: SecretStr | None = None
    supabase_anon_key: SecretStr | None = None
    supabase_service_role_key: SecretStr | None = None

    af_db_lock_wait: str | None = None
    af_db_retry_for: str | None = None
    af_db_lock_timeout: str | None = None
    af_db_lock_timeout_max: str | None = None
    af_db_statement_timeout: str | None = None
    af_db_rehearsal_timeout: str | None = None
    af_db_scratch_url: SecretStr | None = None
    """A PostgreSQL to rehearse on, instead of one that is started for it."""
    af_db_rehearsal: bool = True
    """Whether plans are rehearsed; false is what ``--no-rehearsal`` says."""

    af_db_environment: str | None = None
    """The environment name that the database of ``af-db prod`` must have, as ``--environment`` says it."""
    af_db_approved_by: str | None = None
    """Who has approved a run, as the CI job that runs it says."""
    staging_database_url: SecretStr | None = None
    """The database on which revisions run first."""

    pgsslmode: str | None = None
    """What libpq takes for ``sslmode`` where the URL does not say."""

    github_server_url: str | None = None
    github_repository: str | None = None
    github_run_id: str | None = None
    ci_job_url: str | None = None
    build_url: str | None = None

    @property
    def ci_url(self) -> str | None:
        """The address of the CI run that this is, on GitHub, GitLab or Jenkins; None elsewhere."""
        if self.github_run_id and self.github_repository:
            return f"{self.github_server_url}/{self.github_repository}/actions/runs/{self.github_run_id}"
        return self.ci_job_url or self.build_url


class MalformedEnvFileError(ValueError):
    """A line of an environment file that cannot be read; its text is not told, since it may hold a secret."""

    def __init__(self, path: Path, line: int) -> None:
        super().__init__(f"{path}, line {line} is no NAME=value: is a quote not closed?")


class InvalidSettingError(ValueError):
    """A setting has a value that it cannot have; the value is not shown, since it may hold a secret."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"{', '.join(names)} cannot have the value that it has")
        self.names = names


def read_settings(env_file: Path | None = None) -> Settings:
    """Read the environment and, for what it leaves unset, ``env_file`` when one is given and exists.

    Raises MalformedEnvFileError and InvalidSettingError.
    """
    if env_file is not None and env_file.is_file():
        _check(env_file)
    try:
        # The leading underscore is how pydantic-settings names its per-call overrides.
        settings = Settings(_env_file=env_file, _env_file_encoding="utf-8")
    except ValidationError as error:
        wrong = tuple(str(each["loc"][0]).upper() for each in error.errors(include_input=False))
        raise InvalidSettingError(wrong) from None
    for key in (settings.supabase_anon_key, settings.supabase_service_role_key):
        if key is not None:
            register_secret(key.get_secret_value())
    return settings


def read_sources(env_file: Path | None = None) -> dict[str, str]:
    """Return for each variable of ``read_settings`` that is set where it was found, in words."""
    of_environment = {name.upper() for name, value in os.environ.items() if value}
    of_file: set[str] = set()
    if env_file is not None and env_file.is_file():
        from dotenv import dotenv_values

        of_file = {
            name.upper() for name, value in dotenv_values(env_file, interpolate=False).items() if value
        }
    sources = {}
    for name in map(str.upper, Settings.model_fields):
        if name in of_environment & of_file:
            sources[name] = "the environment, which wins over .env"
        elif name in of_environment | of_file:
            sources[name] = "the environment" if name in of_environment else ".env"
    return sources


def _check(env_file: Path) -> None:
    """Raise MalformedEnvFileError for a line that python-dotenv would leave out."""
    from dotenv.parser import parse_stream  # 15 ms, and `af-db prod` reads no file

    with env_file.open(encoding="utf-8") as stream:
        for binding in parse_stream(stream):
            if binding.error:
                raise MalformedEnvFileError(env_file, binding.original.line)


def read_database_url(settings: Settings) -> DatabaseURL:
    """Return the database of these settings, or the embedded default when they name none.

    Raises MalformedURLError.
    """
    if settings.database_url is None:
        return parse_url(DEFAULT_DATABASE_URL)
    return parse_url(settings.database_url.get_secret_value())
