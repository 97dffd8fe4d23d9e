"""Where af-db keeps what it may forget: in the user's own folder for caches, outside of every project."""

import os
import sys
from pathlib import Path


def user_cache_folder() -> Path | None:
    """Return af-db's folder in the user's own for caches, there or not; None where none is known."""
    home = os.environ.get("HOME") or os.environ.get("USERPROFILE")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    elif sys.platform == "darwin":
        base = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    if not base or not Path(base).is_absolute():
        return None
    return Path(base, "af-db")
