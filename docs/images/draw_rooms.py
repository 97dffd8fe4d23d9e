"""Draw the rooms into ``docs/architecture.md``, from the code: ``python -m docs.images.draw_rooms``.

With ``--check`` it writes nothing and exits with 1 when the page is stale.
"""

import ast
import sys
import tomllib
from collections.abc import Collection, Iterator
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PACKAGE = "agent_factory.migrate"
FOLDER = ROOT / "src" / "agent_factory" / "migrate"
BEGIN = "<!-- drawn from the code by `python -m docs.images.draw_rooms`: begin {} -->"
END = "<!-- drawn: end {} -->"

MOST_FOLDERS = 1
"""Folders within a room whose modules are listed."""

Floors = list[list[str]]


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it; return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    drawn = redraw(page)
    if "--check" in arguments:
        if page != drawn:
            sys.stderr.write(f"{PAGE.name} is stale: run python -m docs.images.draw_rooms\n")
        return int(page != drawn)
    PAGE.write_text(drawn, encoding="utf-8")
    return 0


def redraw(page: str) -> str:
    """Return the page with what stands between the markers drawn again."""
    floors = read_floors()
    for name, drawing in (("map", draw_map(floors)), ("imports", draw_imports(floors, read_imports()))):
        begin, end = BEGIN.format(name), END.format(name)
        before, _, rest = page.partition(begin)
        _, _, after = rest.partition(end)
        page = f"{before}{begin}\n```\n{drawing}```\n{end}{after}"
    return page


def read_floors() -> Floors:
    """Return the rooms of each floor, the highest first, from the contract in pyproject.toml."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = configuration["tool"]["importlinter"]["contracts"]
    (floors,) = (item["layers"] for item in contracts if item.get("containers") == [PACKAGE])
    return [floor.split(" | ") for floor in floors]


def draw_map(floors: Floors) -> str:
    """Return every room with its modules, each with the first line of its docstring.

    Of a package within a package of a room only the name: there, one file more is one thing more of a kind.
    """
    return "".join(
        f"{line}\n"
        for floor in floors
        for room in floor
        for line in _lines(FOLDER / room if (FOLDER / room).is_dir() else FOLDER / f"{room}.py", 0)
    )


def _lines(place: Path, depth: int) -> Iterator[str]:
    name = f"{place.name}/" if place.is_dir() else place.name
    says = _first_line(place / "__init__.py" if place.is_dir() else place)
    yield f"{'  ' * depth}{name:<{26 - 2 * depth}} {says}".rstrip()
    if place.is_dir() and depth <= MOST_FOLDERS:
        inside = [path for path in place.iterdir() if path.suffix == ".py" and path.stem != "__init__"]
        inside += [path for path in place.iterdir() if (path / "__init__.py").exists()]
        for path in sorted(inside):
            yield from _lines(path, depth + 1)


def _first_line(module: Path) -> str:
    said = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return said.partition("\n\n")[0].replace("\n", " ").removesuffix(".")


def read_imports() -> set[tuple[str, str]]:
    """Return which rooms import which: of each pair, a module of the first one of the second."""
    graph = grimp.build_graph("agent_factory")
    pairs: set[tuple[str, str]] = set()
    for importer in graph.modules:
        rooms = {_room(imported) for imported in graph.find_modules_directly_imported_by(importer)}
        pairs.update((_room(importer), room) for room in rooms if room not in ("", _room(importer)))
    return pairs


def draw_imports(floors: Floors, pairs: Collection[tuple[str, str]]) -> str:
    """Return a table: a row for each room, with a mark for each room below it that it imports.

    Not how many of its modules do: that would change with every file.
    """
    rooms = [room for floor in floors for room in floor]
    width = max(map(len, rooms))
    columns = [room for room in rooms if any((other, room) in pairs for other in rooms)]
    lines = [" " * width + "".join(f"  {room}" for room in columns)]
    for room in rooms:
        cells = "".join(f"  {'x' if (room, column) in pairs else '·':>{len(column)}}" for column in columns)
        lines.append(f"{room:<{width}}{cells}")
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _room(module: str) -> str:
    return module.removeprefix(f"{PACKAGE}.").partition(".")[0] if module.startswith(f"{PACKAGE}.") else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
