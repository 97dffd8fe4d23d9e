"""Writing a file that nobody sees half written, whenever this process is killed."""

import os
import secrets
from pathlib import Path


def write_whole(text: str, path: Path) -> None:
    """Write the text as UTF-8 into a new file in the place of what is there. Raises OSError."""
    path = Path(os.path.realpath(path))  # what a link leads to is replaced, not the link
    if path.exists() and not path.is_file():
        raise FileExistsError(None, "it exists, and is not a file")
    beside = path.with_name(f".af-db-{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
