"""The settings of a command, and what is said of those that cannot be read."""

from pathlib import Path

from agent_factory.migrate.model.errors import NOT_TOUCHED, UsageError
from agent_factory.settings import InvalidSettingError, MalformedEnvFileError, Settings, read_settings
from agent_factory.url import let_the_url_decide


def settings_of(env_file: Path | None) -> Settings:
    """Return the settings, those of ``env_file`` where the environment has none. Raises UsageError."""
    let_the_url_decide()
    try:
        return read_settings(env_file)
    except MalformedEnvFileError as error:
        raise UsageError(
            "malformed-env-file",
            str(error),
            state=NOT_TOUCHED,
            next_steps=("correct that line, or set DATABASE_URL in the environment",),
        ) from None
    except InvalidSettingError as error:
        raise UsageError(
            "bad-setting",
            str(error),
            state=NOT_TOUCHED,
            next_steps=(f"correct it, or take it away: unset {' '.join(error.names)}",),
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "unreadable-env-file",
            f"{env_file} cannot be read ({type(error).__name__})",
            state=NOT_TOUCHED,
            next_steps=("make it readable UTF-8 text, or set DATABASE_URL in the environment",),
        ) from None
