"""Draw prod-upgrade.svg from a real run: ``python -m docs.images.draw_prod_upgrade``."""

import io
import re
from pathlib import Path

import psycopg2
from rich.console import Console
from rich.text import Text

from tests.postgres import throwaway_server
from tests.terminal import run_on_terminal

ROOT = Path(__file__).parents[2]
COLUMNS = 88
ROLE, DATABASE, PASSWORD = "agent", "agentfactory", "not-a-secret"
MOVING = re.compile(r"\x1b\[\?25l.*?\x1b\[\?25h\r?\x1b\[1A\x1b\[2K", re.DOTALL)

# Rich's own frame loads a font from the network; a picture in a repository should not.
FRAME = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px;
  line-height: {line_height}px; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def main() -> None:
    with throwaway_server() as server:
        admin = psycopg2.connect(server.url("postgres"))
        admin.autocommit = True
        cursor = admin.cursor()
        cursor.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{PASSWORD}'")
        cursor.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
        admin.close()
        shown = run_on_terminal(
            *("prod", "upgrade"),
            cwd=ROOT,
            url=f"postgresql://{ROLE}:{PASSWORD}@{server.host}:{server.port}/{DATABASE}",
            answers={"[y/n]": "y\r"},
            columns=COLUMNS,
        ).out
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.assemble(("$ ", "dim"), "af-db prod upgrade"))
    console.print(Text.from_ansi(MOVING.sub("", shown)))
    picture = console.export_svg(title="af-db", code_format=FRAME, unique_id="af-db")
    (ROOT / "docs" / "images" / "prod-upgrade.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
